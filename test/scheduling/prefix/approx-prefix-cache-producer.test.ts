import { beforeEach, describe, expect, it } from 'vitest'
import type { Endpoint } from '../../../src/pool/endpoint.ts'
import type { PrefixMatches, SchedulingRequest, Usage } from '../../../src/scheduling/plugin.ts'
import { approxPrefixCacheProducer } from '../../../src/scheduling/prefix/approx-prefix-cache-producer.ts'
import { pluginContext } from '../context.ts'
import { endpoints, equalEndpoints, schedulingRequest } from '../endpoints.ts'
import { bytesOf, hashed, promptRequest } from './prompts.ts'

const create = (parameters: unknown = {}): PrefixMatches =>
  approxPrefixCacheProducer.create(parameters, pluginContext())

const usage = (promptTokens: number, cachedTokens?: number): Usage => ({
  promptTokens,
  cachedTokens,
  completionTokens: undefined,
  totalTokens: undefined,
})

function matched(matches: PrefixMatches, request: SchedulingRequest, candidates: readonly Endpoint[]): number[] {
  matches.produce?.(request, candidates)
  return candidates.map((candidate) => matches.matchedBytes(candidate))
}

/** Sends the prompt there, and has it answered. */
function send(matches: PrefixMatches, prompt: Buffer, endpoint: Endpoint, answer?: Usage): void {
  const request = promptRequest(prompt)
  matches.routed?.(request, endpoint)
  matches.ended?.(request, endpoint, answer)
}

describe('what endpoints have of a prompt', () => {
  const fleet = equalEndpoints(3)
  const [a, b, c] = fleet
  const document = bytesOf(1, 1024)
  const ask = (seed: number) => Buffer.concat([document, bytesOf(seed, 256)])
  let matches: PrefixMatches
  beforeEach(() => {
    matches = create()
  })

  it('is nothing at first', () => {
    expect(matched(matches, promptRequest(ask(2)), fleet)).toEqual([0, 0, 0])
    expect(matches.totalBytes()).toBe(1280)
  })

  it('is what was sent there, as far as it is the same', () => {
    send(matches, ask(2), b)
    expect(matched(matches, promptRequest(ask(2)), fleet)).toEqual([0, 1280, 0])
    expect(matched(matches, promptRequest(ask(3)), fleet)).toEqual([0, 1024, 0])
    expect(matched(matches, promptRequest(bytesOf(9, 1280)), fleet)).toEqual([0, 0, 0])
  })

  it('is there as soon as the prompt is on its way', () => {
    matches.routed?.(promptRequest(ask(2)), c)
    expect(matched(matches, promptRequest(ask(3)), fleet)).toEqual([0, 0, 1024])
  })

  it('includes what of the prompt came after the decision', () => {
    const prompt = hashed(document)
    const request = schedulingRequest({ prompt })
    matches.routed?.(request, a)
    prompt.push(bytesOf(2, 256), 0, 256)
    matches.promptRead?.(request, a)
    expect(matched(matches, promptRequest(ask(2)), fleet)).toEqual([1280, 0, 0])
  })

  it('is of one model', () => {
    send(matches, ask(2), b)
    expect(matched(matches, promptRequest(ask(2), { targetModel: 'adapter' }), fleet)).toEqual([0, 0, 0])
  })

  it('is known of candidates in any order, and of some of them', () => {
    send(matches, ask(2), b)
    matches.produce?.(promptRequest(ask(2)), fleet)
    expect([c, b, a, b, c].map((endpoint) => matches.matchedBytes(endpoint))).toEqual([0, 1280, 0, 1280, 0])
    expect(matches.matchedBytes(equalEndpoints(1)[0])).toBe(0)
  })

  it('is told rightly while servers come and go', () => {
    send(matches, ask(2), b)
    const request = promptRequest(ask(2))
    const [late] = equalEndpoints(1)
    expect(matched(matches, request, fleet)).toEqual([0, 1280, 0])
    expect(matched(matches, request, [b])).toEqual([1280])
    expect(matched(matches, request, [late, c, b, a])).toEqual([0, 0, 1280, 0])
    expect(matched(matches, request, [])).toEqual([])
    expect(matched(matches, request, fleet)).toEqual([0, 1280, 0])
  })

  it('is nothing where the request has no prompt', () => {
    send(matches, ask(2), b)
    expect(matched(matches, schedulingRequest(), fleet)).toEqual([0, 0, 0])
    expect(matches.totalBytes()).toBe(0)
    expect(() => send(matches, Buffer.alloc(0), b)).not.toThrow()
    expect(() => matches.routed?.(schedulingRequest(), a)).not.toThrow()
  })
})

