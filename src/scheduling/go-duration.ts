import { z } from 'zod'

/** Milliseconds of each unit, as Go's time.ParseDuration names them; µ has two code points. */
const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
}

const part = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g
const whole = /^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/

/** Milliseconds of a duration as Go writes it (`200ms`, `1h30m`, `0`); undefined when it is none, or negative. */
export function durationMs(text: string): number | undefined {
  const unsigned = text.startsWith('+') ? text.slice(1) : text
  if (unsigned === '0') return 0
  if (!whole.test(unsigned)) return undefined
  let sum = 0
  for (const [, count, unit] of unsigned.matchAll(part)) sum += Number(count) * unitMs[unit]
  return sum
}

/** A duration as Go writes it; gives milliseconds. */
export const goDuration = z.string().transform((text, context) => {
  const ms = durationMs(text)
  if (ms !== undefined) return ms
  context.addIssue({ code: 'custom', message: `${JSON.stringify(text)} is no duration such as 200ms, 30s or 1h30m` })
  return z.NEVER
})
