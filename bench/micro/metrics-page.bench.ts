/** What is taken out of a vLLM metrics page, against reading the page whole. */
import { bench, do_not_optimize, run, summary } from 'mitata'
import { unknownMetrics } from '../../src/pool/endpoint.ts'
import { vllm } from '../../src/pool/engines.ts'
import { readMetricsPage } from '../../src/pool/metrics-page.ts'
import { vllmPage } from '../../test/pool/vllm-page.ts'

const load = { queued: 3, running: 7, kvUsage: 0.25 }

function adapterStates(count: number) {
  return Array.from({ length: count }, (_, i) => ({ running: `adapter-${i % 7},adapter-x`, waiting: '', at: i }))
}

/** The least that a general parser does: every line cut, every number read. */
function readWhole(page: Buffer): Map<string, number> {
  const samples = new Map<string, number>()
  for (const line of page.toString().split('\n')) {
    const valueAt = line.lastIndexOf(' ')
    if (valueAt !== -1 && !line.startsWith('#')) samples.set(line.slice(0, valueAt), Number(line.slice(valueAt + 1)))
  }
  return samples
}

function kilobytes(page: Buffer) {
  return `${Math.round(page.length / 1024)} KiB`
}

summary(() => {
  for (const histograms of [4, 14, 28]) {
    const page = vllmPage({ ...load, adapters: adapterStates(3) }, histograms)
    bench(`page of ${kilobytes(page)}`, () => do_not_optimize(readMetricsPage(page, vllm, unknownMetrics, 0)))
  }
  const bare = vllmPage(load, 28)
  bench(`page of ${kilobytes(bare)} without adapters`, () =>
    do_not_optimize(readMetricsPage(bare, vllm, unknownMetrics, 0)),
  )
  const many = vllmPage({ ...load, adapters: adapterStates(300) }, 14)
  bench(`page of ${kilobytes(many)}, 300 adapter states`, () =>
    do_not_optimize(readMetricsPage(many, vllm, unknownMetrics, 0)),
  )
  const page = vllmPage({ ...load, adapters: adapterStates(3) }, 28)
  bench(`page of ${kilobytes(page)}, every line read`, () => do_not_optimize(readWhole(page)))
})

await run()
