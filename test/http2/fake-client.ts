import { nextTick } from 'node:process'
import { Duplex } from 'node:stream'
import { Connection } from '../../src/http2/connection.ts'
import { frameType } from '../../src/http2/frame.ts'
import { HpackDecoder } from '../../src/http2/hpack/decoder.ts'
import type { ServerStream } from '../../src/http2/stream.ts'
import { type Frame, preface, readFrames, settings } from './wire.ts'

/** The server's end of a connection whose network is the test. */
class FakeSocket extends Duplex {
  #written: Buffer[] = []
  #waiting: (() => void) | undefined
  /** As a client that reads nothing: what is written stays. */
  isStalled = false
  hasEnded = false

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    // As a kernel does it: whose memory it was may use it again.
    this.#written.push(Buffer.from(chunk))
    if (this.isStalled) this.#waiting = done
    else done()
  }

  override _final(done: () => void): void {
    this.hasEnded = true
    done()
  }

  /** Takes one write, and whatever follows when `isStalled` is false. */
  drain(): void {
    const done = this.#waiting
    this.#waiting = undefined
    done?.()
  }

  /** What has been written since the last call. */
  takeWritten(): Buffer {
    const bytes = Buffer.concat(this.#written)
    this.#written = []
    return bytes
  }
}

/** A request as the server sees it, and what it was told of it. */
export type Served = {
  readonly stream: ServerStream
  readonly headers: readonly string[]
  readonly body: Buffer[]
  hasEnded: boolean
  timesClosed: number
}

export type Handlers = {
  readonly opened?: (served: Served) => void
  readonly data?: (served: Served, piece: Buffer) => void
  readonly ended?: (served: Served) => void
  readonly closed?: (served: Served) => void
}

/** A client byte by byte, and the server's connection with it. */
export class FakeClient {
  readonly socket = new FakeSocket()
  readonly connection: Connection
  readonly served: Served[] = []
  readonly #decoder = new HpackDecoder()

  constructor(handlers: Handlers = {}) {
    this.connection = new Connection(this.socket, (stream, headers) => {
      const served: Served = { stream, headers: [...headers], body: [], hasEnded: false, timesClosed: 0 }
      this.served.push(served)
      handlers.opened?.(served)
      return {
        data(chunk, start, end) {
          const piece = Buffer.from(chunk.subarray(start, end))
          served.body.push(piece)
          handlers.data?.(served, piece)
        },
        end() {
          served.hasEnded = true
          handlers.ended?.(served)
        },
        closed() {
          served.timesClosed++
          handlers.closed?.(served)
        },
      }
    })
    this.socket.on('close', () => this.connection.closed())
  }

  /** Bytes that the server reads at once. */
  send(...frames: Buffer[]): void {
    this.socket.emit('data', Buffer.concat(frames))
  }

  /** Frames that have come since the last call. */
  frames(): Frame[] {
    return readFrames(this.socket.takeWritten())
  }

  /** The same after the turn of the connection that is under way. */
  async framesOfTurn(): Promise<Frame[]> {
    await new Promise<void>((resolve) => nextTick(resolve))
    return this.frames()
  }

  /** Name, value, name, value, … of HEADERS of the server; all of them must come by here, in order. */
  headersOf({ payload }: Frame): string[] {
    const headers: string[] = []
    this.#decoder.decode(payload, 0, payload.length, headers)
    return headers
  }
}

/** One that has sent preface and SETTINGS, and has read what the server says first. */
export function openFakeClient(handlers: Handlers = {}, ...values: number[]): FakeClient {
  const client = new FakeClient(handlers)
  client.send(preface, settings(...values))
  client.frames()
  return client
}

export const ofType = (frames: readonly Frame[], type: number): Frame[] => frames.filter((frame) => frame.type === type)
export const ofStream = (frames: readonly Frame[], id: number): Frame[] =>
  frames.filter((frame) => frame.streamId === id)

/** The payloads of the DATA frames of a stream, together. */
export const dataOf = (frames: readonly Frame[], id: number): Buffer =>
  Buffer.concat(ofStream(ofType(frames, frameType.data), id).map(({ payload }) => payload))

/** Error code and reason of a GOAWAY, which must be there once. */
export function goawayOf(frames: readonly Frame[]): { lastStreamId: number; code: number; reason: string } {
  const goaways = ofType(frames, frameType.goaway)
  if (goaways.length !== 1) throw new Error(`${goaways.length} GOAWAY frames`)
  const [{ payload }] = goaways
  return {
    lastStreamId: payload.readUInt32BE(0),
    code: payload.readUInt32BE(4),
    reason: payload.subarray(8).toString(),
  }
}

/** Stream and error code of each RST_STREAM. */
export const resetsOf = (frames: readonly Frame[]): [streamId: number, code: number][] =>
  ofType(frames, frameType.rstStream).map(({ streamId, payload }) => [streamId, payload.readUInt32BE(0)])
