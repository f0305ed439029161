import { describe, expect, it } from 'vitest'
import { unknownMetrics } from '../../src/pool/endpoint.ts'
import { type EngineSettings, engineFinder, engineNames, parseSelector, vllm } from '../../src/pool/engines.ts'
import { readMetricsPage } from '../../src/pool/metrics-page.ts'

const atom: EngineSettings = {
  name: 'atom',
  queuedRequestsSpec: 'atom:requests{state="waiting"}',
  runningRequestsSpec: 'atom:requests{state=running}',
  kvUsageSpec: 'atom:kv_usage',
  loraSpec: '',
  cacheInfoSpec: 'atom:cache_config_info',
}

describe('a selector', () => {
  it.each([
    ['up', 'up', undefined],
    ['vllm:num_requests_waiting', 'vllm:num_requests_waiting', undefined],
    ['a{}', 'a', undefined],
    ['a{b=c}', 'a', ['b', 'c']],
    ['a{b="c d, {e}"}', 'a', ['b', 'c d, {e}']],
    [' a{ b = c } ', 'a', ['b', 'c']],
    ['a{b=""}', 'a', ['b', '']],
  ])('%s', (text, name, label) => {
    expect(parseSelector(text)).toEqual({ name: Buffer.from(name), label })
  })

  it.each(['', 'a b', '1a', 'a{b}', 'a{b=c', 'a{b=c,d=e}', 'a{b!=c}', 'sum(a)', 'a-b'])('%j is none', (text) => {
    expect(parseSelector(text)).toBeUndefined()
  })
})

const engineOf = engineFinder(undefined, 'vllm', [])

describe('an endpoint’s engine', () => {
  it('is what its labels say, without settings as with none', () => {
    const find = engineFinder(undefined, 'vllm', [])
    for (const name of engineNames) {
      for (const label of ['inference.networking.k8s.io/engine-type', 'llm-d.ai/engine-type']) {
        expect(find({ [label]: name })).toBe(engineOf({ [label]: name }))
      }
    }
    expect(find({})).toBe(vllm)
    expect(find({ 'llm-d.ai/engine-type': 'unheard-of' })).toBe(vllm)
  })

  it('may be in a label of another name', () => {
    const find = engineFinder('engine', 'vllm', [atom])
    expect(find({ engine: 'sglang' })).toBe(engineOf({ 'llm-d.ai/engine-type': 'sglang' }))
    expect(find({ 'llm-d.ai/engine-type': 'sglang' })).toBe(vllm)
  })

  it('may be one that is described, by default and in place of a built-in one', () => {
    const find = engineFinder(undefined, 'atom', [atom, { ...atom, name: 'vllm' }])
    const page = Buffer.from(
      [
        'atom:requests{state="waiting"} 3',
        'atom:requests{state="running"} 5',
        'atom:kv_usage 0.25',
        'atom:cache_config_info{block_size="32",num_gpu_blocks="1000"} 1',
        'vllm:num_requests_waiting 9',
        '',
      ].join('\n'),
    )
    for (const labels of [{}, { 'llm-d.ai/engine-type': 'vllm' }]) {
      expect(readMetricsPage(page, find(labels), unknownMetrics, 1)).toMatchObject({
        queued: 3,
        running: 5,
        kvUsage: 0.25,
        blockTokens: 32,
        cacheBlocks: 1_000,
        maxAdapters: 0,
      })
    }
  })

  it('reads nothing of what it does not describe', () => {
    const bare = { ...atom, queuedRequestsSpec: '', runningRequestsSpec: '', cacheInfoSpec: '' }
    const page = Buffer.from('atom:kv_usage 0.5\nvllm:num_requests_waiting 9\n')
    const metrics = readMetricsPage(page, engineFinder(undefined, 'atom', [bare])({}), unknownMetrics, 1)
    expect(metrics).toMatchObject({ queued: 0, kvUsage: 0.5 })
  })
})
