import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { type ClientDuplexStream, credentials, type GrpcObject, type ServiceClientConstructor } from '@grpc/grpc-js'
import { loadProtos } from '../protos/load.ts'

/** How the proxy would be configured: FULL_DUPLEX_STREAMED, STREAMED without waiting for the headers answer, BUFFERED. */
export type BodyMode = 'duplex' | 'streamed' | 'buffered'

export const bodyModes: readonly BodyMode[] = ['duplex', 'streamed', 'buffered']

export type ExchangeInput = {
  readonly mode: BodyMode
  readonly path: string
  /** Not empty. */
  readonly body: Buffer
  readonly chunkBytes: number
  /** Pause before each chunk but the first. */
  readonly gapMs: number
}

/** What one request got. Times count from the first body chunk. */
export type ExchangeResult = {
  /** X-Gateway-Model-Name, when the server set it. */
  readonly modelName: string | undefined
  /** x-gateway-destination-endpoint, when the server set it. */
  readonly endpoint: string | undefined
  /** Until the answer that carries the decision: the headers answer, or the body answer of `buffered`. */
  readonly decisionMs: number
  /** Until the last answer. */
  readonly totalMs: number
}

/** One HTTP/2 connection to an ext_proc server, used as Envoy uses it: a stream for each request. */
export type ExchangeConnection = {
  /**
   * Plays Envoy's part of one request and checks the server's: the order of the answers, and that the body that goes on
   * is the one that came. Rejects with the reason when anything is off.
   */
  run(input: ExchangeInput): Promise<ExchangeResult>
  close(): void
}

type Mutation = {
  body?: Buffer
  clear_body?: boolean
  streamed_response?: { body?: Buffer; end_of_stream?: boolean }
}
type CommonResponse = {
  header_mutation?: { set_headers?: { header?: { key?: string; value?: string; raw_value?: Buffer } }[] }
  body_mutation?: Mutation
}
type Answer = {
  request_headers?: { response?: CommonResponse }
  request_body?: { response?: CommonResponse }
  immediate_response?: { status?: { code?: string | number }; body?: Buffer }
}
type Stream = ClientDuplexStream<object, Answer>

const protocolModes = { duplex: 'FULL_DUPLEX_STREAMED', streamed: 'STREAMED', buffered: 'BUFFERED' } as const
const exchangeTimeoutMs = 60_000
/** What Envoy's documentation allows for one chunk of a full-duplex answer. */
const maxReplyChunkBytes = 65_536

/** `address` is host:port, plaintext. */
export function connectExchange(address: string): ExchangeConnection {
  const { envoy } = loadProtos().grpc as { envoy: { service: { ext_proc: { v3: GrpcObject } } } }
  const ExternalProcessor = envoy.service.ext_proc.v3.ExternalProcessor as ServiceClientConstructor
  const client = new ExternalProcessor(address, credentials.createInsecure(), {
    // Otherwise all clients of one address share one connection.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.max_receive_message_length': -1,
  })
  return {
    async run(input) {
      const stream: Stream = client.Process({ deadline: Date.now() + exchangeTimeoutMs })
      try {
        const result = await new Exchange(stream, input).result
        stream.end()
        return result
      } catch (error) {
        stream.cancel()
        throw error
      }
    },
    close: () => client.close(),
  }
}

/** One stream: sends headers and body, and follows the answers to the end. */
class Exchange {
  readonly result: Promise<ExchangeResult>
  readonly #finish: (result: ExchangeResult) => void
  readonly #fail: (error: Error) => void
  readonly #stream: Stream
  readonly #input: ExchangeInput
  readonly #chunks: Buffer[]
  #chunksSent = 0
  #firstChunkAt = 0
  #decisionMs = 0
  #headersAnswered = false
  #bodyAnswers = 0
  #over = false
  readonly #headers = new Map<string, string>()
  /** The body as it goes on to the model server. */
  readonly #forwarded: Buffer[] = []

