import type { ServiceDefinition } from '@grpc/proto-loader'
import { loadProtos } from '../../protos/load.ts'
import { Conversation } from '../../src/extproc/conversation.ts'
import { MessageReader } from '../../src/extproc/message-reader.ts'
import { maxMessageBytes } from '../../src/request/limits.ts'
import type { World } from './world.ts'

/** How Envoy's filter is configured; it says so in the first message of a stream. */
export const bodyModes = {
  'full duplex': { request_body_mode: 'FULL_DUPLEX_STREAMED', response_body_mode: 'FULL_DUPLEX_STREAMED' },
  streamed: {
    request_body_mode: 'STREAMED',
    response_body_mode: 'STREAMED',
    send_body_without_waiting_for_header_response: true,
  },
  'streamed, headers first': { request_body_mode: 'STREAMED', response_body_mode: 'NONE' },
  buffered: { request_body_mode: 'BUFFERED', response_body_mode: 'BUFFERED' },
  'buffered in part': { request_body_mode: 'BUFFERED_PARTIAL', response_body_mode: 'BUFFERED_PARTIAL' },
  'headers only': { request_body_mode: 'NONE', response_body_mode: 'NONE' },
  'not said': undefined,
} as const satisfies Record<string, object | undefined>

export type BodyMode = keyof typeof bodyModes

/** A ProcessingRequest, as proto-loader takes it. */
export type Message = Readonly<Record<string, unknown>>

export type CommonResponse = {
  readonly header_mutation?: HeaderMutation
  readonly body_mutation?: {
    readonly body?: Buffer
    readonly clear_body?: boolean
    readonly streamed_response?: { readonly body?: Buffer; readonly end_of_stream?: boolean }
  }
  readonly clear_route_cache?: boolean
}
type HeaderMutation = {
  readonly set_headers?: readonly { header?: { key?: string; value?: string; raw_value?: Buffer } }[]
  readonly remove_headers?: readonly string[]
}
type Value = { readonly stringValue?: string; readonly numberValue?: number; readonly structValue?: Struct }
type Struct = { readonly fields?: Readonly<Record<string, Value>> }

/** A ProcessingResponse, as proto-loader gives it. */
export type Answer = {
  readonly request_headers?: { readonly response?: CommonResponse }
  readonly response_headers?: { readonly response?: CommonResponse }
  readonly request_body?: { readonly response?: CommonResponse }
  readonly response_body?: { readonly response?: CommonResponse }
  readonly request_trailers?: { readonly header_mutation?: HeaderMutation }
  readonly response_trailers?: { readonly header_mutation?: HeaderMutation }
  readonly immediate_response?: {
    readonly status?: { readonly code?: string | number }
    readonly headers?: HeaderMutation
    readonly body?: Buffer
    readonly details?: string
  }
  readonly dynamic_metadata?: Struct
}

const { Process } = loadProtos().definition['envoy.service.ext_proc.v3.ExternalProcessor'] as ServiceDefinition

/** A ProcessingRequest with its gRPC prefix. */
export function frame(message: Message): Buffer {
  const bytes = Process.requestSerialize(message)
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(bytes.length, 1)
  return Buffer.concat([prefix, bytes])
}

/** The ProcessingResponses in the bytes of a stream. @throws when the bytes are no whole messages */
export function unframe(bytes: Buffer): Answer[] {
  const answers: Answer[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + 5 + bytes.readUInt32BE(at + 1)
    if (bytes[at] !== 0 || end > bytes.length) throw new Error(`no message at byte ${at}`)
    answers.push(Process.responseDeserialize(bytes.subarray(at + 5, end)) as Answer)
    at = end
  }
  return answers
}

/** Cuts the bytes of a message into the pieces in which they arrive. */
export type Feed = (bytes: Buffer) => readonly Buffer[]

export const feeds = {
  'in one piece': (bytes) => [bytes],
  'byte by byte': (bytes) => slices(bytes, () => 1),
  'in pieces of any size': (bytes) => slices(bytes, () => 1 + Math.floor(anySize() * 40)),
} as const satisfies Record<string, Feed>

function slices(bytes: Buffer, next: () => number): Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const size = next()
    // Each piece has memory of its own, as those of a socket have.
    pieces.push(Buffer.from(bytes.subarray(at, at + size)))
    at += size
  }
  return pieces
}

const anySize = seededRandom(7)

/** [0, 1), the same sequence for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Envoy's side of one stream. */
export class Player {
  readonly #conversation: Conversation
  readonly #reader: MessageReader
  readonly #feed: Feed
  #protocolConfig: object | undefined
  #written: Buffer[] = []
  #isReset = false

  constructor(world: World, mode: BodyMode, feed: Feed = feeds['in one piece'], poolHint?: string) {
    const { context, routing } = world
    const stream = {
      write: (bytes: Buffer) => void this.#written.push(bytes),
      run: (step: () => void) => void (this.#isReset || step()),
    }
    this.#conversation = new Conversation(context, routing, poolHint, stream)
    this.#reader = new MessageReader(routing.table, this.#conversation, maxMessageBytes(context.limits))
    this.#feed = feed
    this.#protocolConfig = bodyModes[mode]
  }

  /** Gives the answers that a message brings; the first one carries protocol_config. */
  send(message: Message): Answer[] {
    const first = this.#protocolConfig === undefined ? message : { ...message, protocol_config: this.#protocolConfig }
    this.#protocolConfig = undefined
    for (const piece of this.#feed(frame(first))) this.#reader.push(piece)
    return this.#takeAnswers()
  }

  halfClose(): Answer[] {
    this.#conversation.halfClosed()
    return this.#takeAnswers()
  }

  /** What has been answered since, by itself. */
  takeAnswers(): Answer[] {
    return this.#takeAnswers()
  }

  get isAtRest(): boolean {
    return this.#conversation.isAtRest
  }

  /** It waits for a queue, or for a body that is being inflated. */
  get isWaiting(): boolean {
    return !this.#isReset && this.#conversation.isWaiting
  }

  /** The stream is reset: what the conversation would do by itself is not done any more. {@link close} follows. */
  reset(): void {
    this.#isReset = true
  }

  /** The stream is gone. */
  close(): void {
    this.#isReset = true
    this.#conversation.closed()
  }

  #takeAnswers(): Answer[] {
    const answers = unframe(Buffer.concat(this.#written))
    this.#written = []
    return answers
  }
}

export function headersMessage(headers: Readonly<Record<string, string>>, endOfStream = false): Message {
  const list = Object.entries(headers).map(([key, value]) => ({ key, raw_value: Buffer.from(value) }))
  return { request_headers: { headers: { headers: list }, end_of_stream: endOfStream } }
}

export const bodyMessage = (body: Buffer | string, endOfStream = false): Message => ({
  request_body: { body: Buffer.from(body), end_of_stream: endOfStream },
})
