import { isUtf8 } from 'node:buffer'
import { maxModelBytes } from '../limits.ts'
import { type BodyError, type BodyReader, controlCharacter } from './body-reader.ts'
import { DelimiterSearch } from './delimiter.ts'
import { ambiguous, parameterOf, readParameters } from './parameters.ts'

/** Header lines of one part, bytes. */
export const maxPartHeaderBytes = 16 * 1024
export const maxParts = 1000

/** Where in the body the next byte is. */
const State = {
  failed: 0,
  preamble: 1,
  /** After a boundary: `--`, or spaces and the end of the line. */
  delimiterEnd: 2,
  secondDash: 3,
  lineFeed: 4,
  headers: 5,
  content: 6,
  done: 7,
} as const
type State = (typeof State)[keyof typeof State]

/** What the content of a part means here. */
type Field = 'other' | 'model' | 'user' | 'stream'

/** Of a Content-Transfer-Encoding that changes nothing. RFC 7578 deprecates them all, and some servers undo the others. */
const plainEncoding = /^[ \t]*(?:7bit|8bit|binary)[ \t]*$/i

/** RFC 2046, section 5.1.1: up to 70 of these, the last one not a space. */
const boundaryPattern = /^[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]$/

/**
 * The boundary that a Content-Type names. @returns an error message, as `{ message }`, when it names none or is no
 * multipart/form-data.
 */
export function boundaryOf(contentType: string | undefined): string | { readonly message: string } {
  const parameters = contentType === undefined ? undefined : readParameters(contentType)
  if (parameters?.type !== 'multipart/form-data') {
    return { message: `Content-Type must be multipart/form-data with a boundary, found ${JSON.stringify(contentType)}` }
  }
  const boundary = parameterOf(parameters, 'boundary')
  if (boundary === undefined) return { message: 'Content-Type has no boundary' }
  if (boundary === ambiguous) return { message: 'Content-Type has more than one boundary' }
  if (!boundaryPattern.test(boundary)) return { message: `Content-Type has a boundary that RFC 2046 does not allow` }
  return boundary
}

/**
 * Reads a multipart/form-data body (RFC 7578) chunk by chunk for its fields `model`, `user` and `stream`. The content of
 * other parts, files above all, is passed over by native search for the boundary; no byte of it is kept.
 *
 * A span of a `model` reaches over the delimiter after it: where the value ends is only known when that has come, and
 * the bytes before it may have been sent on by then. The delimiter is the same for all parts, so it is written again.
 */
export class MultipartReader implements BodyReader {
  readonly #search: DelimiterSearch
  /** Bytes pushed before the current chunk. */
  #offset = 0
  #state: State = State.preamble
  #field: Field = 'other'
  #parts = 0
  /** Header lines of which more may come. */
  #lines: Buffer | undefined
  /** The first bytes of a wanted field, or all of it with some of the delimiter after it. */
  #content: Buffer[] = []
  /** How many bytes have come of it and of the delimiter, kept or not. */
  #contentBytes = 0

  model: string | undefined
  user: string | undefined
  stream = false
  readonly maxTokens = undefined
  /** The `prompt` of images and transcriptions is no prefix that a server would have cached. */
  readonly promptStart = -1
  readonly promptEnd = -1
  readonly modelSpans: number[] = []
  error: BodyError | undefined

  /** @param contentType the header, with the boundary in it */
  constructor(contentType: string | undefined) {
    const boundary = boundaryOf(contentType)
    const isValid = typeof boundary === 'string'
    this.#search = new DelimiterSearch(isValid ? boundary : '')
    if (!isValid) this.error = { code: 'invalid_multipart', offset: 0, message: boundary.message }
  }

  get isComplete(): boolean {
    return this.#state === State.done
  }