  constructor(stream: Stream, input: ExchangeInput) {
    const { promise, resolve, reject } = Promise.withResolvers<ExchangeResult>()
    this.result = promise
    this.#finish = resolve
    this.#fail = (error) => {
      this.#over = true
      reject(error)
    }
    this.#stream = stream
    this.#input = input
    this.#chunks = input.mode === 'buffered' ? [input.body] : slices(input.body, input.chunkBytes)
    stream.on('data', (answer: Answer) => {
      try {
        this.#receive(answer)
      } catch (error) {
        this.#fail(error as Error)
      }
    })
    stream.on('error', this.#fail)
    stream.on('end', () => this.#fail(new Error('the server ended the stream before its last answer')))
    stream.write(headersMessage(input))
    // Buffered, Envoy sends the body when the headers are answered; otherwise at once.
    if (input.mode !== 'buffered') this.#sendChunks()
  }

  async #sendChunks(): Promise<void> {
    const { gapMs } = this.#input
    this.#firstChunkAt = performance.now()
    for (const body of this.#chunks) {
      if (this.#chunksSent > 0 && gapMs > 0) await sleep(gapMs)
      if (this.#over) return
      this.#chunksSent++
      this.#stream.write({ request_body: { body, end_of_stream: this.#chunksSent === this.#chunks.length } })
    }
  }

  #receive(answer: Answer): void {
    if (answer.immediate_response) {
      const { status, body } = answer.immediate_response
      throw new Error(`immediate response ${status?.code}: ${body?.toString() ?? ''}`)
    }
    if (answer.request_headers) this.#receiveHeaders(answer.request_headers.response)
    else if (answer.request_body) this.#receiveBody(answer.request_body.response)
    else throw new Error(`an answer that nothing asked for: ${Object.keys(answer).join(', ')}`)
  }

  #receiveHeaders(response: CommonResponse | undefined): void {
    if (this.#headersAnswered) throw new Error('a second headers answer')
    if (this.#bodyAnswers > 0) throw new Error('the headers answer came after a body answer')
    this.#headersAnswered = true
    this.#takeHeaders(response)
    if (this.#input.mode === 'buffered') this.#sendChunks()
    else this.#decisionMs = performance.now() - this.#firstChunkAt
  }

  #receiveBody(response: CommonResponse | undefined): void {
    this.#bodyAnswers++
    const { mode } = this.#input
    const mutation = response?.body_mutation
    if (mode === 'duplex') {
      const part = mutation?.streamed_response
      if (!part) throw new Error('a body answer without streamed_response, which Envoy refuses in full duplex')
      if ((part.body?.length ?? 0) > maxReplyChunkBytes) throw new Error('a reply chunk over 64 KiB')
      if (part.body) this.#forwarded.push(part.body)
      if (part.end_of_stream) this.#complete()
      return
    }
    if (this.#bodyAnswers > this.#chunksSent) throw new Error('more body answers than chunks')
    if (mutation?.streamed_response) throw new Error('streamed_response, which Envoy takes in full duplex only')
    if (mode === 'buffered') {
      this.#takeHeaders(response)
      this.#decisionMs = performance.now() - this.#firstChunkAt
    }
    this.#forwarded.push(mutated(this.#chunks[this.#bodyAnswers - 1], mutation))
    if (this.#bodyAnswers === this.#chunks.length) this.#complete()
  }

  #takeHeaders(response: CommonResponse | undefined): void {
    for (const { header } of response?.header_mutation?.set_headers ?? []) {
      if (header?.key) this.#headers.set(header.key.toLowerCase(), header.raw_value?.toString() ?? header.value ?? '')
    }
  }

  #complete(): void {
    const totalMs = performance.now() - this.#firstChunkAt
    const modelName = this.#headers.get('x-gateway-model-name')
    const endpoint = this.#headers.get('x-gateway-destination-endpoint')
    if (modelName === undefined && endpoint === undefined) throw new Error('neither model name nor endpoint was set')
    const forwarded = Buffer.concat(this.#forwarded)
    if (!isSameBody(this.#input.body, forwarded)) {
      const lengths = `${forwarded.length} bytes for ${this.#input.body.length}`
      throw new Error(`the body that goes on is not the one that came: ${lengths}`)
    }
    this.#over = true
    this.#finish({ modelName, endpoint, decisionMs: this.#decisionMs, totalMs })
  }
}

function headersMessage({ mode, path, body }: ExchangeInput): object {
  const headers: Record<string, string> = {
    ':method': 'POST',
    ':scheme': 'http',
    ':authority': 'models.example.com',
    ':path': path,
    'content-type': 'application/json',
    'content-length': String(body.length),
    'user-agent': 'signalbox-bench',
    'x-request-id': '6e1a7c52-5f0e-4a9e-9c37-3a1f5d1b7a10',
  }
  return {
    request_headers: {
      headers: { headers: Object.entries(headers).map(([key, value]) => ({ key, raw_value: Buffer.from(value) })) },
      end_of_stream: false,
    },
    protocol_config: {
      request_body_mode: protocolModes[mode],
      response_body_mode: 'NONE',
      send_body_without_waiting_for_header_response: mode === 'streamed',
    },
  }
}

function slices(body: Buffer, bytes: number): Buffer[] {
  const parts: Buffer[] = []
  for (let start = 0; start < body.length; start += bytes) parts.push(body.subarray(start, start + bytes))
  return parts
}

function mutated(original: Buffer, mutation: Mutation | undefined): Buffer {
  if (mutation?.clear_body) return Buffer.alloc(0)
  return mutation?.body ?? original
}

/** The same bytes; or the same JSON, as some servers write the body anew. */
function isSameBody(sent: Buffer, forwarded: Buffer): boolean {
  if (sent.equals(forwarded)) return true
  try {
    return isDeepStrictEqual(JSON.parse(sent.toString()), JSON.parse(forwarded.toString()))
  } catch {
    return false
  }
}
