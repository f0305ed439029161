import { seededRandom } from '../endpoints.ts'

/** Tokens in a block of the simulated caches. */
export const blockTokens = 16

export const bytesPerToken = 5

/** A part of a prompt that other prompts may share, together with all that comes before it. */
export type Segment = { readonly bytes: Buffer; readonly blocks: readonly string[] }

export type Arrival = {
  readonly atMs: number
  readonly segments: readonly Segment[]
  readonly blocks: readonly string[]
  readonly promptTokens: number
  readonly outputTokens: number
  readonly adapter: string | undefined
}

type Draw = (random: () => number) => {
  readonly segments: readonly Segment[]
  readonly outputTokens: number
  readonly adapter?: string
}

/** Requests that come by chance, `perSecond` on average (a Poisson process). */
function arrivals(perSecond: number, seconds: number, seed: number, draw: Draw): Arrival[] {
  const random = seededRandom(seed)
  const trace: Arrival[] = []
  for (let atMs = 0; atMs < seconds * 1000; ) {
    atMs += (-Math.log(1 - random()) / perSecond) * 1000
    const { segments, outputTokens, adapter } = draw(random)
    const blocks = segments.flatMap((segment) =>
      adapter ? segment.blocks.map((id) => `${adapter}/${id}`) : segment.blocks,
    )
    trace.push({ atMs, segments, blocks, promptTokens: blocks.length * blockTokens, outputTokens, adapter })
  }
  return trace
}

/** 64 documents of 3,000 words, some asked about more often than others, each time with another question. */
export function sharedPrefixes(perSecond: number, seconds: number, seed: number): Arrival[] {
  const documents = Array.from({ length: 64 }, (_, i) => segment(`document ${i}`, documentTokens))
  const cumulative = cumulativeZipf(documents.length, 0.6)
  let questions = 0
  return arrivals(perSecond, seconds, seed, (random) => ({
    segments: [documents[drawn(cumulative, random)], segment(`question ${questions++}`, 48)],
    outputTokens: between(10, 40, random),
  }))
}

/** A word is a token, as simulators of model servers count them. */
export const documentTokens = 3000

/** Prompts of all sizes that have nothing in common. */
export function nothingShared(perSecond: number, seconds: number, seed: number): Arrival[] {
  let prompts = 0
  return arrivals(perSecond, seconds, seed, (random) => ({
    segments: [segment(`prompt ${prompts++}`, Math.round(64 * 100 ** random()))],
    outputTokens: Math.round(10 * 30 ** random()),
  }))
}

/** Conversations under one of four system prompts, each turn with all that was said before. */
export function conversations(perSecond: number, seconds: number, seed: number): Arrival[] {
  const systems = Array.from({ length: 4 }, (_, i) => segment(`system ${i}`, 1000))
  const open: Segment[][] = []
  let turns = 0
  return arrivals(perSecond, seconds, seed, (random) => {
    let at = Math.floor(random() * 120)
    if (at >= open.length) {
      at = open.length
      open.push([systems[Math.floor(random() * systems.length)]])
    }
    // One in twelve ends, and another one takes its place.
    else if (random() < 1 / 12) open[at] = [systems[Math.floor(random() * systems.length)]]
    open[at] = [...open[at], segment(`turn ${turns++}`, between(100, 400, random))]
    return { segments: open[at], outputTokens: between(20, 60, random) }
  })
}

/** Short prompts for 24 adapters, of which some are asked more often. */
export function manyAdapters(perSecond: number, seconds: number, seed: number): Arrival[] {
  const cumulative = cumulativeZipf(24, 0.8)
  let prompts = 0
  return arrivals(perSecond, seconds, seed, (random) => ({
    segments: [segment(`prompt ${prompts++}`, between(50, 500, random))],
    outputTokens: between(10, 40, random),
    adapter: `adapter-${drawn(cumulative, random)}`,
  }))
}

const between = (low: number, high: number, random: () => number): number => low + Math.floor(random() * (high - low))

function segment(name: string, tokens: number): Segment {
  const count = Math.ceil(tokens / blockTokens)
  const unit = ` ${name} has its own words;`
  const bytes = Buffer.alloc(Math.round(count * blockTokens * bytesPerToken), unit)
  return { bytes, blocks: Array.from({ length: count }, (_, i) => `${name}#${i}`) }
}

function cumulativeZipf(count: number, exponent: number): number[] {
  let sum = 0
  return Array.from({ length: count }, (_, i) => (sum += (i + 1) ** -exponent))
}

function drawn(cumulative: readonly number[], random: () => number): number {
  const at = random() * cumulative.at(-1)!
  return cumulative.findIndex((sum) => at < sum)
}
