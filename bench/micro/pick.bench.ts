/**
 * One decision of the default configuration and of the reference's, through the scheduler, and each scorer, filter and
 * picker alone, over fleets of several sizes.
 */
import { bench, do_not_optimize, run, summary } from 'mitata'
import { createConfiguration } from '../../src/scheduling/configuration.ts'
import { createDefaultConfiguration } from '../../src/scheduling/default-configuration.ts'
import { filterKinds, pickerKinds, scorerKinds } from '../../src/scheduling/plugins.ts'
import { createScheduler } from '../../src/scheduling/scheduler.ts'
import { configurationContext } from '../../test/scheduling/configured.ts'
import { pluginContext } from '../../test/scheduling/context.ts'
import { endpoints, equalEndpoints, schedulingRequest } from '../../test/scheduling/endpoints.ts'

const request = schedulingRequest({ targetModel: 'adapter-3', promptBytes: 4_000 })

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

/** The queue, the KV cache and the prefix at weights 2, 2, 3, as the reference has them without a file. */
const reference = createConfiguration(
  {
    value: {
      apiVersion: 'llm-d.ai/v1alpha1',
      kind: 'EndpointPickerConfig',
      plugins: [
        { type: 'queue-scorer' },
        { type: 'kv-cache-utilization-scorer' },
        { type: 'prefix-cache-scorer' },
        { type: 'max-score-picker' },
      ],
      schedulingProfiles: [
        {
          name: 'default',
          plugins: [
            { pluginRef: 'queue-scorer', weight: 2 },
            { pluginRef: 'kv-cache-utilization-scorer', weight: 2 },
            { pluginRef: 'prefix-cache-scorer', weight: 3 },
            { pluginRef: 'max-score-picker' },
          ],
        },
      ],
    },
    origin: { place: () => 'the benchmark' },
  },
  configurationContext,
)

const schedulers = {
  default: createScheduler(createDefaultConfiguration(configurationContext), { keepsScores: false }),
  'default, scores kept': createScheduler(createDefaultConfiguration(configurationContext), { keepsScores: true }),
  reference: createScheduler(reference, { keepsScores: false }),
}

for (const [name, scheduler] of Object.entries(schedulers)) {
  summary(() => {
    for (const size of [3, 10, 100, 1_000]) {
      const candidates = fleet(size)
      bench(`${name}: decision over ${size} endpoints`, () =>
        do_not_optimize(scheduler.schedule(request, candidates, Math.random)),
      )
    }
    const equal = equalEndpoints(1_000)
    bench(`${name}: decision over 1000 equal endpoints`, () =>
      do_not_optimize(scheduler.schedule(request, equal, Math.random)),
    )
  })
}

const scheduled = schedulers.reference.schedule(request, fleet(3), Math.random)
bench('hooks of a request: routed, ended', () => {
  schedulers.default.routed(request, scheduled)
  schedulers.default.ended(request, scheduled, undefined)
})

const candidates = fleet(1_000)
const scores = new Float64Array(1_000)

/** Kinds that can be made without parameters and without other plugins. */
function standingAlone<Kind extends { create(parameters: unknown, context: unknown): unknown }>(
  kinds: readonly Kind[],
) {
  return kinds.filter((kind) => {
    try {
      kind.create({}, pluginContext())
      return true
    } catch {
      return false
    }
  })
}

summary(() => {
  for (const kind of standingAlone(scorerKinds)) {
    const scorer = kind.create({}, pluginContext())
    bench(`${kind.type} over 1000`, () => scorer.score(request, candidates, scores))
  }
})

summary(() => {
  for (const kind of standingAlone(filterKinds)) {
    const filter = kind.create({}, pluginContext())
    bench(`${kind.type} over 1000`, () => do_not_optimize(filter.filter(request, candidates, Math.random)))
  }
})

summary(() => {
  const totals = Float64Array.from(candidates, ({ metrics }) => metrics.kvUsage)
  for (const kind of pickerKinds) {
    const picker = kind.create({ maxNumOfEndpoints: 2 }, pluginContext())
    bench(`${kind.type} over 1000`, () => do_not_optimize(picker.pick(candidates, totals, Math.random)))
  }
})

await run()
