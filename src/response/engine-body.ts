import type { BodyReader, Findings, Pieces } from './findings.ts'
import { usageIndex } from './usage.ts'

/** What the next byte belongs to. */
const State = { prefix: 0, tag: 1, number: 2, length: 3, skipped: 4, failed: 5 } as const
type State = (typeof State)[keyof typeof State]

/** Which message the field is in. The numbers of the inner ones are those of their fields in GenerateResponse. */
const Message = { response: 0, chunk: 1, complete: 2 } as const
type Message = (typeof Message)[keyof typeof Message]

/** Compressed flag and length, before each message (gRPC over HTTP/2, "Length-Prefixed-Message"). */
const prefixBytes = 5

const maxVarintBytes = 10

/** Fields of GenerateStreamChunk and GenerateComplete that hold tokens; 1 in both. */
const tokensField = 1

/** Field of EmbedResponse. In GenerateResponse 2 is a message, so the two are told apart by the wire type. */
const embedPromptTokens = 2

/** Usage numbers by their field number, per message. */
const chunkNumbers = new Map([
  [2, usageIndex.prompt_tokens],
  [3, usageIndex.completion_tokens],
  [4, usageIndex.cached_tokens],
])
const completeNumbers = new Map([
  [3, usageIndex.prompt_tokens],
  [4, usageIndex.completion_tokens],
  [5, usageIndex.cached_tokens],
])
const numbersOf = { [Message.chunk]: chunkNumbers, [Message.complete]: completeNumbers }

/**
 * A body of vLLM's engine API over gRPC (vllm_engine.proto, package vllm.grpc.engine): GenerateResponse, of which each has a
 * `chunk` or the `complete`, or one EmbedResponse. Nothing is held back or copied; messages may be cut anywhere. A compressed
 * message is passed over. What is malformed ends the reading, and nothing else.
 */
export class EngineBody implements BodyReader {
  readonly #findings: Findings
  #state: State = State.prefix
  #message: Message = Message.response
  /** Bytes of the prefix that have been read, and the message's length as far as they tell it. */
  #prefixRead = 0
  #compressed = 0
  #frameLeft = 0
  /** Bytes left of the chunk or complete that is being read. */
  #innerLeft = 0
  /** The varint that is being read: its value so far and how many bytes that is. */
  #varint = 0
  #varintRead = 0
  #field = 0
  #skipLeft = 0
  /** Numbers of the current message, flat: index, value. They count when it is complete. */
  readonly #numbers: number[] = []
  #hasTokens = false
  #isComplete = false

  constructor(findings: Findings) {
    this.#findings = findings
  }

