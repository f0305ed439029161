import { controlCharacter } from './bodies/body-reader.ts'
import { Field, fieldOf } from './body-fields.ts'
import {
  ClosingQuote,
  decodeString,
  describeByte,
  describeValue,
  findClosingQuote,
  isWhiteSpace,
  NumberPart,
  nextNumberPart,
  numberMayEnd,
} from './json.ts'
import { maxJsonDepth, maxKeyRepeats, maxModelBytes } from './limits.ts'

export type ScanError = {
  readonly code: 'invalid_json' | 'model_invalid'
  /** Of the first byte that is wrong. */
  readonly offset: number
  readonly message: string
}

/** Where in the document the next byte is. From `value` on, white space may come before it. */
const State = {
  failed: 0,
  start: 1,
  bom1: 2,
  bom2: 3,
  string: 4,
  number: 5,
  literal: 6,
  value: 7,
  firstElement: 8,
  firstKey: 9,
  key: 10,
  colon: 11,
  afterMember: 12,
  afterElement: 13,
  done: 14,
} as const
type State = (typeof State)[keyof typeof State]

/** Longest token that is kept over a chunk border, bytes. */
const maxTokenBytes = maxModelBytes

/** Containers whose kind fits into the bits of one small integer. */
const levelsPerNumber = 30

const literalTrue = Buffer.from('true')
const literalFalse = Buffer.from('false')
const literalNull = Buffer.from('null')

/**
 * Reads a JSON body chunk by chunk, each byte once, and finds what routing needs of its top level. It checks the structure
 * of the document as RFC 8259 has it; inside of strings that nobody asks for it searches for the end and judges nothing, as
 * the model server gets the same bytes and judges them itself. It keeps no body bytes but those of a token that a chunk
 * border cuts.
 */
export class BodyScanner {
  // Private fields come first: V8 turns an object into a slow dictionary when a private field is the sixteenth or a later
  // property and a garbage collection came while it was still finding out how large these objects are.

  /** Bytes pushed before the current chunk. */
  #offset = 0
  #state: State = State.start
  /** The container that each level of {@link #depth} is: one bit a level, 1 for an object, of the innermost 30 levels. */
  #containers = 0
  /** {@link #containers} of each 30 levels further out. */
  readonly #outerContainers: number[] = []
  #depth = 0
  /** Where in a number or a literal the cursor is. */
  #part = 0
  #literal: Buffer = literalTrue
  /** The string ends in an odd number of backslashes so far, so that the next byte is escaped. */
  #escaped = false
  /** Which top-level field the current value belongs to. */
  #field: Field = Field.other
  /** The string being read is a key below the top level. */
  #isNestedKey = false
  /** Bytes of a wanted token from earlier chunks. */
  #carried: Buffer | undefined
  /** Where the wanted token's content begins in the current chunk; -1 when no token is wanted. */
  #tokenStart = -1

  /** The first top-level `model`, when it is a string and complete. */
  model: string | undefined
  /** Top-level `user`. */
  user: string | undefined
  /** Top-level `stream` is true. */
  stream = false
  /** The last of top-level `max_tokens`, `max_completion_tokens`, `max_output_tokens` that is a number. */
  maxTokens: number | undefined
  /** Top-level `cache_salt`: model servers share caches between equal ones only. */
  cacheSalt: string | undefined
  /** Top-level `prompt_cache_key`: what clients give to requests that begin alike. */
  promptCacheKey: string | undefined
  /** Offsets in the body of the value of the first field that holds a prompt; -1 as long as not reached. */
  promptStart = -1
  promptEnd = -1
  /**
   * Offsets in the body of every value of a top-level `model`, after the first one in whatever letters, flat: start, end,
   * start, end … An odd count means that the last one has begun and not ended. The first pair belongs to {@link model}.
   */
  readonly modelSpans: number[] = []
  /**
   * Offsets in the body of the values that stand before the prompt and that a model server puts before it: `system`,
   * `instructions`, `tools`. Flat as {@link modelSpans}; an odd count means that the last one has begun and not ended.
   */
  readonly headSpans: number[] = []
  /** Why the document is not what it should be; nothing is read after it is set. */
  error: ScanError | undefined

  /** Whether the document is complete: only white space may follow. */
  get isComplete(): boolean {
    return this.#state === State.done
  }

