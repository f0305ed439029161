import { type Random, seededRandom } from './random.ts'
import type { Target } from './target.ts'

/** A case that breaks its target's promise. */
export type Found = {
  readonly seed: number
  readonly index: number
  readonly error: Error
  /** Small, and broken in the same way. */
  readonly input: unknown
}

export type Hunt = {
  readonly seed: number
  /** The first case to try; a case depends on the seed and its index alone. */
  readonly from?: number
  readonly cases: number
  readonly cpuSeconds: number
  /** Called before each case, so that whoever looks on can tell which one hangs. */
  readonly begins?: (index: number) => void
}

export type Hunted = {
  readonly tried: number
  /** What takes long for its size grows faster than it should. */
  readonly slowest: { readonly index: number; readonly ms: number }
  readonly found: Found | undefined
}

/** Tries cases until one breaks the promise, or the number or time is used up. */
export async function hunt(target: Target, { seed, from = 0, cases, cpuSeconds, begins }: Hunt): Promise<Hunted> {
  const start = process.threadCpuUsage()
  const isOver = () => {
    const { user, system } = process.threadCpuUsage(start)
    return user + system >= cpuSeconds * 1e6
  }
  let slowest = { index: from, ms: 0 }
  let tried = 0
  for (; tried < cases && !(tried % 8 === 0 && isOver()); tried++) {
    const index = from + tried
    begins?.(index)
    const input = target.generate(randomOfCase(seed, index))
    const startMs = performance.now()
    const error = await failureOf(target, input)
    const ms = performance.now() - startMs
    if (ms > slowest.ms) slowest = { index, ms }
    if (error !== undefined) {
      const found = { seed, index, error, input: await shrink(target, input, error) }
      return { tried: tried + 1, slowest, found }
    }
  }
  return { tried, slowest, found: undefined }
}

function randomOfCase(seed: number, index: number): Random {
  // Neighbours must not be shifted copies of each other, which plain sums would give.
  const mixed = Math.imul(seed ^ Math.imul(index + 1, 0x9e3779b1), 0x85ebca6b)
  return seededRandom(mixed ^ (mixed >>> 13))
}

export async function failureOf(target: Target, input: unknown): Promise<Error | undefined> {
  try {
    // Most checks are synchronous, and waiting for nothing would cost more than they do.
    const pending = target.check(input)
    if (pending !== undefined) await pending
    return undefined
  } catch (error) {
    return error instanceof Error ? error : new Error(`thrown: ${String(error)}`)
  }
}

const maxShrinkTries = 3000

/** Leaves out of the case what the failure does without: parts of texts, elements of lists. */
async function shrink(target: Target, input: unknown, failure: Error): Promise<unknown> {
  let smallest = input
  let tries = 0
  for (let isSmaller = true; isSmaller; ) {
    isSmaller = false
    for (const candidate of smallerThan(smallest)) {
      if (++tries > maxShrinkTries) return smallest
      const error = await failureOf(target, candidate)
      if (error?.name !== failure.name) continue
      smallest = candidate
      isSmaller = true
      break
    }
  }
  return smallest
}

/** The same value with one part less, large parts first. */
function* smallerThan(value: unknown): Generator<unknown> {
  if (typeof value === 'string' || Array.isArray(value)) {
    for (let size = value.length; size > 0; size = Math.floor(size / 2)) {
      for (let at = 0; at + size <= value.length; at += size) {
        const [before, after] = [value.slice(0, at), value.slice(at + size)]
        yield typeof before === 'string' ? before + after : [...before, ...after]
      }
    }
  }
  if (typeof value === 'object' && value !== null) {
    for (const [key, part] of Object.entries(value)) {
      for (const smaller of smallerThan(part)) {
        yield Array.isArray(value) ? value.with(Number(key), smaller) : { ...value, [key]: smaller }
      }
    }
  }
}
