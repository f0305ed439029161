import type { Random } from './random.ts'

/** A few small damages: bits and bytes changed, cut out, put in, copied to elsewhere; the end cut off. */
export function mutate(bytes: Buffer, random: Random, alphabet: Buffer): Buffer {
  let damaged = Buffer.from(bytes)
  for (let left = 1 + random.below(3); left > 0; left--) {
    const at = random.below(damaged.length + 1)
    const length = 1 + random.below(random.pick([1, 4, 16]))
    const before = damaged.subarray(0, at)
    const after = damaged.subarray(at)
    switch (random.below(6)) {
      case 0:
        if (at < damaged.length) damaged[at] ^= 1 << random.below(8)
        break
      case 1:
        if (at < damaged.length) damaged[at] = random.pick([...alphabet])
        break
      case 2:
        damaged = Buffer.concat([before, after.subarray(length)])
        break
      case 3:
        damaged = Buffer.concat([before, randomBytes(length, random, alphabet), after])
        break
      case 4: {
        const from = random.below(damaged.length + 1)
        damaged = Buffer.concat([before, damaged.subarray(from, from + length), after])
        break
      }
      case 5:
        damaged = Buffer.from(before)
    }
  }
  return damaged
}

export function randomBytes(length: number, random: Random, alphabet: Buffer): Buffer {
  return Buffer.from(Array.from({ length }, () => alphabet[random.below(alphabet.length)]))
}

export const anyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
