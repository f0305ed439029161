import { headerOf } from '../http2/request-headers.ts'
import type { ServerStream, StreamListener } from '../http2/stream.ts'
import { maxMessageBytes } from '../request/limits.ts'
import { Conversation } from './conversation.ts'
import type { ConversationContext, Routing } from './conversation-context.ts'
import { beginResponse, endWithStatus, type GrpcMethod } from './grpc-server.ts'
import { GrpcError, grpcStatus, MessageReader } from './message-reader.ts'
import { MalformedMessage } from './wire.ts'

/** The gRPC metadata that names the pool of all requests of a stream, `namespace/name`. */
const poolMetadata = 'x-inference-pool'

export type ExchangeObserver = {
  /** A stream that ended with an error of its own: malformed, too large, late, or a defect here. */
  failed(reason: 'malformed' | 'too_large' | 'deadline' | 'internal', message: string): void
}

/** The open ext_proc streams: opens one for each HTTP exchange, and lets them go at the end. */
export class Exchanges {
  readonly #context: ConversationContext
  readonly #routing: () => Routing
  readonly #observer: ExchangeObserver
  readonly #open = new Set<Exchange>()
  #opened = 0

  /** @param routing the snapshot for streams that open now */
  constructor(context: ConversationContext, routing: () => Routing, observer: ExchangeObserver) {
    this.#context = context
    this.#routing = routing
    this.#observer = observer
  }

  get size(): number {
    return this.#open.size
  }

  /** Bytes of bodies that wait for decisions, of all open streams. */
  get heldBytes(): number {
    let bytes = 0
    for (const exchange of this.#open) bytes += exchange.heldBytes
    return bytes
  }

  /** Streams opened since the start. */
  get opened(): number {
    return this.#opened
  }

  /** envoy.service.ext_proc.v3.ExternalProcessor/Process */
  readonly process: GrpcMethod = (stream, headers) => {
    const exchange = new Exchange(stream, headers, this.#context, this.#routing(), this.#observer, this.#open)
    this.#open.add(exchange)
    this.#opened++
    return exchange
  }

  /** Ends the streams that Envoy can do without, so that their requests outlive this process. */
  releaseResting(): void {
    for (const exchange of this.#open) exchange.releaseIfResting()
  }
}

/** One gRPC stream: its bytes to the conversation, the conversation's answers to the stream. */
class Exchange implements StreamListener {
  readonly #stream: ServerStream
  readonly #conversation: Conversation
  readonly #reader: MessageReader
  readonly #observer: ExchangeObserver
  /** All that are open. */
  readonly #open: Set<Exchange>
  #deadline: NodeJS.Timeout | undefined
  #isHalfClosed = false

  constructor(
    stream: ServerStream,
    headers: readonly string[],
    context: ConversationContext,
    routing: Routing,
    observer: ExchangeObserver,
    open: Set<Exchange>,
  ) {
    this.#stream = stream
    this.#observer = observer
    this.#open = open
    this.#conversation = new Conversation(context, routing, headerOf(headers, poolMetadata), this)
    this.#reader = new MessageReader(routing.table, this.#conversation, maxMessageBytes(context.limits))
    const timeoutMs = parseTimeoutMs(headerOf(headers, 'grpc-timeout'))
    if (timeoutMs !== undefined) this.#deadline = setTimeout(() => this.#expire(), timeoutMs)
  }

  /** Answers leave when the event that they are given in has been told. The first one opens the response: both leave together. */
  write(bytes: Buffer): void {
    const stream = this.#stream
    if (!stream.hasAnswered && !stream.isOver) beginResponse(stream)
    stream.write(bytes)
  }

  data(chunk: Buffer, start: number, end: number): void {
    if (this.#stream.isOver) return
    try {
      this.#reader.push(chunk, start, end)
    } catch (error) {
      return this.#fail(error)
    }
    this.#send()
  }

  /** Runs a step of the conversation: what it throws ends this stream, and no other. */
  run(step: () => void): void {
    if (this.#stream.isOver) return
    try {
      step()
    } catch (error) {
      return this.#fail(error)
    }
    this.#send()
  }

  #send(): void {
    this.#stream.flush()
    if (this.#isHalfClosed && !this.#conversation.isWaiting) this.#endWell()
  }

  end(): void {
    if (this.#stream.isOver) return
    try {
      if (!this.#reader.isBetweenMessages) throw new MalformedMessage('the stream ends in the middle of a message')
      this.#conversation.halfClosed()
    } catch (error) {
      return this.#fail(error)
    }
    this.#isHalfClosed = true
    this.#send()
  }

  #endWell(): void {
    if (!this.#stream.isOver) endWithStatus(this.#stream, grpcStatus.ok)
  }

  #expire(): void {
    if (this.#stream.isOver) return
    this.#observer.failed('deadline', 'the deadline of the stream has passed')
    endWithStatus(this.#stream, grpcStatus.deadlineExceeded, 'deadline exceeded')
  }

  /** What was answered before is owed, and goes before the status. */
  #fail(error: unknown): void {
    const message = (error as Error).message
    if (error instanceof GrpcError) {
      this.#observer.failed(error.status === grpcStatus.resourceExhausted ? 'too_large' : 'malformed', message)
      endWithStatus(this.#stream, error.status, message)
    } else if (error instanceof MalformedMessage) {
      this.#observer.failed('malformed', message)
      endWithStatus(this.#stream, grpcStatus.invalidArgument, `malformed ProcessingRequest: ${message}`)
    } else {
      this.#observer.failed('internal', (error as Error).stack ?? message)
      endWithStatus(this.#stream, grpcStatus.internal, 'internal error')
    }
  }

  get heldBytes(): number {
    return this.#conversation.heldBytes
  }

  releaseIfResting(): void {
    if (!this.#conversation.isAtRest) return
    this.#conversation.leave()
    this.#endWell()
  }

  closed(): void {
    this.#open.delete(this)
    clearTimeout(this.#deadline)
    try {
      this.#conversation.closed()
    } catch (error) {
      this.#observer.failed('internal', (error as Error).stack ?? (error as Error).message)
    }
  }
}

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 }

/** setTimeout's largest delay, milliseconds (24.8 days); a longer deadline is none. */
const maxTimeoutMs = 2 ** 31 - 1

/** grpc-timeout: up to 8 digits and a unit (gRPC over HTTP/2, "Requests"); undefined when absent or unreadable. */
export function parseTimeoutMs(value: string | undefined): number | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(value ?? '')
  if (match === null) return undefined
  const timeoutMs = Math.ceil(Number(match[1]) * unitMs[match[2]])
  return timeoutMs > maxTimeoutMs ? undefined : timeoutMs
}
