import { show } from '../../catalog/fields.ts'

/** A Gateway API duration (GEP-2257), or why there is none. */
export type TimeoutResult = { readonly duration: string } | { readonly cause: string }

/** gateway.networking.k8s.io/v1 Duration. */
const gatewayDuration = /^([0-9]{1,5}(h|m|s|ms)){1,4}$/

const number = String.raw`(?<whole>[0-9]*)(?:\.(?<fraction>[0-9]*))?`
/** Go takes the micro sign and the Greek letter. */
const unit = '(?<unit>h|ms|m|s|us|µs|μs|ns)'
const part = String.raw`(?=\.?[0-9])${number}${unit}`
const goDuration = new RegExp(`^[-+]?(?:0|(?:${part.replace(/\?<\w+>/g, '?:')})+)$`)
const parts = new RegExp(part, 'g')

const nsByUnit: Readonly<Record<string, bigint>> = {
  h: 3_600_000_000_000n,
  m: 60_000_000_000n,
  s: 1_000_000_000n,
  ms: 1_000_000n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ns: 1n,
}

/** The units of a Gateway API duration, largest first. */
const emitted: readonly (readonly [unit: string, ms: number])[] = [
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
]

const maxHours = 99_999
const maxNumber = 99_999
/** Far more than a duration needs: sums of long fractions are not worth their time. */
export const maxTimeoutChars = 200

/** A Go duration in the form that HTTPRoute timeouts take, of exactly the same length. */
export function convertTimeout(written: unknown): TimeoutResult {
  if (typeof written !== 'string') return { cause: `found ${show(written)}, allowed: a duration such as "90s"` }
  if (gatewayDuration.test(written)) return { duration: written }
  if (written.length > maxTimeoutChars) return { cause: `longer than ${maxTimeoutChars} characters` }
  if (!goDuration.test(written)) return { cause: 'not a duration, such as 90s or 1h30m' }
  const { ns, scale, units } = add(written)
  if (ns > 0n && written.startsWith('-')) return { cause: 'negative' }
  const scaledMs = nsByUnit.ms * scale
  if (ns % scaledMs !== 0n) return { cause: 'not a whole number of milliseconds' }
  if (ns > BigInt(maxHours) * nsByUnit.h * scale) return { cause: `over ${maxHours}h` }
  return { duration: write(Number(ns / scaledMs), units) }
}

/** The sum of the parts: `ns` over `scale`, a power of ten, so that no fraction is rounded. */
function add(duration: string): { ns: bigint; scale: bigint; units: ReadonlySet<string> } {
  const found = [...duration.matchAll(parts)].map(({ groups }) => groups as Record<string, string | undefined>)
  const digits = Math.max(0, ...found.map(({ fraction }) => fraction?.length ?? 0))
  let ns = 0n
  for (const { whole, fraction = '', unit } of found) {
    ns += BigInt(`${whole}${fraction.padEnd(digits, '0')}`) * nsByUnit[unit!]
  }
  return { ns, scale: 10n ** BigInt(digits), units: new Set(found.map(({ unit }) => unit!)) }
}

/** Whole units, from the largest that was written, or larger ones while its number has more than five digits. */
function write(ms: number, units: ReadonlySet<string>): string {
  let first = emitted.findIndex(([unit]) => units.has(unit))
  if (first < 0) first = emitted.length - 1
  while (first > 0 && Math.floor(ms / emitted[first][1]) > maxNumber) first--
  let text = ''
  let rest = ms
  for (const [unit, unitMs] of emitted.slice(first)) {
    const count = Math.floor(rest / unitMs)
    if (count > 0) text += `${count}${unit}`
    rest -= count * unitMs
  }
  return text || '0s'
}
