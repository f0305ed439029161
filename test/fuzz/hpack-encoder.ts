import { staticNames, staticValues } from '../../src/http2/hpack/static-table.ts'
import type { Random } from './random.ts'

const tableBytes = 4096
const sizeOf = ([name, value]: Header) => name.length + value.length + 32

type Header = readonly [name: string, value: string]

/** Writes headers in any of the ways that RFC 7541 has, by chance: an index, a literal that is kept or is not, a smaller table. */
export class HpackEncoder {
  readonly #random: Random
  /** Newest first. */
  #table: Header[] = []
  #maxBytes = tableBytes

  constructor(random: Random) {
    this.#random = random
  }

  block(headers: readonly Header[]): Buffer {
    const parts: Buffer[] = []
    if (this.#random.chance(0.05)) {
      this.#maxBytes = this.#random.pick([0, 64, 200, tableBytes])
      this.#evict(0)
      parts.push(integer(0x20, 5, this.#maxBytes))
    }
    for (const header of headers) parts.push(this.#field(header))
    return Buffer.concat(parts)
  }

  #field(header: Header): Buffer {
    const [name, value] = header
    const known = [...staticNames.map((name, i): Header => [name, staticValues[i]]), ...this.#table]
    const index = 1 + known.findIndex(([n, v]) => n === name && v === value)
    if (index > 0 && this.#random.chance(0.7)) return integer(0x80, 7, index)
    const nameIndex = this.#random.chance(0.7) ? 1 + known.findLastIndex(([n]) => n === name) : 0
    const [pattern, bits] = this.#random.pick([
      [0x40, 6],
      [0x40, 6],
      [0x00, 4],
      [0x10, 4],
    ] as const)
    if (pattern === 0x40) {
      this.#evict(sizeOf(header))
      if (sizeOf(header) <= this.#maxBytes) this.#table.unshift(header)
    }
    return Buffer.concat([integer(pattern, bits, nameIndex), ...(nameIndex === 0 ? [text(name)] : []), text(value)])
  }

  #evict(room: number): void {
    const bytes = () => this.#table.reduce((sum, header) => sum + sizeOf(header), 0)
    while (this.#table.length > 0 && bytes() + room > this.#maxBytes) this.#table.pop()
  }
}

function integer(pattern: number, bits: number, value: number): Buffer {
  const most = 2 ** bits - 1
  if (value < most) return Buffer.from([pattern | value])
  const bytes = [pattern | most]
  for (let rest = value - most; ; rest >>>= 7) {
    if (rest < 0x80) return Buffer.from([...bytes, rest])
    bytes.push((rest & 0x7f) | 0x80)
  }
}

const text = (value: string) => Buffer.concat([integer(0, 7, value.length), Buffer.from(value, 'latin1')])
