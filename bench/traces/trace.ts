import { type Random, seededRandom } from '../../src/sim/random.ts'

/** One request of a trace. Its text is made when it is sent: a trace of minutes would fill the memory with it. */
export type TraceRequest = {
  /** From the start of the trace. */
  readonly atMs: number
  /** The model's or an adapter's name. */
  readonly model: string
  /** Which of the trace's shared prefixes it begins with; undefined for none. */
  readonly prefix: number | undefined
  /** What follows the prefix, different in every request. */
  readonly suffix: string
}

export type Trace = {
  readonly name: string
  readonly adapters: readonly string[]
  readonly prefixes: readonly string[]
  readonly answerTokens: number
  /** What the servers are to have for it. */
  readonly servers: { readonly maxRunning: number; readonly tokenMs: number }
  /** In the order of their times. */
  readonly requests: readonly TraceRequest[]
}

export type TraceLength = {
  /** Requests up to here fill caches and connections, and are not measured. */
  readonly warmUpMs: number
  readonly measuredMs: number
}

export const baseModel = 'qwen'

const seed = 20_261_121
const prefixShape = {
  requestsPerSecond: 24,
  prefixes: 64,
  prefixWords: 3000,
  suffixWords: 24,
  zipf: 0.6,
  answerTokens: 16,
  // Those of llm-d-inference-sim; all that run have room in the cache.
  servers: { maxRunning: 5, tokenMs: 10 },
}
const adapterShape = {
  requestsPerSecond: 24,
  adapters: 16,
  promptWords: 200,
  zipf: 0.9,
  answerTokens: 24,
  // Slots of adapters are to be scarce, and not places in the batch. Few slow tokens cost the machine less than many.
  servers: { maxRunning: 20, tokenMs: 30 },
}

/**
 * Conversations that begin with one of 64 long prefixes, some far more often than others: more of them than the servers can
 * keep, so that it matters where each is sent.
 */
export function prefixTrace(length: TraceLength): Trace {
  const { requestsPerSecond, prefixes, prefixWords, suffixWords, zipf, answerTokens, servers } = prefixShape
  const text = seededRandom(seed, 1)
  const random = seededRandom(seed, 2)
  const draw = zipfSampler(prefixes, zipf, random)
  return {
    name: 'prefix-heavy',
    adapters: [],
    prefixes: Array.from({ length: prefixes }, () => words(prefixWords, text)),
    answerTokens,
    servers,
    requests: arrivals(requestsPerSecond, length, random).map((atMs) => ({
      atMs,
      model: baseModel,
      prefix: draw(),
      suffix: words(suffixWords, random),
    })),
  }
}

/** Short prompts, none like another, for 16 adapters: more than the 4 slots of a server hold. */
export function adapterTrace(length: TraceLength): Trace {
  const { requestsPerSecond, adapters, promptWords, zipf, answerTokens, servers } = adapterShape
  const names = Array.from({ length: adapters }, (_, i) => `adapter-${i + 1}`)
  const random = seededRandom(seed, 3)
  const draw = zipfSampler(adapters, zipf, random)
  return {
    name: 'LoRA-heavy',
    adapters: names,
    prefixes: [],
    answerTokens,
    servers,
    requests: arrivals(requestsPerSecond, length, random).map((atMs) => ({
      atMs,
      model: names[draw()],
      prefix: undefined,
      suffix: words(promptWords, random),
    })),
  }
}

/** The body of a streaming chat completion that says at its end how many prompt tokens came from a cache. */
export function requestBody({ prefixes, answerTokens }: Trace, { model, prefix, suffix }: TraceRequest): string {
  const messages = [{ role: 'user', content: suffix }]
  if (prefix !== undefined) messages.unshift({ role: 'system', content: prefixes[prefix] })
  return JSON.stringify({
    model,
    messages,
    max_tokens: answerTokens,
    ignore_eos: true,
    stream: true,
    stream_options: { include_usage: true },
  })
}

/** Times of a Poisson process, milliseconds. */
function arrivals(perSecond: number, { warmUpMs, measuredMs }: TraceLength, random: Random): number[] {
  const times: number[] = []
  for (let atMs = 0; ; times.push(atMs)) {
    atMs += (-Math.log(1 - random()) * 1000) / perSecond
    if (atMs >= warmUpMs + measuredMs) return times
  }
}

/** Draws 0 to `count` - 1, the k-th (from 1) in proportion to k^-exponent. */
export function zipfSampler(count: number, exponent: number, random: Random): () => number {
  const cumulated: number[] = []
  let total = 0
  for (let rank = 1; rank <= count; rank++) cumulated.push((total += rank ** -exponent))
  return () => {
    const point = random() * total
    return cumulated.findIndex((bound) => point < bound)
  }
}

const syllables = 'ba ce di fo gu ha ki le mo nu pa ri so ta ve wi xo yu za jel'.split(' ')

/** Words of two syllables or three: five letters on average, and a space. */
function words(count: number, random: Random): string {
  const syllable = () => syllables[Math.floor(random() * syllables.length)]
  return Array.from({ length: count }, () => syllable() + syllable() + (random() < 0.5 ? syllable() : '')).join(' ')
}
