import { staticNames, staticValues } from './static-table.ts'

/**
 * A header block of literals and of the static table alone (RFC 7541): it depends on no connection, so that blocks can be
 * encoded once and sent on any.
 * @param headers lower-case names; values of ASCII
 */
export function encodeHeaders(headers: Readonly<Record<string, string>>): Buffer {
  const parts: Buffer[] = []
  for (const [name, value] of Object.entries(headers)) {
    const whole = staticNames.findIndex((known, i) => known === name && staticValues[i] === value)
    if (whole >= 0) {
      parts.push(encodeInteger(whole + 1, 7, 0x80))
      continue
    }
    // Section 6.2.2: without indexing.
    const index = staticNames.indexOf(name) + 1
    parts.push(encodeInteger(index, 4, 0))
    if (index === 0) parts.push(encodeString(name))
    parts.push(encodeString(value))
  }
  return Buffer.concat(parts)
}

function encodeString(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  return Buffer.concat([encodeInteger(bytes.length, 7, 0), bytes])
}

/** Section 5.1. */
function encodeInteger(value: number, prefixBits: number, flags: number): Buffer {
  const mask = (1 << prefixBits) - 1
  if (value < mask) return Buffer.of(flags | value)
  const bytes = [flags | mask]
  let rest = value - mask
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest & 0x7f) | 0x80)
  bytes.push(rest)
  return Buffer.from(bytes)
}
