import fc from 'fast-check'
import type { Random } from './random.ts'

/** A value of a fast-check arbitrary, made of these random numbers. */
export function anyOf<T>(arbitrary: fc.Arbitrary<T>, random: Random): T {
  const source = { next: () => random.below(2 ** 32) | 0, clone: () => source, getState: () => [] }
  return arbitrary.generate(new fc.Random(source), undefined).value
}
