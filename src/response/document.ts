import {
  ClosingQuote,
  findClosingQuote,
  isWhiteSpace,
  NumberPart,
  nativeSearchBytes,
  nextNumberPart,
  numberMayEnd,
} from '../request/json.ts'
import { maxJsonDepth } from '../request/limits.ts'
import type { Findings, Pieces } from './findings.ts'
import { detailsNumber, Member, memberAt, memberOfEscaped, Place } from './members.ts'
import type { ModelValues } from './model-values.ts'
import type { KnownEvent, KnownStretch } from './opening.ts'
import { UsageNumbers } from './usage.ts'

/** Where in the document the next byte is. From `value` on, white space may come before it. */
const State = {
  failed: 0,
  string: 1,
  /** The first byte of a string that tells something when it is not empty. */
  tellingString: 2,
  keyString: 3,
  number: 4,
  literal: 5,
  value: 6,
  firstElement: 7,
  firstKey: 8,
  key: 9,
  colon: 10,
  afterMember: 11,
  afterElement: 12,
  done: 13,
} as const
type State = (typeof State)[keyof typeof State]

/** What a document has told, one bit each. */
const Told = { content: 1, untypedContent: 2, type: 4, finish: 8 } as const

/** States of a Response that does not change any more. */
const finalStates: ReadonlySet<string> = new Set(['completed', 'incomplete', 'failed', 'cancelled'])

/** Containers whose kind fits into the bits of one small integer. */
const levelsPerNumber = 30

/** Longest key, number or status that is kept over a piece's end: six bytes for each character of the longest key. */
const maxTokenBytes = 192

const lineFeed = Buffer.from('\n')
/** What a literal may be, one after the other: `part` counts through all of them. */
const literals = Buffer.from('truefalsenull')
const Literal = { true: 0, trueEnd: 4, false: 4, falseEnd: 9, null: 9, nullEnd: 13 } as const

/**
 * Reads one JSON document of a response piece by piece, each byte once, and what it tells of the response: see
 * {@link Place} and {@link Member} for where. Numbers count when the whole document is valid; inside of strings nothing is
 * judged but their end. Model values are told to {@link ModelValues} as they come.
 */
export class ResponseDocument {
  // With one private field more V8 makes slow dictionaries of the instances; see BodyScanner.

  readonly #models: ModelValues
  readonly #known: KnownEvent | undefined
  #state: State = State.value
  /** The container that each level of {@link #depth} is: one bit a level, 1 for an object, of the innermost 30 levels. */
  #containers = 0
  /** {@link #containers} of each 30 levels further out. */
  readonly #outerContainers: number[] = []
  #depth = 0
  /** The {@link Place}s from the outermost to the innermost level that is one, 4 bits each. */
  #places = 0
  /** How many there are. Directly within the innermost one when this equals {@link #depth}. */
  #placeDepth = 0
  /** The member whose value is read or comes next. */
  #member: number = Member.other
  /** Where in a number or a literal the cursor is; 1 in a string whose next byte is escaped. */
  #part = 0
  /** A key, number or status is wanted, and begins there in the bytes that are read; -1 when none is. */
  #tokenStart = -1
  /** Its bytes from before. */
  #carried: Buffer | undefined
  #told = 0
  readonly #usage = new UsageNumbers()

  /** @param known what documents that are read one after the other have in common */
  constructor(models: ModelValues, known?: KnownEvent) {
    this.#models = models
    this.#known = known
  }

  get isFresh(): boolean {
    return this.#state === State.value && this.#depth === 0
  }

  get isDone(): boolean {
    return this.#state === State.done
  }

  get hasFailed(): boolean {
    return this.#state === State.failed
  }

