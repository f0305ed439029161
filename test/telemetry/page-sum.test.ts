import { describe, expect, test } from 'vitest'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { type Merge, mergedPages, mergesOf, PageValues } from '../../src/telemetry/page-sum.ts'

function pageOf(text: string): PageValues {
  const page = new PageValues()
  page.read(text)
  return page
}

const merged = (merge: Merge, ...texts: string[]): string => [...mergedPages(texts.map(pageOf), () => merge)].join('')

const head = '# HELP a A.\n# TYPE a counter\n'

describe('a merged page', () => {
  test('has each family once, each series once, and the sums', () => {
    expect(merged('sum', `${head}a{x="1 2"} 1\na{x="b"} 2.5\n`, `${head}a{x="c"} 7\na{x="1 2"} 3\n`)).toBe(
      `${head}a{x="1 2"} 4\na{x="b"} 2.5\na{x="c"} 7\n`,
    )
  })

  test('keeps the buckets of a histogram in their order, and adds them up', () => {
    const histogram = (count: number) =>
      `# HELP h H.\n# TYPE h histogram\nh_bucket{le="1"} ${count}\nh_bucket{le="+Inf"} ${2 * count}\nh_sum 3\nh_count ${2 * count}\n`
    expect(merged('sum', histogram(1), histogram(2))).toBe(histogram(3).replace('h_sum 3', 'h_sum 6'))
  })

  test('has the largest value, or the first, where a sum says nothing', () => {
    expect(merged('max', `${head}a 1\n`, `${head}a 5\n`, `${head}a 3\n`)).toBe(`${head}a 5\n`)
    expect(merged('first', head, `${head}a 5\n`, `${head}a 3\n`)).toBe(`${head}a 5\n`)
  })

  test('has values that are no numbers, or without end', () => {
    expect(merged('first', `${head}a NaN\n`)).toBe(`${head}a NaN\n`)
    expect(merged('sum', `${head}a +Inf\n`, `${head}a 1\n`)).toBe(`${head}a +Inf\n`)
  })

  test('is the page itself where there is one', async () => {
    const { registry: page } = createMetrics(
      { openExchanges: () => 3, pools: () => [], resourceProblems: () => 0 },
      { emitsLlmdNames: true },
    )
    const text = await page.metrics()
    const again = [...mergedPages([pageOf(text)], mergesOf(page.families, page.registry))].join('')
    // Blank lines between the library's families, and what goes on meanwhile, are all the difference.
    const lines = (page: string) => page.split('\n').filter((line) => line !== '' && !/^(process|nodejs)_/.test(line))
    expect(lines(again)).toEqual(lines(text))
    expect(lines(text).length).toBeGreaterThan(50)
  })
})

test('counts go on, gauges do not, when a page is added to another', () => {
  const page = pageOf(`${head}a 1\n`)
  const gauge = '# HELP g G.\n# TYPE g gauge\n'
  page.addCounts(pageOf(`${head}a 2\na{x="y"} 4\n${gauge}g 9\n`), () => 'sum')
  expect([...mergedPages([page], () => 'sum')].join('')).toBe(`${head}a 3\na{x="y"} 4\n`)
})

describe('the families of this service', () => {
  const { registry: page } = createMetrics(
    { openExchanges: () => 0, pools: () => [], resourceProblems: () => 0 },
    { emitsLlmdNames: true },
  )
  const mergeOf = mergesOf(page.families, page.registry)

  test.each([
    'signalbox_open_exchanges',
    'signalbox_held_bytes',
    'signalbox_requests_total',
    'signalbox_exchange_errors_total',
    'signalbox_phase_duration_seconds',
    'inference_extension_flow_control_queue_size',
    'process_cpu_seconds_total',
    'process_resident_memory_bytes',
  ])('%s adds up', (name) => {
    expect(mergeOf(name)).toBe('sum')
  })

  test.each([
    'inference_pool_average_queue_size',
    'inference_pool_per_pod_queue_size',
    'inference_pool_ready_pods',
    'inference_extension_flow_control_pool_saturation',
    'inference_extension_prefix_indexer_size',
    'inference_extension_info',
    'llm_d_epp_ready_endpoints',
    'process_start_time_seconds',
    'nodejs_version_info',
  ])('%s is the same in all', (name) => {
    expect(mergeOf(name)).toBe('first')
  })

  test('of the delays of event loops the longest counts', () => {
    expect(mergeOf('nodejs_eventloop_lag_p99_seconds')).toBe('max')
  })
})
