import type { Random } from '../../sim/random.ts'

const syllables = 'ka to mi se lu ra pe no di va zu le ho gi ne ma ti bo sa fe'.split(' ')

/** Text of `count` made-up words, six characters each with its space. */
export function words(count: number, random: Random): string {
  let text = ''
  for (let i = 0; i < count; i += 1) {
    for (let part = 0; part < 2; part += 1) text += syllables[Math.floor(random() * syllables.length)]
    text += i % 8 === 7 ? '. ' : 's '
  }
  return text
}

/** Draws 0 to `count` - 1, the first ones more often: the k-th, from 1, in proportion to k^-exponent. */
export function drawByRank(count: number, exponent: number, random: Random): () => number {
  const upTo: number[] = []
  let total = 0
  for (let rank = 1; rank <= count; rank += 1) upTo.push((total += rank ** -exponent))
  return () => {
    const point = random() * total
    return upTo.findIndex((bound) => point < bound)
  }
}

/** Times of requests that come independently of each other, milliseconds; the rate may change with time. */
export function arrivals(perSecond: (atMs: number) => number, lengthMs: number, random: Random): number[] {
  const times: number[] = []
  for (let atMs = 0; ; times.push(atMs)) {
    atMs += (-Math.log(1 - random()) * 1000) / perSecond(atMs)
    if (atMs >= lengthMs) return times
  }
}

/** The body of a streamed chat completion. */
export function chatBody(model: string, system: string | undefined, user: string, maxTokens: number): string {
  const messages = [{ role: 'user', content: user }]
  if (system !== undefined) messages.unshift({ role: 'system', content: system })
  const stream_options = { include_usage: true }
  return JSON.stringify({ model, messages, max_tokens: maxTokens, stream: true, stream_options })
}
