import { anyByte, mutate, randomBytes } from './mutate.ts'
import type { Random } from './random.ts'

/** Bytes that length prefixes, varints and flags turn on. */
const oddBytes = Buffer.from([0x00, 0x01, 0x02, 0x05, 0x08, 0x0a, 0x0b, 0x12, 0x1a, 0x22, 0x3f, 0x7f, 0x80, 0xfe, 0xff])

/** A few changes: those of {@link mutate}, lengths that lie, parts of other samples, a part many times over. */
export function mutateBytes(bytes: Buffer, random: Random, others: readonly Buffer[] = []): Buffer {
  const at = random.below(bytes.length + 1)
  const before = bytes.subarray(0, at)
  const after = bytes.subarray(at)
  switch (random.below(6)) {
    case 0: {
      if (after.length === 0) return bytes
      const lying = Buffer.from(bytes)
      lying[at] = random.pick([lying[at] + 1, lying[at] - 1, ...oddBytes]) & 0xff
      return random.chance(0.5) ? lying : mutate(lying, random, anyByte)
    }
    case 1: {
      const other = others.length > 0 ? random.pick(others) : bytes
      const from = random.below(other.length + 1)
      return Buffer.concat([before, other.subarray(from), random.chance(0.5) ? after : Buffer.alloc(0)])
    }
    case 2: {
      const part = after.subarray(0, 1 + random.below(random.pick([1, 8, 40])))
      return Buffer.concat([before, ...Array.from({ length: random.pick([2, 3, 50]) }, () => part), after])
    }
    case 3:
      return Buffer.concat([before, randomBytes(1 + random.below(12), random, oddBytes), after])
    default:
      return mutate(bytes, random, random.chance(0.5) ? anyByte : oddBytes)
  }
}
