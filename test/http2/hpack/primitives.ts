/** A literal that enters the table, or one that does not (RFC 7541, sections 6.2.1 and 6.2.2). */
export const literal = (name: string, value: string, isIndexed = true): Buffer =>
  Buffer.concat([Buffer.of(isIndexed ? 0x40 : 0x00), stringOf(name), stringOf(value)])
export const stringOf = (text: string): Buffer =>
  Buffer.concat([integer(text.length, 7, 0), Buffer.from(text, 'latin1')])

/** Section 5.1. */
export function integer(value: number, prefixBits: number, flags: number): Buffer {
  const mask = (1 << prefixBits) - 1
  if (value < mask) return Buffer.of(flags | value)
  const bytes = [flags | mask]
  let rest = value - mask
  for (; rest >= 128; rest >>>= 7) bytes.push((rest & 127) | 128)
  return Buffer.from([...bytes, rest])
}
export const indexed = (index: number): Buffer => integer(index, 7, 0x80)
export const tableSize = (bytes: number): Buffer => integer(bytes, 5, 0x20)
/** The newest entry of the dynamic table. */
export const newest = 62