  get bytesRead(): number {
    return this.#offset
  }

  /** Reads the next bytes of the body. After {@link error} is set it does nothing. */
  push(chunk: Buffer): void {
    if (this.error !== undefined) return
    if (this.#tokenStart >= 0) this.#tokenStart = 0
    this.#state = this.#read(chunk, this.#state)
    if (this.error !== undefined) return
    if (this.#tokenStart >= 0) this.#carry(chunk)
    this.#offset += chunk.length
  }

  /** To be called after the last chunk: a document that is not complete becomes an error. */
  end(): void {
    if (this.error !== undefined) return
    // A top-level number has no delimiter of its own.
    if (this.#state === State.number && this.#depth === 0 && numberMayEnd(this.#part)) this.#state = State.done
    const isBlank = this.#depth === 0 && (this.#state === State.start || this.#state === State.value)
    if (isBlank) this.#fail('invalid_json', 0, 'the body is empty')
    else if (this.#state !== State.done) this.#fail('invalid_json', 0, 'the body ends in the middle of the document')
  }

  #fail(code: ScanError['code'], at: number, message: string): State {
    const offset = this.#offset + at
    this.error = { code, offset, message: `${message} (byte ${offset})` }
    return State.failed
  }

  #unexpected(chunk: Buffer, at: number, expected: string): State {
    return this.#fail('invalid_json', at, `expected ${expected}, found ${describeByte(chunk[at])}`)
  }

  /**
   * The state after `chunk`, from the one before it. A turn of the loop reads one byte of structure, or all that the chunk
   * has of a string or number. What a byte leads to is the next state, which stays a local variable: this is the hot loop.
   */
  #read(chunk: Buffer, state: State): State {
    const length = chunk.length
    let at = 0
    while (at < length) {
      const byte = chunk[at]
      if (byte <= 0x20 && state >= State.value && isWhiteSpace(byte)) {
        at++
        continue
      }
      switch (state) {
        case State.string:
          at = this.#findStringEnd(chunk, at)
          if (at < 0) return state
          state = this.#endString(chunk, at++)
          break
        case State.number:
          at = this.#findNumberEnd(chunk, at)
          if (at === length) return state
          if (!numberMayEnd(this.#part)) return this.#unexpected(chunk, at, 'a digit')
          state = this.#endValue(chunk, at)
          break
        case State.literal:
          state = this.#readLiteral(chunk, at++)
          break
        case State.value:
          state = this.#beginValue(chunk, at++)
          break
        case State.firstElement:
          state = byte === 0x5d ? this.#closeContainer(chunk, at++) : this.#beginValue(chunk, at++)
          break
        case State.firstKey:
          if (byte === 0x7d) state = this.#closeContainer(chunk, at++)
          else if (byte === 0x22) state = this.#beginKey(at++)
          else return this.#unexpected(chunk, at, 'a key or "}"')
          break
        case State.key:
          if (byte !== 0x22) return this.#unexpected(chunk, at, 'a key')
          state = this.#beginKey(at++)
          break
        case State.colon:
          if (byte !== 0x3a) return this.#unexpected(chunk, at, '":"')
          state = State.value
          at++
          break
        case State.afterMember:
          if (byte === 0x2c) {
            state = State.key
            at++
          } else if (byte === 0x7d) state = this.#closeContainer(chunk, at++)
          else return this.#unexpected(chunk, at, '"," or "}"')
          break
        case State.afterElement:
          if (byte === 0x2c) {
            state = State.value
            at++
          } else if (byte === 0x5d) state = this.#closeContainer(chunk, at++)
          else return this.#unexpected(chunk, at, '"," or "]"')
          break
        case State.done:
          return this.#unexpected(chunk, at, 'nothing after the document')
        case State.start:
          // A UTF-8 byte order mark before the document is passed over, as RFC 8259 section 8.1 allows.
          state = byte === 0xef ? State.bom1 : State.value
          if (byte === 0xef) at++
          break
        case State.bom1:
        case State.bom2:
          if (byte !== (state === State.bom1 ? 0xbb : 0xbf)) return this.#unexpected(chunk, at, 'a byte order mark')
          state = state === State.bom1 ? State.bom2 : State.value
          at++
          break
        case State.failed:
          return state
      }
    }
    return state
  }

  #beginKey(at: number): State {
    if (this.#depth === 1) {
      this.#field = Field.key
      this.#tokenStart = at + 1
    } else this.#isNestedKey = true
    return State.string
  }

  #beginValue(chunk: Buffer, at: number): State {
    const byte = chunk[at]
    if (this.#depth === 1 && this.#field !== Field.other) {
      this.#noteTopLevelValue(at, byte)
      if (this.error !== undefined) return State.failed
    }
    switch (byte) {
      case 0x22:
        return State.string
      case 0x7b:
        return this.#openContainer(at, true)
      case 0x5b:
        return this.#openContainer(at, false)
      case 0x74:
        return this.#beginLiteral(literalTrue)
      case 0x66:
        return this.#beginLiteral(literalFalse)
      case 0x6e:
        return this.#beginLiteral(literalNull)
      default:
        this.#part = nextNumberPart[byte]
        return this.#part === NumberPart.none ? this.#unexpected(chunk, at, 'a value') : State.number
    }
  }

  /** Notes where the value of a wanted top-level field begins, and which of its bytes are wanted. */
  #noteTopLevelValue(at: number, byte: number): void {
    const kind = describeValue(byte)
    if (kind === undefined) return
    switch (this.#field) {
      case Field.model:
        if (this.modelSpans.length === 2 * maxKeyRepeats) {
          this.#fail('model_invalid', at, `"model" is given more than ${maxKeyRepeats} times`)
          return
        }
        if (this.modelSpans.length === 0) {
          if (kind !== 'a string') {
            this.#fail('model_invalid', at, `"model" must be a string, found ${kind}`)
            return
          }
          this.#tokenStart = at + 1
        }
        this.modelSpans.push(this.#offset + at)
        return
      case Field.user:
        this.user = undefined
        if (kind === 'a string') this.#tokenStart = at + 1
        return
      case Field.stream:
        this.stream = false
        return
      case Field.maxTokens:
        if (kind === 'a number') this.#tokenStart = at
        return
      case Field.prompt:
        if (this.promptStart < 0) this.promptStart = this.#offset + at
        return
      case Field.head:
        if (this.promptStart >= 0) return
        if (this.headSpans.length === 2 * maxKeyRepeats) {
          this.#fail(
            'invalid_json',
            at,
            `"system", "instructions" and "tools" are given more than ${maxKeyRepeats} times`,
          )
        } else this.headSpans.push(this.#offset + at)
        return
      case Field.salt:
        this.cacheSalt = undefined
        if (kind === 'a string') this.#tokenStart = at + 1
        return
      case Field.promptCacheKey:
        this.promptCacheKey = undefined
        if (kind === 'a string') this.#tokenStart = at + 1
    }
  }

  #beginLiteral(literal: Buffer): State {
    this.#literal = literal
    this.#part = 1
    return State.literal
  }

