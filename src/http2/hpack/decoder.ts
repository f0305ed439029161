import { ConnectionError, errorCode } from '../errors.ts'
import { headerTableBytes, maxHeaderBlockBytes, maxHeaderListBytes } from '../limits.ts'
import { decodeHuffman, maxHuffmanExpansion } from './huffman.ts'
import { staticNames, staticTableSize, staticValues } from './static-table.ts'

/** What RFC 7541, section 4.1, counts for an entry beside its name and value, bytes. */
const entryOverheadBytes = 32
/** As many entries as a full table can have, rounded up to a power of two. */
const slots = headerTableBytes / entryOverheadBytes
const slotMask = slots - 1

const maxIntegerShift = 28

/** Strings are decoded here, by one decoder at a time. */
const scratch = Buffer.allocUnsafeSlow(Math.ceil(maxHeaderBlockBytes * maxHuffmanExpansion))

/** HPACK decoder of one connection (RFC 7541): the dynamic table lives as long as it. */
export class HpackDecoder {
  // A ring: the newest entry is at `#inserted - 1`.
  readonly #names: string[] = new Array(slots).fill('')
  readonly #values: string[] = new Array(slots).fill('')
  #inserted = 0
  #entries = 0
  #tableBytes = 0
  #maxTableBytes = headerTableBytes
  #listBytes = 0
  // The block that is being decoded.
  #block: Buffer = scratch
  #at = 0
  #end = 0

  /**
   * Decodes a whole header block, `block[start, end)`, into name, value, name, value, …
   * @param list emptied first
   * @returns false when the headers are more than {@link maxHeaderListBytes}: `list` has only some of them then
   * @throws ConnectionError COMPRESSION_ERROR
   */
  decode(block: Buffer, start: number, end: number, list: string[]): boolean {
    list.length = 0
    this.#listBytes = 0
    this.#block = block
    this.#at = start
    this.#end = end
    let mayResize = true
    while (this.#at < this.#end) {
      const first = block[this.#at]
      if (first >= 0x80) this.#add(list, this.#integer(7), undefined, undefined)
      else if (first >= 0x40) this.#literal(list, 6, true)
      else if (first < 0x20) this.#literal(list, 4, false)
      else {
        // Section 4.2: at the beginning of a block only.
        if (!mayResize) throw compressionError('a table size in the middle of a block')
        this.#resize(this.#integer(5))
        continue
      }
      mayResize = false
    }
    return this.#listBytes <= maxHeaderListBytes
  }

  #literal(list: string[], prefixBits: number, isIndexed: boolean): void {
    const index = this.#integer(prefixBits)
    const name = index === 0 ? this.#string() : this.#nameAt(index)
    const value = this.#string()
    if (isIndexed) this.#insert(name, value)
    this.#add(list, 0, name, value)
  }

  /** Of an entry of the tables, or of what was given. */
  #add(list: string[], index: number, literalName: string | undefined, literalValue: string | undefined): void {
    const name = literalName ?? this.#nameAt(index)
    const value = literalValue ?? this.#valueAt(index)
    this.#listBytes += name.length + value.length + entryOverheadBytes
    // The rest must still be decoded: it belongs to the state of the connection.
    if (this.#listBytes <= maxHeaderListBytes) list.push(name, value)
  }

  #nameAt(index: number): string {
    if (index > staticTableSize) return this.#names[this.#slotOf(index)]
    if (index === 0) throw compressionError('index 0')
    return staticNames[index - 1]
  }

  #valueAt(index: number): string {
    return index > staticTableSize ? this.#values[this.#slotOf(index)] : staticValues[index - 1]
  }

  #slotOf(index: number): number {
    const age = index - staticTableSize
    if (age > this.#entries) throw compressionError(`index ${index} of a table of ${this.#entries} entries`)
    return (this.#inserted - age) & slotMask
  }

  #insert(name: string, value: string): void {
    const bytes = name.length + value.length + entryOverheadBytes
    // Section 4.4: one that is too large empties the table.
    this.#evict(this.#maxTableBytes - bytes)
    if (bytes > this.#maxTableBytes) return
    const at = this.#inserted & slotMask
    this.#names[at] = name
    this.#values[at] = value
    this.#inserted = (this.#inserted + 1) & 0x3fff_ffff
    this.#entries++
    this.#tableBytes += bytes
  }

  #evict(maxBytes: number): void {
    while (this.#tableBytes > maxBytes && this.#entries > 0) {
      const at = (this.#inserted - this.#entries) & slotMask
      this.#tableBytes -= this.#names[at].length + this.#values[at].length + entryOverheadBytes
      this.#names[at] = ''
      this.#values[at] = ''
      this.#entries--
    }
  }

  #resize(bytes: number): void {
    if (bytes > headerTableBytes) throw compressionError(`a table of ${bytes} bytes, more than ${headerTableBytes}`)
    this.#maxTableBytes = bytes
    this.#evict(bytes)
  }

  /** Section 5.1. */
  #integer(prefixBits: number): number {
    const mask = (1 << prefixBits) - 1
    let value = this.#byte() & mask
    if (value < mask) return value
    for (let shift = 0; shift <= maxIntegerShift; shift += 7) {
      const byte = this.#byte()
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw compressionError('an integer without end')
  }

  /** Section 5.2. Bytes become characters one to one. */
  #string(): string {
    if (this.#at >= this.#end) throw compressionError('the block ends in the middle of a header')
    const isHuffman = this.#block[this.#at] >= 0x80
    const length = this.#integer(7)
    const start = this.#at
    const end = start + length
    if (end > this.#end) throw compressionError('a string that is longer than its block')
    this.#at = end
    if (!isHuffman) return this.#block.toString('latin1', start, end)
    const size = decodeHuffman(this.#block, start, end, scratch)
    if (size < 0) throw compressionError('a string that is no Huffman code')
    return scratch.toString('latin1', 0, size)
  }

  #byte(): number {
    if (this.#at >= this.#end) throw compressionError('the block ends in the middle of a header')
    return this.#block[this.#at++]
  }
}

const compressionError = (message: string) => new ConnectionError(errorCode.compressionError, `HPACK: ${message}`)
