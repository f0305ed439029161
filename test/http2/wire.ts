import { flag, frameType } from '../../src/http2/frame.ts'
import { encodeHeaders } from '../../src/http2/hpack/encode.ts'

/** What every client says first (RFC 9113, section 3.4). */
export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

export type Frame = {
  readonly type: number
  readonly flags: number
  readonly streamId: number
  readonly payload: Buffer
}

export function frame(type: number, flags: number, streamId: number, payload: Buffer | string = ''): Buffer {
  const body = Buffer.from(payload)
  const header = Buffer.alloc(9)
  header.writeUIntBE(body.length, 0, 3)
  header[3] = type
  header[4] = flags
  header.writeUInt32BE(streamId, 5)
  return Buffer.concat([header, body])
}

export const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** A header block of literals. */
export const block = encodeHeaders

export const requestHeaders = {
  ':method': 'POST',
  ':scheme': 'http',
  ':path': '/test',
  ':authority': 'localhost',
  te: 'trailers',
}
const requestBlock = block(requestHeaders)

/** HEADERS of a request whose body may follow. */
export const opens = (streamId: number, headers: Buffer = requestBlock): Buffer =>
  frame(frameType.headers, flag.endHeaders, streamId, headers)

/** HEADERS of a request without a body, or trailers. */
export const opensAndEnds = (streamId: number, headers: Buffer = requestBlock): Buffer =>
  frame(frameType.headers, flag.endHeaders | flag.endStream, streamId, headers)

export const data = (streamId: number, payload: Buffer | string): Buffer => frame(frameType.data, 0, streamId, payload)
export const ends = (streamId: number, payload: Buffer | string = ''): Buffer =>
  frame(frameType.data, flag.endStream, streamId, payload)
export const rstStream = (streamId: number, code: number): Buffer =>
  frame(frameType.rstStream, 0, streamId, uint32(code))
export const windowUpdate = (streamId: number, increment: number): Buffer =>
  frame(frameType.windowUpdate, 0, streamId, uint32(increment))
export const ping = (opaque = 'abcdefgh'): Buffer => frame(frameType.ping, 0, 0, opaque)
export const settingsAck = frame(frameType.settings, flag.ack, 0)

/** @param values identifier, value, identifier, value, … */
export function settings(...values: number[]): Buffer {
  const payload = Buffer.alloc(values.length * 3)
  for (let i = 0; i < values.length; i += 2) {
    payload.writeUInt16BE(values[i], i * 3)
    payload.writeUInt32BE(values[i + 1], i * 3 + 2)
  }
  return frame(frameType.settings, 0, 0, payload)
}

/** The whole frames that these bytes are. @throws when they end in the middle of one */
export function readFrames(bytes: Buffer): Frame[] {
  const frames: Frame[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + 9 + bytes.readUIntBE(at, 3)
    if (end > bytes.length) throw new Error(`a frame is cut off at ${bytes.length}, which ends at ${end}`)
    const payload = bytes.subarray(at + 9, end)
    frames.push({ type: bytes[at + 3], flags: bytes[at + 4], streamId: bytes.readUInt32BE(at + 5), payload })
    at = end
  }
  return frames
}
