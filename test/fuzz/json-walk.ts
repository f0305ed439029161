import { maxJsonDepth, maxKeyRepeats, maxModelBytes } from '../../src/request/limits.ts'
import type { ScanError } from '../../src/request/scan.ts'

/** What the body scanner has to say of a whole body. */
export type Scan = {
  model: string | undefined
  user: string | undefined
  promptCacheKey: string | undefined
  stream: boolean
  maxTokens: number | undefined
  promptStart: number
  promptEnd: number
  modelSpans: number[]
  error: { code: ScanError['code']; offset: number } | undefined
}

export type Walk = {
  readonly scan: Scan
  /** Offsets of control characters and backslashes in strings that JSON has no place for. */
  readonly stringDefects: readonly number[]
}

class Wrong extends Error {
  readonly code: ScanError['code']
  readonly offset: number

  constructor(code: ScanError['code'], offset: number) {
    super()
    this.code = code
    this.offset = offset
  }
}

/**
 * What the scanner has to say of `body`, written the plain way: recursive, over the whole document, each value looked at when
 * it is complete. It passes over what is wrong inside of strings as the scanner does, and tells where that was.
 */
export function walkJson(body: Buffer): Walk {
  const scan: Scan = {
    model: undefined,
    user: undefined,
    promptCacheKey: undefined,
    stream: false,
    maxTokens: undefined,
    promptStart: -1,
    promptEnd: -1,
    modelSpans: [],
    error: undefined,
  }
  const stringDefects: number[] = []
  let at = hasByteOrderMark(body) ? 3 : 0
  let depth = 0
  /** Values that stand before the prompt and belong to it. */
  let heads = 0

  const here = () => String.fromCharCode(body[at] ?? 0x1ff)
  const wrong = (offset = at): never => {
    throw new Wrong('invalid_json', offset)
  }
  const skipSpace = () => {
    while (at < body.length && ' \n\r\t'.includes(here())) at++
  }
  const expect = (character: string) => {
    if (here() !== character) wrong()
    at++
  }

  /** From the opening quote; returns the content's bytes. */
  const readString = (): Buffer => {
    expect('"')
    const start = at
    while (here() !== '"') {
      if (at >= body.length) wrong()
      if (body[at] < 0x20) stringDefects.push(at)
      if (here() === '\\') {
        if (!/^\\(["\\/bfnrt]|u[0-9a-fA-F]{4})/.test(body.toString('latin1', at, at + 6))) stringDefects.push(at)
        else if (body[at + 1] === 0x75) at += 4
        at++
        if (at >= body.length) wrong()
        // An escaped control character is wrong twice over, and noted once, at its backslash.
      }
      at++
    }
    return body.subarray(start, at++)
  }

  const readNumber = () => {
    const digits = () => {
      if (!/\d/.test(here())) wrong()
      while (/\d/.test(here())) at++
    }
    if (here() === '-') at++
    if (here() === '0') at++
    else digits()
    if (here() === '.') {
      at++
      digits()
    }
    if (/[eE]/.test(here())) {
      at++
      if (/[+-]/.test(here())) at++
      digits()
    }
    // Inside of something, only the next byte shows that the number has ended.
    if (depth > 0 && at === body.length) wrong()
  }

  const readContainer = (close: string, readItem: () => void) => {
    if (depth === maxJsonDepth) wrong()
    depth++
    at++
    skipSpace()
    if (here() !== close) {
      for (;;) {
        readItem()
        skipSpace()
        if (here() !== ',') break
        at++
        skipSpace()
      }
    }
    if (here() !== close) wrong()
    at++
    depth--
  }

  /** From its first byte. */
  const readValue = () => {
    const first = here()
    if (first === '"') readString()
    else if (first === '{') readContainer('}', readMember)
    else if (first === '[') readContainer(']', () => readValue())
    else if (first === 't') [...'true'].forEach(expect)
    else if (first === 'f') [...'false'].forEach(expect)
    else if (first === 'n') [...'null'].forEach(expect)
    else if (/[-\d]/.test(first)) readNumber()
    else wrong()
  }

  const readMember = () => {
    const key = decodeJsonString(readString())
    skipSpace()
    expect(':')
    skipSpace()
    if (depth > 1 || !/["{[tfn\-\d]/.test(here())) return readValue()
    const start = at
    const kind = here()
    const raw = () => body.subarray(start + 1, at - 1)
    switch (scan.modelSpans.length > 0 && key?.toLowerCase() === 'model' ? 'model' : key) {
      case 'model': {
        const isFirst = scan.modelSpans.length === 0
        if (scan.modelSpans.length === 2 * maxKeyRepeats) throw new Wrong('model_invalid', at)
        if (isFirst && kind !== '"') throw new Wrong('model_invalid', at)
        scan.modelSpans.push(start)
        readValue()
        scan.modelSpans.push(at)
        if (!isFirst) return
        const model = decodeJsonString(raw())
        if (raw().length > maxModelBytes) throw new Wrong('model_invalid', at - 1)
        if (model === undefined) throw new Wrong('invalid_json', at - 1)
        if (/[\x00-\x1f\x7f]/.test(model)) throw new Wrong('model_invalid', at - 1)
        scan.model = model
        return
      }
      case 'user':
        scan.user = undefined
        readValue()
        if (kind === '"' && raw().length <= maxModelBytes) scan.user = decodeJsonString(raw())
        return
      case 'prompt_cache_key':
        scan.promptCacheKey = undefined
        readValue()
        if (kind === '"' && raw().length <= maxModelBytes) scan.promptCacheKey = decodeJsonString(raw())
        return
      case 'stream':
        scan.stream = false
        readValue()
        scan.stream = kind === 't'
        return
      case 'max_tokens':
      case 'max_completion_tokens':
      case 'max_output_tokens': {
        readValue()
        const value = Number(/[-\d]/.test(kind) ? body.toString('latin1', start, at) : 'none')
        if (Number.isFinite(value) && at - start <= maxModelBytes) scan.maxTokens = value
        return
      }
      case 'system':
      case 'instructions':
      case 'tools':
        if (scan.promptStart < 0 && heads++ === maxKeyRepeats) wrong()
        return readValue()
      case 'messages':
      case 'prompt':
      case 'input':
        if (scan.promptStart >= 0) return readValue()
        scan.promptStart = start
        readValue()
        scan.promptEnd = at
        return
      default:
        readValue()
    }
  }

  try {
    if (at === 0 && body[0] === 0xef) wrong(body[1] === 0xbb ? 2 : 1)
    skipSpace()
    readValue()
    skipSpace()
    if (at < body.length) wrong()
  } catch (error) {
    if (!(error instanceof Wrong)) throw error
    scan.error = { code: error.code, offset: error.offset }
  }
  return { scan, stringDefects }
}

export const hasByteOrderMark = (body: Buffer): boolean => body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf

function decodeJsonString(raw: Buffer): string | undefined {
  try {
    const text: unknown = JSON.parse(`"${new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(raw)}"`)
    return typeof text === 'string' && text.isWellFormed() ? text : undefined
  } catch {
    return undefined
  }
}