  #readLiteral(chunk: Buffer, at: number): State {
    const literal = this.#literal
    if (chunk[at] !== literal[this.#part]) return this.#unexpected(chunk, at, `"${literal}"`)
    this.#part++
    if (this.#part < literal.length) return State.literal
    if (this.#field === Field.stream && this.#depth === 1) this.stream = literal === literalTrue
    return this.#endValue(chunk, at + 1)
  }

  #openContainer(at: number, isObject: boolean): State {
    if (this.#depth === maxJsonDepth) {
      return this.#fail('invalid_json', at, `arrays and objects nested deeper than ${maxJsonDepth}`)
    }
    if (this.#depth > 0 && this.#depth % levelsPerNumber === 0) {
      this.#outerContainers.push(this.#containers)
      this.#containers = 0
    }
    this.#depth++
    this.#containers = (this.#containers << 1) | (isObject ? 1 : 0)
    return isObject ? State.firstKey : State.firstElement
  }

  #closeContainer(chunk: Buffer, at: number): State {
    this.#depth--
    this.#containers >>>= 1
    if (this.#depth > 0 && this.#depth % levelsPerNumber === 0) this.#containers = this.#outerContainers.pop()!
    return this.#endValue(chunk, at + 1)
  }

  /** `end` is the first byte after the value. */
  #endValue(chunk: Buffer, end: number): State {
    if (this.#depth === 0) return State.done
    if (this.#depth === 1 && this.#field !== Field.other) {
      this.#takeTopLevelValue(chunk, end)
      if (this.error !== undefined) return State.failed
    }
    return (this.#containers & 1) === 1 ? State.afterMember : State.afterElement
  }

  #takeTopLevelValue(chunk: Buffer, end: number): void {
    switch (this.#field) {
      case Field.model:
        this.modelSpans.push(this.#offset + end)
        if (this.modelSpans.length === 2) this.#takeModel(chunk, end - 1)
        return
      case Field.user:
        if (this.#tokenStart >= 0) this.user = decodeString(this.#takeToken(chunk, end - 1))
        return
      case Field.maxTokens:
        if (this.#tokenStart >= 0) {
          const value = Number(this.#takeToken(chunk, end)?.toString('latin1'))
          if (Number.isFinite(value)) this.maxTokens = value
        }
        return
      case Field.prompt:
        if (this.promptEnd < 0) this.promptEnd = this.#offset + end
        return
      case Field.head:
        if (this.headSpans.length % 2 === 1) this.headSpans.push(this.#offset + end)
        return
      case Field.salt:
        if (this.#tokenStart >= 0) this.cacheSalt = decodeString(this.#takeToken(chunk, end - 1))
        return
      case Field.promptCacheKey:
        if (this.#tokenStart >= 0) this.promptCacheKey = decodeString(this.#takeToken(chunk, end - 1))
    }
  }

  #takeModel(chunk: Buffer, end: number): void {
    const raw = this.#takeToken(chunk, end)
    const model = decodeString(raw)
    if (raw === undefined) this.#fail('model_invalid', end, `"model" is longer than ${maxModelBytes} bytes`)
    else if (model === undefined) this.#fail('invalid_json', end, '"model" is not a valid JSON string in UTF-8')
    else if (controlCharacter.test(model)) this.#fail('model_invalid', end, '"model" contains a control character')
    else this.model = model
  }

  /** `quote` is where the closing quote is. */
  #endString(chunk: Buffer, quote: number): State {
    if (this.#isNestedKey) {
      this.#isNestedKey = false
      return State.colon
    }
    if (this.#field === Field.key) {
      const field = fieldOf(this.#takeToken(chunk, quote))
      // Servers written in Go take "Model" for "model", and the last of them counts: after a model it is another one.
      if (field !== Field.modelLike) this.#field = field
      else this.#field = this.modelSpans.length > 0 ? Field.model : Field.other
      return State.colon
    }
    return this.#endValue(chunk, quote + 1)
  }

  /** The closing quote at or after `at`, -1 when the chunk ends first. */
  #findStringEnd(chunk: Buffer, at: number): number {
    if (this.#escaped) {
      this.#escaped = false
      at++
    }
    const quote = findClosingQuote(chunk, at, chunk.length)
    if (quote >= 0) return quote
    this.#escaped = quote === ClosingQuote.afterEscape
    return -1
  }

  /** The first byte that does not belong to the number; the length of the chunk when that ends first. */
  #findNumberEnd(chunk: Buffer, at: number): number {
    const length = chunk.length
    let part = this.#part
    while (at < length) {
      const next = nextNumberPart[(part << 8) | chunk[at]]
      if (next === NumberPart.none) break
      part = next
      at++
    }
    this.#part = part
    return at
  }

  /** Keeps the wanted token's bytes of this chunk for when the next one comes. */
  #carry(chunk: Buffer): void {
    const part = chunk.subarray(this.#tokenStart)
    // One byte over the largest token of interest is enough to know that it is too long.
    const room = maxTokenBytes + 1 - (this.#carried?.length ?? 0)
    const kept = part.subarray(0, Math.max(0, room))
    this.#carried = this.#carried === undefined ? Buffer.from(kept) : Buffer.concat([this.#carried, kept])
  }

  /** The wanted token, which ends before `end` in this chunk; undefined when it is longer than any token of interest. */
  #takeToken(chunk: Buffer, end: number): Buffer | undefined {
    const carried = this.#carried
    const part = chunk.subarray(this.#tokenStart, Math.max(end, this.#tokenStart))
    this.#carried = undefined
    this.#tokenStart = -1
    if ((carried?.length ?? 0) + part.length > maxTokenBytes) return undefined
    return carried === undefined ? part : Buffer.concat([carried, part])
  }
}