  modelBytes(model: string): Buffer {
    return Buffer.concat([Buffer.from(model), this.#search.delimiter])
  }

  push(chunk: Buffer): void {
    if (this.error !== undefined) return
    this.#state = this.#read(chunk, this.#state)
    this.#offset += chunk.length
  }

  end(): void {
    if (this.error !== undefined || this.#state === State.done) return
    this.#fail(
      'invalid_multipart',
      0,
      this.#offset === 0 ? 'the body is empty' : 'the body ends before its last boundary',
    )
  }

  #fail(code: BodyError['code'], at: number, message: string): State {
    const offset = this.#offset + at
    this.error = { code, offset, message: `${message} (byte ${offset})` }
    return State.failed
  }

  #read(chunk: Buffer, state: State): State {
    const length = chunk.length
    let at = 0
    while (at < length) {
      switch (state) {
        case State.preamble:
        case State.content: {
          const found = this.#search.find(chunk, at)
          const isWanted = state === State.content && this.#field !== 'other'
          if (isWanted) this.#keepContent(chunk, at, found < 0 ? length : found)
          if (found < 0) return state
          if (!this.#search.isAtLineStart) {
            return this.#fail('invalid_multipart', found, 'the boundary stands in the middle of a line')
          }
          if (isWanted) this.#endContent(found)
          if (this.error !== undefined) return State.failed
          at = found
          state = State.delimiterEnd
          break
        }
        case State.delimiterEnd: {
          const byte = chunk[at]
          if (byte === 0x2d) state = State.secondDash
          else if (byte === 0x0d) state = State.lineFeed
          else if (byte !== 0x20 && byte !== 0x09) {
            return this.#fail('invalid_multipart', at, 'the boundary has neither "--" nor the end of the line after it')
          }
          at++
          break
        }
        case State.secondDash:
          if (chunk[at] !== 0x2d) return this.#fail('invalid_multipart', at, 'the boundary is followed by a single "-"')
          return State.done
        case State.lineFeed:
          if (chunk[at] !== 0x0a) return this.#fail('invalid_multipart', at, 'CR without LF after the boundary')
          if (++this.#parts > maxParts) return this.#fail('invalid_multipart', at, `more than ${maxParts} parts`)
          at++
          state = State.headers
          break
        case State.headers:
          at = this.#readHeaders(chunk, at)
          if (this.error !== undefined) return State.failed
          if (at < 0) return state
          state = State.content
          this.#search.begin()
          if (this.#field === 'model') this.modelSpans.push(this.#offset + at)
          break
        case State.done:
        case State.failed:
          return state
      }
    }
    return state
  }

  /** The first byte of the content; -1 when the header lines go on, or are wrong. */
  #readHeaders(chunk: Buffer, at: number): number {
    const before = this.#lines?.length ?? 0
    // The empty line may still come after as many bytes as are allowed.
    const part = chunk.subarray(at, at + maxPartHeaderBytes + 4 - before)
    const lines = this.#lines === undefined ? part : Buffer.concat([this.#lines, part])
    const begin = at - before
    if (lines.length >= 2 && lines[0] === 0x0d && lines[1] === 0x0a) {
      this.#fail('invalid_multipart', begin, 'a part without header lines')
      return -1
    }
    const end = lines.indexOf('\r\n\r\n', Math.max(0, before - 3), 'latin1')
    if (end < 0) {
      if (lines.length > maxPartHeaderBytes + 3) {
        this.#fail('invalid_multipart', begin, `the header lines of a part are longer than ${maxPartHeaderBytes} bytes`)
      }
      this.#lines = before === 0 ? Buffer.from(lines) : lines
      return -1
    }
    this.#lines = undefined
    const problem = this.#takeHeaders(lines.toString('latin1', 0, end))
    if (problem !== undefined) this.#fail('invalid_multipart', begin, `a part with ${problem}`)
    return begin + end + 4
  }

  /** Learns what part begins. @returns what is wrong with its header lines */
  #takeHeaders(text: string): string | undefined {
    let disposition: string | undefined
    let isEncoded = false
    for (const line of text.split('\r\n')) {
      const colon = line.indexOf(':')
      if (colon <= 0 || /[\s\0]/.test(line.slice(0, colon)) || /[\r\n\0]/.test(line)) return 'a malformed header line'
      const header = line.slice(0, colon).toLowerCase()
      if (header === 'content-transfer-encoding') isEncoded ||= !plainEncoding.test(line.slice(colon + 1))
      if (header !== 'content-disposition') continue
      if (disposition !== undefined) return 'two Content-Disposition headers'
      disposition = line.slice(colon + 1)
    }
    if (disposition === undefined) return 'no Content-Disposition'
    const parameters = readParameters(disposition)
    if (parameters?.type !== 'form-data') return 'a Content-Disposition that is not form-data'
    const name = parameterOf(parameters, 'name')
    if (name === undefined) return 'a Content-Disposition without name'
    if (name === ambiguous) return 'a Content-Disposition with two names'
    const isFile = parameters.names.includes('filename') || parameters.names.includes('filename*')
    if (name === 'model' && isFile && this.modelSpans.length === 0) return '"model" as a file: it must be a field'
    if (name === 'model' && isEncoded) return '"model" in a Content-Transfer-Encoding'
    // Later models of any kind become what the first one does.
    this.#field = name === 'model' || (!isFile && (name === 'user' || name === 'stream')) ? name : 'other'
    return undefined
  }

  /** Takes the value of a wanted field. `end` is the first byte after the delimiter. */
  #endContent(end: number): void {
    // The line break of the delimiter is that of the header lines, when a part has no content at all.
    const bytes = Math.max(0, this.#contentBytes - this.#search.delimiter.length)
    const raw = bytes > maxModelBytes ? undefined : Buffer.concat(this.#content).subarray(0, bytes)
    this.#content = []
    this.#contentBytes = 0
    const text = raw === undefined || !isUtf8(raw) ? undefined : raw.toString('utf8')
    switch (this.#field) {
      case 'model':
        this.modelSpans.push(this.#offset + end)
        if (this.modelSpans.length === 2) this.#takeModel(text, bytes, end)
        return
      case 'user':
        this.user = text
        return
      case 'stream':
        this.stream = text?.toLowerCase() === 'true' || text === '1'
        return
      case 'other':
    }
  }

  #takeModel(model: string | undefined, bytes: number, end: number): void {
    if (bytes > maxModelBytes) this.#fail('model_invalid', end, `"model" is longer than ${maxModelBytes} bytes`)
    else if (model === undefined) this.#fail('model_invalid', end, '"model" is not valid UTF-8')
    else if (controlCharacter.test(model)) this.#fail('model_invalid', end, '"model" contains a control character')
    else this.model = model
  }

  /** Keeps `chunk[at, end)` as far as a value of the greatest length needs it, and counts all of it. */
  #keepContent(chunk: Buffer, at: number, end: number): void {
    const room = maxModelBytes - this.#contentBytes
    if (room > 0) this.#content.push(Buffer.from(chunk.subarray(at, Math.min(end, at + room))))
    this.#contentBytes += end - at
  }
}
