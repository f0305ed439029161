import type { BodyError, BodyReader } from './body-reader.ts'

/** Where in the body the next byte is. */
const State = {
  failed: 0,
  compressedFlag: 1,
  messageLength: 2,
  tag: 3,
  varint: 4,
  fieldLength: 5,
  /** Inside a value that is passed over. */
  skip: 6,
  done: 7,
} as const
type State = (typeof State)[keyof typeof State]

/** The message that fields are read of. */
const Message = { request: 0, tokenized: 1, sampling: 2 } as const
type Message = (typeof Message)[keyof typeof Message]

/** Bytes before each message of a gRPC stream: a flag and a length. */
const framePrefixBytes = 5
const maxVarintBytes = 10

const wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const

/** At `message << 8 | field number << 3 | wire type`: fields of vllm.grpc.engine, in vllm_engine.proto. */
const at = (message: Message, field: number, type: number): number => (message << 8) | (field << 3) | type
// GenerateRequest; an EmbedRequest has only request_id and tokenized, with the same numbers.
const tokenizedField = at(Message.request, 2, wire.bytes)
const textField = at(Message.request, 3, wire.bytes)
const samplingField = at(Message.request, 4, wire.bytes)
const streamField = at(Message.request, 5, wire.varint)
// TokenizedInput
const originalTextField = at(Message.tokenized, 1, wire.bytes)
const inputIdsField = at(Message.tokenized, 2, wire.bytes)
const inputIdField = at(Message.tokenized, 2, wire.varint)
// SamplingParams
const maxTokensField = at(Message.sampling, 8, wire.varint)

/** Any other field. */
const otherField = -1

/**
 * Reads the request of `vllm.grpc.engine.VllmEngine/Generate` or `/Embed`: one gRPC message, piece by piece, each byte of
 * its structure once; text and token ids are passed over. The prompt is the first of `text`, `original_text` and
 * `input_ids` that has content. Such a request names no model.
 */
export class EngineGrpcReader implements BodyReader {
  /** Bytes pushed before the current piece. */
  #offset = 0
  #state: State = State.compressedFlag
  #message: Message = Message.request
  /** Offsets in the body at which the request, and the message inside of it, end. */
  #requestEnd = 0
  #innerEnd = 0
  #field = otherField
  /** The number being read, and how many bytes of it have come. */
  #value = 0
  #valueBytes = 0
  /** Where the value that is passed over ends. */
  #skipEnd = 0
  /** It is the prompt. */
  #isPrompt = false

  readonly model = undefined
  readonly user = undefined
  stream = false
  maxTokens: number | undefined
  promptStart = -1
  promptEnd = -1
  readonly modelSpans: number[] = []
  error: BodyError | undefined

  get isComplete(): boolean {
    return this.#state === State.done
  }

