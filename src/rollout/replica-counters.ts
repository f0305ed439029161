import { labelsOf, samplesOf } from '../pool/exposition.ts'
import { addTally, emptyTally, type Spread, type Tally } from './tally.ts'

/** What replicas count for each target of a resource that has a plan; `resource` is e.g. `InferenceModel default/chat`. */
export const targetFamilies = {
  requests: 'signalbox_target_requests_total',
  ttft: 'signalbox_target_ttft_seconds',
  tokenTime: 'signalbox_target_token_seconds',
} as const

/** Tallies by target, by resource. */
export type Tallies = ReadonlyMap<string, ReadonlyMap<string, Tally>>

type Building = Map<string, Map<string, { -readonly [Field in keyof Tally]: Tally[Field] }>>

/** Reads a metrics page: what one replica has counted since it began. */
export function readCounters(page: Buffer): Tallies {
  const tallies: Building = new Map()
  for (const sample of samplesOf(page, Buffer.from(targetFamilies.requests))) {
    const labels = labelsOf(sample)
    const tally = tallyOf(tallies, labels)
    const outcome = labels.get('outcome')
    if (outcome === 'ok' || outcome === 'error' || outcome === 'cut') tally[outcome] += sample.value
  }
  for (const field of ['ttft', 'tokenTime'] as const) {
    for (const [tally, spread] of readSpreads(page, targetFamilies[field], tallies)) tally[field] = spread
  }
  return tallies
}

/** Buckets of a histogram count all that is below their bound; here each has its own. */
function* readSpreads(page: Buffer, family: string, tallies: Building) {
  const samples = samplesOf(linesOf(page, `${family}_bucket`), Buffer.from(`${family}_bucket`)).map((sample) => ({
    labels: labelsOf(sample),
    value: sample.value,
  }))
  for (const series of Map.groupBy(samples, ({ labels }) => tallyOf(tallies, labels))) {
    const [tally, buckets] = series
    const sorted = buckets
      .map(({ labels, value }) => ({ bound: labels.get('le') ?? '', value }))
      .sort((a, b) => boundOf(a.bound) - boundOf(b.bound))
    const counts = sorted.map(({ bound, value }, at) => [bound, value - (sorted[at - 1]?.value ?? 0)] as const)
    yield [tally, Object.fromEntries(counts.filter(([, count]) => count > 0))] as const
  }
}

/** Sum and count stand between the buckets of one series and those of the next. */
function linesOf(page: Buffer, name: string): Buffer {
  const lines = page.toString().split('\n')
  return Buffer.from(`${lines.filter((line) => line.startsWith(`${name}{`)).join('\n')}\n`)
}

const boundOf = (text: string): number => (text === '+Inf' ? Number.POSITIVE_INFINITY : Number(text))

function tallyOf(tallies: Building, labels: ReadonlyMap<string, string>) {
  const [resource, target] = [labels.get('resource') ?? '', labels.get('target') ?? '']
  const byTarget = tallies.get(resource) ?? new Map()
  tallies.set(resource, byTarget)
  const tally = byTarget.get(target) ?? { ...emptyTally }
  byTarget.set(target, tally)
  return tally
}

/**
 * What was counted between two pages of one replica. A counter that has fallen began again at 0, as all of them do when a replica is
 * restarted: then all of its page is new.
 */
export function counted(before: Tally, now: Tally): Tally {
  const difference: Tally = {
    ok: now.ok - before.ok,
    error: now.error - before.error,
    cut: now.cut - before.cut,
    ttft: spreadDifference(before.ttft, now.ttft),
    tokenTime: spreadDifference(before.tokenTime, now.tokenTime),
  }
  return hasFallen(difference) ? now : difference
}

function spreadDifference(before: Spread, now: Spread): Spread {
  const difference: Record<string, number> = {}
  for (const bound of new Set([...Object.keys(before), ...Object.keys(now)])) {
    const count = (now[bound] ?? 0) - (before[bound] ?? 0)
    if (count !== 0) difference[bound] = count
  }
  return difference
}

const hasFallen = ({ ok, error, cut, ttft, tokenTime }: Tally): boolean =>
  [ok, error, cut, ...Object.values(ttft), ...Object.values(tokenTime)].some((count) => count < 0)

/** The target's part of a resource's tallies, and that of all its other targets together. */
export function sidesOf(tallies: ReadonlyMap<string, Tally> | undefined, target: string) {
  let stable = emptyTally
  for (const [name, tally] of tallies ?? []) if (name !== target) stable = addTally(stable, tally)
  return { target: tallies?.get(target) ?? emptyTally, stable }
}
