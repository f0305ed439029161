/** Spreads every bit of a 32-bit integer over all of it (the finaliser of MurmurHash3 by A. Appleby). */
export function mix32(value: number): number {
  let mixed = value
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

/** An integer of 53 bits from the low 21 bits of `high` and all of `low`. */
export const join53 = (high: number, low: number): number => (high & 0x1fffff) * 0x1_0000_0000 + (low >>> 0)

/** The upper 21 of the 53 bits. */
export const high21 = (value: number): number => Math.floor(value / 0x1_0000_0000)

/** A 32-bit hash of the characters of `text`; 0 for ''. */
export function hashText(text: string): number {
  let hash = 0
  for (let i = 0; i < text.length; i += 1) hash = (Math.imul(hash, 0x9e3779b1) + text.charCodeAt(i) + 1) | 0
  return mix32(hash)
}
