import type { Duplex } from 'node:stream'
import { ConnectionError, errorCode } from './errors.ts'
import { flag, frameType, readUInt31, readUInt32, setting } from './frame.ts'
import { type FrameEvents, FrameReader } from './frame-reader.ts'
import { FrameWriter } from './frame-writer.ts'
import { HeaderBlocks } from './header-blocks.ts'
import {
  connectionWindowBytes,
  lingerMs,
  maxHeaderListBytes,
  maxOpenStreams,
  maxSocketOwedBytes,
  maxWindowChanges,
  prefaceTimeoutMs,
  streamWindowBytes,
} from './limits.ts'
import { problemOfRequest, problemOfTrailers } from './request-headers.ts'
import { ServerStream, type StreamListener } from './stream.ts'

/**
 * Serves a request. `headers` are name, value, name, value, …, valid for the time of the call. Must not throw.
 */
export type RequestHandler = (stream: ServerStream, headers: readonly string[]) => StreamListener

/** A connection's share of {@link connectionWindowBytes} that must have come before the client is told of new room. */
const connectionUpdateBytes = connectionWindowBytes / 16
/** A stream sends so much before the next one has its turn, bytes. */
const turnBytes = 64 * 1024
const maxWindow = 2 ** 31 - 1
/** No stream of ours: GOAWAY with it means that all that come are served (RFC 9113, section 6.8). */
const anyStream = maxWindow

/** In this order: `begun` until the client's first SETTINGS, `goingAway` when no new streams are taken. */
const phase = { begun: 0, open: 1, goingAway: 2, closed: 3 } as const

/**
 * The server's side of one HTTP/2 connection (RFC 9113), as gRPC needs it: no push, no priorities. What comes is handled at
 * once, in the order in which it comes; what is answered in one turn leaves together at its end.
 *
 * No limit of streams is announced: gateways open streams before they have read settings, and fail those above the limit.
 */
export class Connection implements FrameEvents {
  readonly writer: FrameWriter
  readonly #socket: Duplex
  readonly #reader: FrameReader
  readonly #blocks = new HeaderBlocks()
  readonly #serve: RequestHandler
  readonly #streams = new Map<number, ServerStream>()
  /** Streams that can send as soon as the connection can, in turn. */
  readonly #sending = new Set<ServerStream>()
  /** What the client takes, bytes: on the connection, and on a new stream. */
  readonly #window = { send: 65_535, initial: 65_535, unacknowledged: 0 }
  /** In the chunk that is being read. */
  #windowChanges = 0
  #lastStreamId = 0
  /** What the last GOAWAY said; a later one must not say more (RFC 9113, section 6.8). */
  #announcedLastId = anyStream
  #phase: number = phase.begun
  /** The stream of the DATA frame that is coming; undefined when nobody reads it. */
  #receiving: ServerStream | undefined
  /** The turn of a chunk or of {@link sendSoon} ends with a flush. */
  #hasTurn = false
  #prefaceTimer: NodeJS.Timeout | undefined