  push(piece: Buffer, out: Pieces): void {
    out.push(piece)
    let at = 0
    while (at < piece.length && this.#state !== State.failed) at = this.#read(piece, at)
  }

  end(): void {}

  #read(piece: Buffer, at: number): number {
    switch (this.#state) {
      case State.prefix:
        this.#readPrefix(piece[at])
        return at + 1
      case State.skipped: {
        const taken = Math.min(this.#skipLeft, piece.length - at)
        this.#skipLeft -= taken
        this.#consume(taken)
        if (this.#skipLeft === 0) this.#endField()
        return at + taken
      }
      case State.tag:
      case State.number:
      case State.length:
        this.#readVarint(piece[at])
        return at + 1
      case State.failed:
        return piece.length
    }
  }

  #readPrefix(byte: number): void {
    if (this.#prefixRead === 0) {
      if (byte > 1) this.#state = State.failed
      this.#compressed = byte
      this.#frameLeft = 0
    } else this.#frameLeft = this.#frameLeft * 256 + byte
    this.#prefixRead++
    if (this.#prefixRead < prefixBytes) return
    this.#prefixRead = 0
    if (this.#compressed === 1 && this.#frameLeft > 0) this.#skip(this.#frameLeft)
    else this.#endField()
  }

  #readVarint(byte: number): void {
    // Low 32 bits are enough: all of interest are uint32, and longer lengths are refused below.
    this.#varint += (byte & 0x7f) * 2 ** (7 * this.#varintRead)
    this.#varintRead++
    this.#consume(1)
    const left = this.#message === Message.response ? this.#frameLeft : this.#innerLeft
    if (byte >= 0x80) {
      if (this.#varintRead === maxVarintBytes || left === 0) this.#reject()
      return
    }
    const value = this.#varint
    this.#varint = 0
    this.#varintRead = 0
    switch (this.#state) {
      case State.tag:
        this.#beginField(value, left)
        return
      case State.number:
        this.#takeNumber(value)
        this.#endField()
        return
      default:
        if (value > left) this.#reject()
        else this.#beginLengthDelimited(value)
    }
  }

  #beginField(tag: number, left: number): void {
    this.#field = Math.floor(tag / 8)
    switch (tag % 8) {
      case 0:
        if (left === 0) this.#reject()
        else this.#state = State.number
        return
      case 1:
        this.#skipFixed(8, left)
        return
      case 2:
        if (left === 0) this.#reject()
        else this.#state = State.length
        return
      case 5:
        this.#skipFixed(4, left)
        return
      default:
        this.#reject()
    }
  }

  /**
   * What looked like a chunk is none: the embedding of an EmbedResponse has the same field number. Outside of one it is the
   * body that is malformed.
   */
  #reject(): void {
    if (this.#message === Message.response) {
      this.#state = State.failed
      return
    }
    this.#varint = 0
    this.#varintRead = 0
    this.#numbers.length = 0
    this.#hasTokens = false
    if (this.#innerLeft === 0) this.#endField()
    else this.#skip(this.#innerLeft)
  }

  #skipFixed(bytes: number, left: number): void {
    if (bytes > left) this.#reject()
    else this.#skip(bytes)
  }

  #beginLengthDelimited(length: number): void {
    if (this.#message === Message.response) {
      if (this.#field === Message.complete) this.#isComplete = true
      if (this.#field === Message.chunk || this.#field === Message.complete) {
        this.#message = this.#field
        this.#innerLeft = length
        this.#endField()
        return
      }
    } else if (this.#field === tokensField && length > 0) this.#hasTokens = true
    if (length === 0) this.#endField()
    else this.#skip(length)
  }

  #skip(bytes: number): void {
    this.#skipLeft = bytes
    this.#state = State.skipped
  }

  #consume(bytes: number): void {
    this.#frameLeft -= bytes
    if (this.#message !== Message.response) this.#innerLeft -= bytes
  }

  #takeNumber(value: number): void {
    if (this.#message === Message.response) {
      if (this.#field !== embedPromptTokens) return
      // Field 1 was the embedding, not a chunk.
      this.#numbers.length = 0
      this.#hasTokens = true
      this.#isComplete = true
      this.#numbers.push(usageIndex.prompt_tokens, value)
      return
    }
    if (this.#field === tokensField) this.#hasTokens = true
    const index = numbersOf[this.#message].get(this.#field)
    if (index !== undefined) this.#numbers.push(index, value)
  }

  /** A field has ended, and with it perhaps the chunk and the whole message. */
  #endField(): void {
    this.#state = State.tag
    if (this.#message !== Message.response && this.#innerLeft === 0) this.#message = Message.response
    if (this.#frameLeft > 0) return
    const findings = this.#findings
    for (let at = 0; at < this.#numbers.length; at += 2) findings.usage.set(this.#numbers[at], this.#numbers[at + 1])
    // The complete repeats the tokens of the chunks before it.
    if (this.#hasTokens && !(this.#isComplete && findings.events > 0)) findings.events++
    if (this.#isComplete) findings.finished = true
    this.#numbers.length = 0
    this.#hasTokens = false
    this.#isComplete = false
    this.#state = State.prefix
  }
}