  push(piece: Buffer): void {
    if (this.error !== undefined) return
    let i = 0
    while (i < piece.length && this.error === undefined) {
      if (this.#state === State.skip) {
        i += Math.min(piece.length - i, this.#skipEnd - this.#offset - i)
        if (this.#offset + i === this.#skipEnd) this.#endValue(this.#skipEnd)
      } else {
        this.#readByte(piece[i], this.#offset + i)
        i++
      }
    }
    this.#offset += piece.length
  }

  end(): void {
    if (this.error !== undefined || this.#state === State.done) return
    const isInPrefix = this.#offset < framePrefixBytes
    this.#fail(this.#offset, isInPrefix ? 'the body has no gRPC message' : 'the body ends in the middle of its message')
  }

  #fail(offset: number, message: string): void {
    this.error = { code: 'invalid_grpc', offset, message: `${message} (byte ${offset})` }
    this.#state = State.failed
  }

  #readByte(byte: number, offset: number): void {
    switch (this.#state) {
      case State.compressedFlag:
        if (byte === 1) this.#fail(offset, 'the message is compressed: send it without grpc-encoding')
        else if (byte !== 0) this.#fail(offset, `expected a gRPC message, found byte ${byte} in place of its first, 0`)
        else this.#state = State.messageLength
        return
      case State.messageLength:
        this.#value = this.#value * 256 + byte
        if (++this.#valueBytes < framePrefixBytes - 1) return
        this.#requestEnd = offset + 1 + this.#value
        this.#endValue(offset + 1)
        return
      case State.tag:
      case State.varint:
      case State.fieldLength:
        this.#readVarint(byte, offset)
        return
      case State.done:
        this.#fail(offset, 'the message is followed by other bytes')
        return
    }
  }

  #readVarint(byte: number, offset: number): void {
    // Exact for lengths, of up to 32 bits; the numbers that count have no more either.
    this.#value += (byte & 0x7f) * 2 ** (7 * this.#valueBytes)
    this.#valueBytes++
    if (byte >= 0x80) {
      if (this.#valueBytes === maxVarintBytes) this.#fail(offset, 'a varint of more than 10 bytes')
      else if (offset + 1 === this.#end) this.#fail(offset, 'a message ends in the middle of a number')
      return
    }
    const value = this.#value
    switch (this.#state) {
      case State.tag:
        return this.#beginField(value, offset)
      case State.varint:
        if (this.#field === streamField) this.stream = value !== 0
        else if (this.#field === maxTokensField && value < 2 ** 32) this.maxTokens = value
        return this.#endValue(offset + 1)
      default:
        return this.#beginBytes(value, offset + 1)
    }
  }

  get #end(): number {
    return this.#message === Message.request ? this.#requestEnd : this.#innerEnd
  }

  #beginField(tag: number, offset: number): void {
    const field = Math.floor(tag / 8)
    if (field === 0 || field >= 2 ** 29) return this.#fail(offset, 'a field without a valid number')
    this.#field = field < 32 ? at(this.#message, field, tag & 7) : otherField
    this.#value = 0
    this.#valueBytes = 0
    const next = offset + 1
    switch (tag & 7) {
      case wire.varint:
        // One by one they are a prompt too, though proto3 packs them.
        if (this.#field === inputIdField && this.promptStart < 0) this.promptStart = offset
        this.#state = State.varint
        if (next === this.#end) this.#fail(offset, 'a message ends in the middle of a number')
        return
      case wire.fixed64:
        return this.#skip(next, 8)
      case wire.bytes:
        this.#state = State.fieldLength
        if (next === this.#end) this.#fail(offset, 'a message ends in the middle of a number')
        return
      case wire.fixed32:
        return this.#skip(next, 4)
      default:
        return this.#fail(offset, `a field of wire type ${tag & 7}`)
    }
  }

  #beginBytes(length: number, start: number): void {
    if (start + length > this.#end) return this.#fail(start - 1, `a field of ${length} bytes runs over its message`)
    switch (this.#field) {
      case tokenizedField:
      case samplingField:
        this.#message = this.#field === tokenizedField ? Message.tokenized : Message.sampling
        this.#innerEnd = start + length
        return this.#endValue(start)
      case textField:
      case originalTextField:
      case inputIdsField:
        if (length > 0 && this.promptStart < 0) {
          this.promptStart = start
          this.#isPrompt = true
        }
    }
    this.#skip(start, length)
  }

  #skip(start: number, length: number): void {
    this.#skipEnd = start + length
    if (this.#skipEnd > this.#end) this.#fail(start - 1, 'a message ends in the middle of a number')
    else if (length === 0) this.#endValue(start)
    else this.#state = State.skip
  }

  /** A field has ended, or a message has begun: the next field comes, if any does. */
  #endValue(offset: number): void {
    if (this.#isPrompt) {
      this.promptEnd = offset
      this.#isPrompt = false
    }
    if (this.#message !== Message.request && offset === this.#innerEnd) {
      if (this.promptStart >= 0 && this.promptEnd < 0) this.promptEnd = offset
      this.#message = Message.request
    }
    this.#value = 0
    this.#valueBytes = 0
    this.#state = offset === this.#requestEnd ? State.done : State.tag
  }
}
