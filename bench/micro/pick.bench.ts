/** One decision of the default profile, and each scorer and picker alone, over fleets of several sizes. */
import { bench, do_not_optimize, run, summary } from 'mitata'
import { createDefaultProfile } from '../../src/scheduling/default-profile.ts'
import { pickerKinds, scorerKinds } from '../../src/scheduling/plugins.ts'
import { endpoints, equalEndpoints } from '../../test/scheduling/endpoints.ts'

const request = { targetModel: 'adapter-3' }

/** Servers under different loads, each with one of ten adapters. */
function fleet(size: number) {
  return endpoints(
    ...Array.from({ length: size }, (_, i) => ({
      queued: (i * 7) % 5,
      running: (i * 11) % 30,
      kvUsage: ((i * 37) % 100) / 100,
      inFlight: (i * 13) % 17,
      activeAdapters: new Set([`adapter-${i % 10}`]),
      waitingAdapters: new Set(i % 3 === 0 ? ['adapter-0'] : []),
      maxAdapters: 4,
    })),
  )
}

summary(() => {
  const profile = createDefaultProfile()
  for (const size of [3, 10, 100, 1_000]) {
    const candidates = fleet(size)
    bench(`decision over ${size} endpoints`, () => do_not_optimize(profile.schedule(request, candidates, Math.random)))
  }
  const equal = equalEndpoints(1_000)
  bench('decision over 1000 equal endpoints', () => do_not_optimize(profile.schedule(request, equal, Math.random)))
})

const candidates = fleet(1_000)
const scores = new Float64Array(1_000)

summary(() => {
  for (const kind of scorerKinds) {
    const scorer = kind.create()
    bench(`${kind.type} over 1000`, () => scorer.score(request, candidates, scores))
  }
})

summary(() => {
  const totals = Float64Array.from(candidates, ({ metrics }) => metrics.kvUsage)
  for (const kind of pickerKinds) {
    const picker = kind.create({ maxNumOfEndpoints: 2 })
    bench(`${kind.type} over 1000`, () => do_not_optimize(picker.pick(candidates, totals, Math.random)))
  }
})

await run()