describe('how much of a prompt is looked at', () => {
  const long = bytesOf(4, 100_000)
  const [endpoint] = equalEndpoints(1)
  const looksAt = (parameters: unknown): number[] => {
    const matches = create(parameters)
    send(matches, long, endpoint)
    return [...matched(matches, promptRequest(long), [endpoint]), matches.totalBytes()]
  }

  it.each([
    ['all of it', {}, 98_304],
    ['the blocks that are named', { maxPrefixBlocksToMatch: 256 }, 16_384],
    ['in their size', { maxPrefixBlocksToMatch: 256, blockSizeTokens: 64 }, 65_536],
    ['the tokens that are named', { maxPrefixTokensToMatch: 1024, maxPrefixBlocksToMatch: 256 }, 4_096],
  ])('is %s', (_, parameters, bytes) => {
    expect(looksAt(parameters)).toEqual([bytes, bytes])
  })
})

describe('how much an endpoint is thought to hold', () => {
  const kept = (matches: PrefixMatches, endpoint: Endpoint, prompts: number): number => {
    const held = Array.from({ length: prompts }, (_, i) =>
      matched(matches, promptRequest(bytesOf(i, 2048)), [endpoint]),
    )
    return held.flat().reduce((sum, bytes) => sum + bytes, 0)
  }
  const fill = (matches: PrefixMatches, endpoint: Endpoint, answer?: Usage) => {
    for (let i = 0; i < 20; i += 1) send(matches, bytesOf(i, 2048), endpoint, answer)
  }
  const [tuned] = endpoints({ blockTokens: 32, cacheBlocks: 64 })
  const [silent] = endpoints({})

  it('is what its cache holds by its metrics', () => {
    const matches = create()
    fill(matches, tuned)
    expect(kept(matches, tuned, 20)).toBe(32 * 64 * 4)
  })

  it('is what the parameters say where its metrics say nothing, or are not to be used', () => {
    for (const [parameters, endpoint] of [
      [{}, silent],
      [{ autoTune: false }, tuned],
    ] as const) {
      const matches = create({ ...parameters, lruCapacityPerServer: 256, blockSizeTokens: 16 })
      fill(matches, endpoint)
      expect(kept(matches, endpoint, 20)).toBe(256 * 16 * 4)
    }
  })

  it('grows with the bytes that a token turns out to have', () => {
    const matches = create()
    for (let times = 0; times < 20; times += 1) fill(matches, tuned, usage(256))
    expect(kept(matches, tuned, 20)).toBe(32 * 64 * 8 - 64)
  })

  it('shrinks while the server has far less of prompts than it should, and comes back', () => {
    const matches = create()
    fill(matches, tuned)
    const again = (cachedTokens: number, times: number) => {
      for (let i = 0; i < times; i += 1) send(matches, bytesOf(19, 2048), tuned, usage(512, cachedTokens))
    }
    again(0, 1)
    expect(kept(matches, tuned, 20)).toBe(7360)
    fill(matches, tuned)
    expect(kept(matches, tuned, 20)).toBe(7360)
    again(500, 30)
    fill(matches, tuned)
    expect(kept(matches, tuned, 20)).toBe(8192)
    again(0, 100)
    expect(kept(matches, tuned, 20)).toBe(128)
  })

  it('does not shrink where the server was not expected to have anything, or says nothing', () => {
    const matches = create()
    for (let i = 0; i < 20; i += 1) send(matches, bytesOf(i, 2048), tuned, usage(512, 0))
    for (let i = 0; i < 20; i += 1) send(matches, bytesOf(19, 2048), tuned, usage(512))
    fill(matches, tuned)
    expect(kept(matches, tuned, 20)).toBe(8192)
  })
})

describe('the parameters', () => {
  it('name what is wrong', () => {
    expect(() => create({ blockSize: 64 })).toThrow(/use \\"blockSizeTokens\\"/)
    expect(() => create({ blockSizeTokens: 0 })).toThrow('blockSizeTokens')
    expect(() => create({ blocks: 1 })).toThrow('blocks')
  })
})
