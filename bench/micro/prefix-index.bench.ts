/** What it costs to look a prompt up in the caches of a pool, to note where it went, and to score by it; and the memory of it. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { bench, do_not_optimize, run, summary } from 'mitata'
import { approxPrefixCacheProducer } from '../../src/scheduling/prefix/approx-prefix-cache-producer.ts'
import { BlockCache } from '../../src/scheduling/prefix/block-cache.ts'
import { consistentHashScorer } from '../../src/scheduling/prefix/consistent-hash-scorer.ts'
import { noHitLruScorer } from '../../src/scheduling/prefix/no-hit-lru-scorer.ts'
import { prefixCacheScorer } from '../../src/scheduling/prefix/prefix-cache-scorer.ts'
import { pluginContext } from '../../test/scheduling/context.ts'
import { equalEndpoints } from '../../test/scheduling/endpoints.ts'
import { promptRequest } from '../../test/scheduling/prefix/prompts.ts'

const documents = Array.from({ length: 64 }, (_, i) =>
  promptRequest(Buffer.alloc(18 * 1024, `document ${i} has its own words; `)),
)
const unknown = promptRequest(Buffer.alloc(18 * 1024, 'nobody has this; '))

summary(() => {
  for (const count of [8, 100, 1000]) {
    const fleet = equalEndpoints(count, { blockTokens: 16, cacheBlocks: 10_000 })
    const producer = approxPrefixCacheProducer.create({}, pluginContext())
    const context = pluginContext({ plugins: { producer } })
    for (const [i, document] of documents.entries()) {
      for (let copy = 0; copy < count; copy += 8) producer.routed?.(document, fleet[(i + copy) % count])
    }
    const scorers = [prefixCacheScorer, noHitLruScorer, consistentHashScorer]
    const scores = new Float64Array(count)
    bench(`${count} endpoints, an eighth has the prompt: match`, () => producer.produce?.(documents[3], fleet))
    bench(`${count} endpoints, none has the prompt: match`, () => producer.produce?.(unknown, fleet))
    for (const kind of scorers) {
      const scorer = kind.create({}, context)
      bench(`${count} endpoints: ${kind.type}`, () => {
        scorer.score(unknown, fleet, scores)
        do_not_optimize(scores)
      })
    }
  }
  const producer = approxPrefixCacheProducer.create({}, pluginContext())
  const [endpoint] = equalEndpoints(1, { blockTokens: 16, cacheBlocks: 10_000 })
  let turn = 0
  bench('18 KiB of prompt on its way to a full cache', () => producer.routed?.(documents[turn++ % 64], endpoint))
})

await run()

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')
const caches = 100
const blocks = 10_000
const keyOf = (cache: number, block: number) => cache * 7e9 + block * 65_537

function bytesFor<Kept>(make: (cache: number) => Kept): number {
  const used = () => {
    collectGarbage()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  const before = used()
  const kept = Array.from({ length: caches }, (_, cache) => make(cache))
  const after = used()
  do_not_optimize(kept.length)
  return Math.round((after - before) / caches / blocks)
}

const arrays = bytesFor((cache) => {
  const held = new BlockCache()
  const chain = Float64Array.from({ length: blocks }, (_, block) => keyOf(cache, block))
  for (let at = 0; at < blocks; at += 100) held.touch(chain.subarray(at, at + 100), 100, Number.POSITIVE_INFINITY)
  return held
})
const maps = bytesFor((cache) => new Map(Array.from({ length: blocks }, (_, block) => [keyOf(cache, block), block])))
console.log(`${caches} caches of ${blocks} blocks: ${arrays} bytes a block, ${maps} in a Map`)