  /** Forgets the document: the next byte begins a new one. */
  reset(): void {
    this.#state = State.value
    this.#depth = 0
    this.#places = 0
    this.#placeDepth = 0
    this.#member = Member.other
    this.#part = 0
    this.#tokenStart = -1
    this.#carried = undefined
    this.#told = 0
    this.#usage.clear()
    if (this.#outerContainers.length > 0) this.#outerContainers.length = 0
  }

  /** Takes what a complete document has told over to the findings. */
  commit(findings: Findings): void {
    const told = this.#told
    if ((told & Told.finish) !== 0) findings.finished = true
    const isUntypedContent = (told & (Told.untypedContent | Told.type)) === Told.untypedContent
    if ((told & Told.content) !== 0 || isUntypedContent) findings.events++
    findings.usage.merge(this.#usage)
  }

  /** A line of the document ends, which may go on in a next one. */
  endLine(out: Pieces): void {
    switch (this.#state) {
      case State.string:
      case State.tellingString:
      case State.keyString:
        this.fail(out)
        return
      default:
        this.read(lineFeed, 0, 1, false, out)
    }
  }

  /** It is not JSON, or ends too early. What was held back of it is given on. */
  fail(out: Pieces): void {
    this.#models.abandon(out)
    this.#state = State.failed
  }

  /**
   * Reads the bytes of `piece` from `at` to before `end`.
   * @param isLine a carriage return between tokens ends the line
   * @returns where it stopped: at `end`, at such a carriage return, or anywhere when it has failed
   */
  read(piece: Buffer, at: number, end: number, isLine: boolean, out: Pieces): number {
    let state = this.#state
    if (this.#tokenStart >= 0) this.#tokenStart = at
    // Where a stretch begins that may come again in the next document.
    let opening = -1
    let closing = -1
    let toldBefore = 0
    const known = this.#known
    let modelsBefore = this.#models.closed
    if (known !== undefined && state === State.value && this.#depth === 0) {
      if (known.opening.isAt(piece, at, end)) {
        at = this.#skip(known.opening, piece, at, out)
        const quote = at < end ? this.#findStringEnd(piece, at, end) : end
        if (at < end) {
          if (quote > at) this.#tellMember()
          state = State.string
        } else state = State.tellingString
        at = quote
        if (at < end) {
          at++
          state = this.#afterValue()
          toldBefore = this.#told
          if (known.closing.isAt(piece, at, end)) {
            at = this.#skip(known.closing, piece, at, out)
            this.#told |= toldBefore
            state = known.closing.standing!.state as State
          } else {
            closing = at
            modelsBefore = this.#models.closed
            this.#told = 0
          }
        }
      } else opening = at
    }
    while (at < end) {
      const byte = piece[at]
      if (byte <= 0x20 && state >= State.value && isWhiteSpace(byte)) {
        if (byte === 0x0d && isLine) break
        at++
        continue
      }
      switch (state) {
        case State.tellingString:
          if (byte !== 0x22) this.#tellMember()
          state = State.string
          break
        case State.string:
          at = this.#findStringEnd(piece, at, end)
          if (at === end) break
          if (this.#member !== Member.other) this.#endString(piece, at, out)
          at++
          state = this.#afterValue()
          break
        case State.keyString:
          at = this.#findStringEnd(piece, at, end)
          if (at === end) break
          if (this.#tokenStart >= 0) this.#member = this.#takeKey(piece, at)
          at++
          state = State.colon
          break
        case State.colon:
          state = byte === 0x3a ? State.value : State.failed
          at++
          break
        case State.value:
          if (this.#member === Member.other) {
            // What is of no interest is mostly short, and wholly there.
            const after = byte === 0x22 ? plainStringEnd(piece, at + 1, end) + 1 : afterNull(piece, at, end)
            if (after > 0) {
              at = after
              state = this.#afterValue()
              break
            }
          }
          state = this.#beginValue(byte, at)
          at++
          if (state === State.tellingString && opening >= 0) {
            if (this.#take(known!.opening, piece, opening, at, state, modelsBefore)) known!.closing.forget()
            opening = -1
          } else if (closing >= 0 && state === State.firstKey && (this.#places & 0xf) === Place.usage) {
            this.#take(known!.closing, piece, closing, at, state, modelsBefore)
            this.#told |= toldBefore
            closing = -1
          }
          break
        case State.afterMember:
          if (byte === 0x2c) state = State.key
          else state = byte === 0x7d ? this.#close() : State.failed
          at++
          break
        case State.firstKey:
        case State.key:
          if (byte === 0x22) {
            // Of an object that tells by having a first member.
            if (state === State.firstKey && this.#member !== Member.other) this.#tellMember()
            const isPlace = this.#depth === this.#placeDepth
            const quote = plainStringEnd(piece, at + 1, end)
            if (quote < 0) {
              this.#member = Member.other
              this.#part = 0
              if (isPlace) this.#tokenStart = at + 1
              state = State.keyString
              at++
              break
            }
            this.#member = isPlace ? memberAt(this.#places & 0xf, piece, at + 1, quote) : Member.other
            at = quote + 1
            state = State.colon
            // Nearly always the colon follows at once.
            if (at < end && piece[at] === 0x3a) {
              at++
              state = State.value
            }
          } else {
            state = byte === 0x7d && state === State.firstKey ? this.#close() : State.failed
            at++
          }
          break
        case State.firstElement:
          if (byte === 0x5d) state = this.#close()
          else {
            if (this.#member !== Member.other) this.#tellMember()
            this.#member = Member.other
            state = this.#beginValue(byte, at)
          }
          at++
          break
        case State.afterElement:
          if (byte === 0x2c) state = State.value
          else state = byte === 0x5d ? this.#close() : State.failed
          at++
          break
        case State.number:
          at = this.#findNumberEnd(piece, at, end)
          if (at === end) break
          if (numberMayEnd(this.#part)) {
            if (this.#tokenStart >= 0) this.#takeNumber(piece, at)
            state = this.#afterValue()
          } else state = State.failed
          break
        case State.literal:
          state = this.#readLiteral(byte)
          at++
          break
        case State.done:
          state = State.failed
          break
        case State.failed:
          this.fail(out)
          return at
      }
    }
    this.#state = state
    if (closing >= 0) {
      if (state === State.done) this.#take(known!.closing, piece, closing, at, state, modelsBefore)
      this.#told |= toldBefore
    }
    if (state === State.failed) this.fail(out)
    else if (this.#tokenStart >= 0) this.#carry(piece, end)
    return at
  }

  /** Goes on where the stretch, which is at `at`, leads to. Returns its end. */
  #skip(stretch: KnownStretch, piece: Buffer, at: number, out: Pieces): number {
    const { containers, depth, places, placeDepth, member, told } = stretch.standing!
    this.#containers = containers
    this.#depth = depth
    this.#places = places
    this.#placeDepth = placeDepth
    this.#member = member
    this.#told = told
    if (stretch.modelStart >= 0 && this.#models.isWanted) {
      this.#models.open(at + stretch.modelStart)
      this.#models.close(piece, at + stretch.modelEnd, out)
    }
    return at + stretch.length
  }

  /** Remembers what has been read from `begin` to before `end`; false when it is not fit for that. */
  #take(stretch: KnownStretch, piece: Buffer, begin: number, end: number, state: State, modelsBefore: number): boolean {
    const models = this.#models
    const modelsRead = models.closed - modelsBefore
    // What else is read on the way would have to be done again, too.
    if (modelsRead > 1 || !this.#usage.isEmpty || this.#depth >= levelsPerNumber) return false
    if (!stretch.canTake(end - begin)) return false
    const standing = {
      state,
      containers: this.#containers,
      depth: this.#depth,
      places: this.#places,
      placeDepth: this.#placeDepth,
      member: this.#member,
      told: this.#told,
    }
    const modelStart = modelsRead === 0 ? -1 : models.lastStart - begin
    const modelEnd = modelsRead === 0 ? -1 : models.lastEnd - begin
    stretch.take(piece.subarray(begin, end), standing, modelStart, modelEnd)
    return true
  }

  /** The container that has just been opened with a telling member is not empty, or a string that tells is not. */
  #tellMember(): void {
    switch (this.#member) {
      case Member.content:
      case Member.place + Place.delta:
        this.#told |= Told.content
        return
      case Member.untypedContent:
        this.#told |= Told.untypedContent
        return
      case Member.finish:
        this.#told |= Told.finish
    }
  }

  #beginValue(byte: number, at: number): State {
    const member = this.#member
    if (member >= Member.place) this.#forgetOlder(member)
    switch (byte) {
      case 0x22:
        this.#part = 0
        return member === Member.other ? State.string : this.#beginTellingString(member, at)
      case 0x7b:
        return this.#open(true)
      case 0x5b:
        return this.#open(false)
      case 0x74:
        return this.#beginLiteral(Literal.true)
      case 0x66:
        return this.#beginLiteral(Literal.false)
      case 0x6e:
        return this.#beginLiteral(Literal.null)
      default:
        this.#part = nextNumberPart[byte]
        if (this.#part === NumberPart.none) return State.failed
        if (member >= Member.number) this.#tokenStart = at
        return State.number
    }
  }

  /** Of members of the same name the last one counts, as in most parsers. */
  #forgetOlder(member: number): void {
    if (member >= Member.number) this.#usage.unset(member - Member.number)
    else if (member === Member.place + Place.usage) this.#usage.clear()
    else {
      const number = detailsNumber.get((member - Member.place) as Place)
      if (number !== undefined) this.#usage.unset(number)
    }
  }

  #beginTellingString(member: number, at: number): State {
    switch (member) {
      case Member.model:
        if (this.#models.isWanted) this.#models.open(at + 1)
        return State.string
      case Member.type:
        this.#told |= Told.type
        return State.string
      case Member.status:
        this.#tokenStart = at + 1
        return State.string
      default:
        return State.tellingString
    }
  }

  #endString(piece: Buffer, quote: number, out: Pieces): void {
    if (this.#member === Member.model) this.#models.close(piece, quote, out)
    else if (this.#tokenStart >= 0) {
      if (finalStates.has(this.#takeToken(piece, quote).toString('latin1'))) this.#told |= Told.finish
    }
  }

  #beginLiteral(begin: number): State {
    this.#part = begin + 1
    return State.literal
  }

  #readLiteral(byte: number): State {
    if (byte !== literals[this.#part]) return State.failed
    this.#part++
    const part = this.#part
    const isAtEnd = part === Literal.trueEnd || part === Literal.falseEnd || part === Literal.nullEnd
    return isAtEnd ? this.#afterValue() : State.literal
  }

  #open(isObject: boolean): State {
    const depth = this.#depth
    if (depth === maxJsonDepth) return State.failed
    if (depth > 0 && depth % levelsPerNumber === 0) {
      this.#outerContainers.push(this.#containers)
      this.#containers = 0
    }
    const place = this.#placeOf(isObject)
    this.#depth = depth + 1
    this.#containers = (this.#containers << 1) | (isObject ? 1 : 0)
    if (place !== Place.other) {
      this.#places = (this.#places << 4) | place
      this.#placeDepth++
    }
    // Only these are told by what the container begins with.
    if (this.#member > Member.finish || place !== Place.other) this.#member = Member.other
    return isObject ? State.firstKey : State.firstElement
  }

  /** The place that the container which begins now is. */
  #placeOf(isObject: boolean): number {
    if (this.#depth !== this.#placeDepth) return Place.other
    if (this.#depth === 0) return isObject ? Place.top : Place.other
    if ((this.#places & 0xf) === Place.choices) return isObject ? Place.choice : Place.other
    if (this.#member < Member.place || this.#member >= Member.number) return Place.other
    const place = this.#member - Member.place
    return (place === Place.choices) === isObject ? Place.other : place
  }

  #close(): State {
    if (this.#depth === this.#placeDepth) {
      this.#places >>>= 4
      this.#placeDepth--
    }
    this.#depth--
    this.#containers >>>= 1
    if (this.#depth > 0 && this.#depth % levelsPerNumber === 0) this.#containers = this.#outerContainers.pop()!
    this.#member = Member.other
    return this.#afterValue()
  }

  #afterValue(): State {
    if (this.#depth === 0) return State.done
    return (this.#containers & 1) === 1 ? State.afterMember : State.afterElement
  }

  /** The closing quote at or after `at`; `end` when it is not before that. */
  #findStringEnd(piece: Buffer, at: number, end: number): number {
    if (this.#part === 1) {
      this.#part = 0
      at++
    }
    const quote = findClosingQuote(piece, at, end)
    if (quote >= 0) return quote
    this.#part = quote === ClosingQuote.afterEscape ? 1 : 0
    return end
  }

  /** The first byte that does not belong to the number; `end` when it is not before that. */
  #findNumberEnd(piece: Buffer, at: number, end: number): number {
    let part = this.#part
    while (at < end) {
      const next = nextNumberPart[(part << 8) | piece[at]]
      if (next === NumberPart.none) break
      part = next
      at++
    }
    this.#part = part
    return at
  }

  #takeKey(piece: Buffer, quote: number): number {
    const place = this.#places & 0xf
    if (this.#carried === undefined) {
      const start = this.#tokenStart
      const member = memberAt(place, piece, start, quote)
      if (member !== Member.other || !hasBackslash(piece, start, quote)) {
        this.#tokenStart = -1
        return member
      }
    }
    const raw = this.#takeToken(piece, quote)
    return hasBackslash(raw, 0, raw.length) ? memberOfEscaped(place, raw) : memberAt(place, raw, 0, raw.length)
  }

  #takeNumber(piece: Buffer, end: number): void {
    const index = this.#member - Member.number
    if (this.#carried === undefined) {
      const value = countAt(piece, this.#tokenStart, end)
      if (value >= 0) {
        this.#tokenStart = -1
        this.#usage.set(index, value)
        return
      }
    }
    const value = Number(this.#takeToken(piece, end).toString('latin1'))
    if (Number.isFinite(value) && value >= 0) this.#usage.set(index, value)
  }

  /** Keeps the wanted token's bytes of this piece for when the next one comes. */
  #carry(piece: Buffer, end: number): void {
    const part = piece.subarray(this.#tokenStart, end)
    const carried = this.#carried
    if ((carried?.length ?? 0) + part.length > maxTokenBytes) {
      this.#carried = undefined
      this.#tokenStart = -1
    } else this.#carried = carried === undefined ? Buffer.from(part) : Buffer.concat([carried, part])
  }

  #takeToken(piece: Buffer, end: number): Buffer {
    const carried = this.#carried
    const part = piece.subarray(this.#tokenStart, Math.max(this.#tokenStart, end))
    this.#carried = undefined
    this.#tokenStart = -1
    return carried === undefined ? part : Buffer.concat([carried, part])
  }
}

/** Where a string of a few bytes and no escapes ends, at its closing quote; -1 when it is not that, or not all there. */
function plainStringEnd(piece: Buffer, at: number, end: number): number {
  const near = Math.min(end, at + nativeSearchBytes)
  while (at < near) {
    const byte = piece[at]
    if (byte === 0x22) return at
    if (byte === 0x5c) return -1
    at++
  }
  return -1
}

/** The first byte after a `null`; 0 when it is none, or not all there. */
function afterNull(piece: Buffer, at: number, end: number): number {
  const isNull =
    at + 4 <= end && piece[at] === 0x6e && piece[at + 1] === 0x75 && piece[at + 2] === 0x6c && piece[at + 3] === 0x6c
  return isNull ? at + 4 : 0
}

/** The number that these bytes write; -1 when they are more than a few digits. */
function countAt(bytes: Buffer, start: number, end: number): number {
  if (end - start > 9) return -1
  let value = 0
  for (let at = start; at < end; at++) {
    const digit = bytes[at] - 0x30
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}

function hasBackslash(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] === 0x5c) return true
  return false
}
