/**
 * Protobuf wire format, reading side: a cursor over one message. Reads are bounded by `end`; anything that runs over it,
 * and any group or unknown wire type, throws {@link MalformedMessage}, which ends the stream that it came from and no other.
 * Source: protobuf encoding specification, "Message Structure".
 */
export class MalformedMessage extends Error {
  override name = 'MalformedMessage'
}

export const wireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const

export class Cursor {
  buffer: Buffer
  at: number
  end: number

  constructor(buffer: Buffer, at: number, end: number) {
    this.buffer = buffer
    this.at = at
    this.end = end
  }

  /** A field's tag: number << 3 | wire type. */
  tag(): number {
    const tag = this.varint()
    if (tag >>> 3 === 0) throw new MalformedMessage('field number 0')
    return tag
  }

  /** An unsigned value of up to 32 bits; higher bits of longer varints are dropped, as for int32, bool and enum fields. */
  varint(): number {
    const buffer = this.buffer
    let byte = this.#byte(buffer)
    if (byte < 0x80) return byte
    let value = byte & 0x7f
    for (let shift = 7; shift < 70; shift += 7) {
      byte = this.#byte(buffer)
      if (shift < 35) value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
    }
    throw new MalformedMessage('varint of more than 10 bytes')
  }

  #byte(buffer: Buffer): number {
    if (this.at >= this.end) throw new MalformedMessage('message ends in the middle of a number')
    return buffer[this.at++]
  }

  /** The end of a length-delimited field whose content begins at `at`. */
  lengthDelimited(): number {
    const begin = this.at
    const length = this.varint()
    const width = this.at - begin
    if (width > 5 || (width === 5 && this.buffer[this.at - 1] > 0x0f)) {
      throw new MalformedMessage('field of more than 4 GiB')
    }
    const fieldEnd = this.at + length
    if (fieldEnd > this.end) throw new MalformedMessage(`field of ${length} bytes runs over the end of its message`)
    return fieldEnd
  }

  /** Passes over the value of a field that is of no interest. */
  skip(tag: number): void {
    switch (tag & 7) {
      case wireType.varint:
        this.varint()
        return
      case wireType.fixed64:
        this.#advance(8)
        return
      case wireType.bytes:
        this.at = this.lengthDelimited()
        return
      case wireType.fixed32:
        this.#advance(4)
        return
      default:
        throw new MalformedMessage(`wire type ${tag & 7}`)
    }
  }

  #advance(bytes: number): void {
    if (this.at + bytes > this.end) throw new MalformedMessage('message ends in the middle of a number')
    this.at += bytes
  }
}

/** The tag of a field, for comparison with {@link Cursor.tag}. */
export const tagOf = (field: number, type: number): number => (field << 3) | type