  /** @param socket a connection of TCP or TLS that has just opened; its owner handles its errors and its close */
  constructor(socket: Duplex, serve: RequestHandler) {
    this.#socket = socket
    this.#serve = serve
    this.writer = new FrameWriter(socket)
    this.#reader = new FrameReader(this)
    this.#prefaceTimer = setTimeout(() => socket.destroy(), prefaceTimeoutMs)
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('drain', () => this.#drained())
    this.writer.settings([
      [setting.initialWindowSize, streamWindowBytes],
      [setting.maxHeaderListSize, maxHeaderListBytes],
    ])
    this.writer.windowUpdate(0, connectionWindowBytes - 65_535)
    this.writer.flush()
  }

  /** Open streams. */
  get size(): number {
    return this.#streams.size
  }

  /** Tells the client to open new streams on other connections; those that it opens here all the same are served. */
  announceShutdown(): void {
    if (this.#phase > phase.open) return
    this.writer.goaway(anyStream, errorCode.noError, '')
    this.writer.flush()
  }

  /** Takes no new streams, and closes when the last one has ended. */
  close(): void {
    if (this.#phase > phase.open) return
    this.#phase = phase.goingAway
    this.#sayGoodbye(errorCode.noError, '')
    this.#closeWhenIdle()
  }

  /** The socket is gone: ends all streams. */
  closed(): void {
    clearTimeout(this.#prefaceTimer)
    this.#phase = phase.closed
    this.#sending.clear()
    for (const stream of this.#streams.values()) stream.close()
  }

  #read(chunk: Buffer): void {
    if (this.#phase === phase.closed) return
    this.#hasTurn = true
    this.#windowChanges = 0
    try {
      this.#reader.push(chunk)
    } catch (error) {
      this.#fail(error)
    }
    this.#endTurn()
    if (this.#socket.writableLength > maxSocketOwedBytes) this.#socket.pause()
  }

  #endTurn(): void {
    this.#hasTurn = false
    if (this.#sending.size > 0) this.#send()
    this.writer.flush()
    this.#closeWhenIdle()
  }

  #drained(): void {
    this.#socket.resume()
    if (this.#phase !== phase.closed) this.#endTurn()
  }

  /** GOAWAY, and the end of all streams. */
  #fail(error: unknown): void {
    const code = error instanceof ConnectionError ? error.code : errorCode.internalError
    this.#sayGoodbye(code, (error as Error).message)
    this.#end()
    this.closed()
  }

  #sayGoodbye(code: number, reason: string): void {
    this.#announcedLastId = Math.min(this.#announcedLastId, this.#lastStreamId)
    this.writer.goaway(this.#announcedLastId, code, reason)
    this.writer.flush()
  }

  #closeWhenIdle(): void {
    if (this.#phase !== phase.goingAway || this.#streams.size > 0) return
    this.#phase = phase.closed
    this.#end()
  }

  #end(): void {
    this.#socket.end()
    const cut = setTimeout(() => this.#socket.destroy(), lingerMs)
    this.#socket.once('close', () => clearTimeout(cut))
  }

  // What streams send.

  sendHeaders(stream: ServerStream, block: Buffer, isEnd: boolean): void {
    this.writer.headers(stream.id, block, isEnd)
    this.#takeTurn()
  }

  sendReset(streamId: number, code: number): void {
    this.writer.rstStream(streamId, code)
    this.#takeTurn()
  }

  sendWindowUpdate(streamId: number, bytes: number): void {
    this.writer.windowUpdate(streamId, bytes)
    this.#takeTurn()
  }

  /** At once, when nobody is before it and there is room, or when it is the end alone, which needs no room. */
  sendSoon(stream: ServerStream): void {
    if (stream.unsentBytes === 0 || (this.#sending.size === 0 && !this.writer.isCongested)) this.#sendOf(stream)
    if (stream.wantsToSend) this.#sending.add(stream)
    if (stream.unsentBytes > 0) stream.keep()
    this.#takeTurn()
  }

  forget(stream: ServerStream): void {
    this.#streams.delete(stream.id)
    this.#sending.delete(stream)
    if (this.#receiving === stream) this.#receiving = undefined
  }

  /** What is not written in a turn of the connection leaves at the end of whatever is under way. */
  #takeTurn(): void {
    if (this.#hasTurn) return
    this.#hasTurn = true
    process.nextTick(Connection.#endTurnOf, this)
  }

  static #endTurnOf(connection: Connection): void {
    if (connection.#hasTurn && connection.#phase !== phase.closed) connection.#endTurn()
  }

  /** Streams in turn, while the connection has room. */
  #send(): void {
    for (const stream of this.#sending) {
      if (this.writer.isCongested) {
        this.writer.flush()
        if (this.writer.isCongested) return
      }
      if (this.#window.send <= 0) return
      this.#sending.delete(stream)
      this.#sendOf(stream)
      // To the end of those that wait, which this loop comes to.
      if (stream.wantsToSend) this.#sending.add(stream)
    }
  }

  #sendOf(stream: ServerStream): void {
    this.#window.send -= stream.send(Math.min(this.#window.send, turnBytes))
  }

  // What comes.

  preface(): void {
    clearTimeout(this.#prefaceTimer)
    this.#prefaceTimer = undefined
  }

  dataBegins(streamId: number, length: number): void {
    this.#checkTurn(frameType.data, streamId)
    if (streamId === 0) throw protocolError('DATA without a stream')
    // Never more than there is room for: all that comes is acknowledged soon, whoever reads it.
    this.#window.unacknowledged += length
    const stream = this.#streamOf(streamId)
    this.#receiving = stream
    if (stream === undefined) this.sendReset(streamId, errorCode.streamClosed)
    else if (stream.isRemoteEnded) stream.reset(errorCode.streamClosed)
    else if (!stream.received(length)) stream.reset(errorCode.flowControlError)
  }

  data(chunk: Buffer, start: number, end: number): void {
    this.#receiving?.data(chunk, start, end)
  }

  dataEnds(isEndOfStream: boolean): void {
    if (this.#window.unacknowledged >= connectionUpdateBytes) {
      this.writer.windowUpdate(0, this.#window.unacknowledged)
      this.#window.unacknowledged = 0
    }
    if (isEndOfStream) this.#receiving?.remoteEnded()
    else this.#receiving?.acknowledge()
    this.#receiving = undefined
  }

  frame(type: number, flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    this.#checkTurn(type, streamId)
    const length = end - start
    switch (type) {
      case frameType.headers:
        if (streamId % 2 === 0) throw protocolError(`HEADERS on stream ${streamId}, which is none of a client`)
        if (this.#blocks.begin(streamId, flags, buffer, start, end)) this.#headers()
        return
      case frameType.continuation:
        if (!this.#blocks.isOpen) throw protocolError('CONTINUATION of nothing')
        if (this.#blocks.continue(flags, buffer, start, end)) this.#headers()
        return
      case frameType.priority:
        if (streamId === 0) throw protocolError('PRIORITY without a stream')
        if (length !== 5) this.#resetAny(streamId, errorCode.frameSizeError)
        return
      case frameType.rstStream:
        checkLength('RST_STREAM', length, 4)
        if (streamId === 0) throw protocolError('RST_STREAM without a stream')
        this.#streamOf(streamId)?.close()
        return
      case frameType.settings:
        return this.#settings(flags, streamId, buffer, start, end)
      case frameType.pushPromise:
        throw protocolError('PUSH_PROMISE of a client')
      case frameType.ping:
        checkLength('PING', length, 8)
        if (streamId !== 0) throw protocolError('PING on a stream')
        if ((flags & flag.ack) === 0) this.writer.pingAck(buffer, start)
        return
      case frameType.goaway:
        if (streamId !== 0) throw protocolError('GOAWAY on a stream')
        return
      case frameType.windowUpdate:
        checkLength('WINDOW_UPDATE', length, 4)
        return this.#windowUpdate(streamId, readUInt31(buffer, start))
    }
    // Unknown frames mean nothing (RFC 9113, section 5.5).
  }

  /** Whether such a frame may come now. */
  #checkTurn(type: number, streamId: number): void {
    const blocks = this.#blocks
    if (blocks.isOpen && (type !== frameType.continuation || streamId !== blocks.streamId)) {
      throw protocolError('a frame amid the headers of a stream')
    }
    if (this.#phase === phase.begun && type !== frameType.settings) throw protocolError('no SETTINGS at the beginning')
  }

  /** Undefined for a stream that is over. @throws ConnectionError for one that has not been opened */
  #streamOf(streamId: number): ServerStream | undefined {
    const stream = this.#streams.get(streamId)
    if (stream === undefined && (streamId > this.#lastStreamId || streamId % 2 === 0)) {
      throw protocolError(`stream ${streamId} is not open`)
    }
    return stream
  }

  #resetAny(streamId: number, code: number): void {
    const stream = this.#streams.get(streamId)
    if (stream === undefined) this.sendReset(streamId, code)
    else stream.reset(code)
  }

  /** A header block is complete. */
  #headers(): void {
    const { streamId, headers, isEndOfStream, isOverlong } = this.#blocks
    if (streamId <= this.#lastStreamId) return this.#trailers()
    this.#lastStreamId = streamId
    // The client has been told, and takes another connection for it.
    if (this.#phase >= phase.goingAway) return
    if (this.#streams.size >= maxOpenStreams) return this.sendReset(streamId, errorCode.refusedStream)
    if (isOverlong) return this.sendReset(streamId, errorCode.enhanceYourCalm)
    if (problemOfRequest(headers) !== undefined) return this.sendReset(streamId, errorCode.protocolError)
    const stream = new ServerStream(streamId, this, this.#window.initial, isEndOfStream)
    this.#streams.set(streamId, stream)
    stream.listen(this.#serve(stream, headers))
    if (isEndOfStream) stream.remoteEnded()
  }

  #trailers(): void {
    const { streamId, headers, isEndOfStream } = this.#blocks
    const stream = this.#streams.get(streamId)
    if (stream === undefined || stream.isRemoteEnded) this.#resetAny(streamId, errorCode.streamClosed)
    else if (!isEndOfStream || problemOfTrailers(headers) !== undefined) stream.reset(errorCode.protocolError)
    else stream.remoteEnded()
  }

  #settings(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw protocolError('SETTINGS on a stream')
    if (flags & flag.ack) return checkLength('SETTINGS with ACK', end - start, 0)
    if ((end - start) % 6 !== 0) throw new ConnectionError(errorCode.frameSizeError, 'SETTINGS cut off')
    if (this.#phase === phase.begun) this.#phase = phase.open
    // Before what they let us send.
    this.writer.settingsAck()
    const initialBefore = this.#window.initial
    for (let at = start; at < end; at += 6) this.#setting(buffer.readUInt16BE(at), readUInt32(buffer, at + 2))
    // Once a frame, however often it says so: there may be many streams.
    const change = this.#window.initial - initialBefore
    if (change === 0) return
    if (++this.#windowChanges > maxWindowChanges) {
      throw new ConnectionError(errorCode.enhanceYourCalm, 'too many changes of the window')
    }
    for (const stream of this.#streams.values()) if (!stream.widen(change)) throw windowOverflow()
  }

  #setting(identifier: number, value: number): void {
    switch (identifier) {
      case setting.headerTableSize:
        this.writer.headerTableLimited(value)
        return
      case setting.enablePush:
        if (value > 1) throw protocolError(`SETTINGS_ENABLE_PUSH ${value}`)
        return
      case setting.maxFrameSize:
        // Whatever it allows, ours have the size that every client takes.
        if (value < 16_384 || value > 16_777_215) throw protocolError(`SETTINGS_MAX_FRAME_SIZE ${value}`)
        return
      case setting.initialWindowSize:
        if (value > maxWindow)
          throw new ConnectionError(errorCode.flowControlError, `SETTINGS_INITIAL_WINDOW_SIZE ${value}`)
        this.#window.initial = value
        return
    }
  }

  #windowUpdate(streamId: number, increment: number): void {
    if (streamId === 0) {
      if (increment === 0) throw protocolError('WINDOW_UPDATE of nothing')
      this.#window.send += increment
      if (this.#window.send > maxWindow) throw windowOverflow()
      return
    }
    const stream = this.#streamOf(streamId)
    if (stream === undefined) return
    if (increment === 0) stream.reset(errorCode.protocolError)
    else if (!stream.widen(increment)) stream.reset(errorCode.flowControlError)
  }
}

const protocolError = (message: string) => new ConnectionError(errorCode.protocolError, message)
const windowOverflow = () => new ConnectionError(errorCode.flowControlError, 'a window beyond 2^31 - 1')

function checkLength(name: string, length: number, expected: number): void {
  if (length !== expected) throw new ConnectionError(errorCode.frameSizeError, `${name} of ${length} bytes`)
}
