import { z } from 'zod'
import type { Endpoint } from '../../pool/endpoint.ts'
import { type Filter, type Scorer, tokensIn } from '../plugin.ts'
import { kindOf } from '../plugin-kind.ts'

const parameters = z.strictObject({
  /** The label of a server that says how long prompts may be for it, in tokens: `min-max`, both included. */
  label: z.string().min(1).default('llm-d.ai/context-length-range'),
  /** Also takes away servers whose range the prompt is outside of. */
  enableFiltering: z.boolean().default(false),
})

/** What is outside of a range gets less than this, what is inside gets more. */
const border = 0.3
/** A server without a range takes any length, and is no specialist for it. */
const unlabelled = 0.5

/**
 * Prefers servers that are made for prompts of this length. Inside of its range a server gets
 * 0.3 + 0.7 * (0.7 / (1 + width / 10,000) + 0.3 * (max - tokens) / width), so that narrow ranges win; outside
 * 0.3 / (1 + distance / 1,000). A label that is no range gives 0.
 */
export const contextLengthAware = kindOf<Scorer & Filter>()(
  'context-length-aware',
  parameters,
  ({ label, enableFiltering }) => ({
    score(request, candidates, scores) {
      const tokens = tokensIn(request.promptBytes)
      for (let i = 0; i < candidates.length; i += 1) {
        const range = candidates[i].labels[label]
        scores[i] = range === undefined ? unlabelled : rangeScore(tokens, range)
      }
    },
    filter(request, candidates) {
      if (!enableFiltering) return candidates
      const tokens = tokensIn(request.promptBytes)
      const fit: Endpoint[] = []
      for (const candidate of candidates) {
        const range = candidate.labels[label]
        if (range === undefined || isInside(tokens, range)) fit.push(candidate)
      }
      return fit
    },
  }),
)

function isInside(tokens: number, range: string): boolean {
  return tokens >= minOf(range) && tokens <= maxOf(range)
}

function rangeScore(tokens: number, range: string): number {
  const min = minOf(range)
  const max = maxOf(range)
  // Also when one of them is NaN.
  if (!(min <= max)) return 0
  if (tokens > max) return border / (1 + (tokens - max) / 1_000)
  if (tokens < min) return border / (1 + (min - tokens) / 1_000)
  const width = max - min
  if (width === 0) return 1
  return border + (1 - border) * (0.7 / (1 + width / 10_000) + (0.3 * (max - tokens)) / width)
}

const minOf = (range: string): number => digits(range, 0, range.indexOf('-'))
const maxOf = (range: string): number => digits(range, range.indexOf('-') + 1, range.length)

/** Read in place, as it is done for each endpoint of each request. NaN when there is anything but digits, or nothing. */
function digits(text: string, start: number, end: number): number {
  if (start >= end) return Number.NaN
  let value = 0
  for (let i = start; i < end; i += 1) {
    const digit = text.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  return value
}
