import type { ServerStream, StreamListener } from '../http2/stream.ts'
import { beginResponse, endWithStatus, type GrpcMethod } from './grpc-server.ts'
import { grpcStatus } from './message-reader.ts'
import { Cursor, tagOf, wireType } from './wire.ts'

export const extProcService = 'envoy.service.ext_proc.v3.ExternalProcessor'

/** HealthCheckResponse.ServingStatus (health.proto). */
const serving = { serving: 1, notServing: 2, serviceUnknown: 3 } as const

/** A request names one service: no more than a few bytes, whatever its length claims. */
const maxRequestBytes = 4096

/**
 * grpc.health.v1.Health. The process is live as long as it answers; it is ready, under every other name, between
 * {@link setReady}(true) and the beginning of a drain.
 */
export class Health {
  #isReady = false
  readonly #watchers = new Map<ServerStream, string>()

  setReady(isReady: boolean): void {
    if (isReady === this.#isReady) return
    this.#isReady = isReady
    for (const [stream, service] of this.#watchers) {
      if (service !== 'liveness') sendMessage(stream, checkResponse(this.#statusOf(service)))
    }
  }

  /** Ends watches, so that the server can close. */
  close(): void {
    for (const stream of this.#watchers.keys()) endWithStatus(stream, grpcStatus.unavailable, 'shutting down')
  }

  #statusOf(service: string): number {
    if (service === 'liveness') return serving.serving
    if (!names.includes(service)) return serving.serviceUnknown
    return this.#isReady ? serving.serving : serving.notServing
  }

  readonly methods: ReadonlyMap<string, GrpcMethod> = new Map([
    ['/grpc.health.v1.Health/Check', this.#method((stream, service) => this.#check(stream, service))],
    ['/grpc.health.v1.Health/Watch', this.#method((stream, service) => this.#watch(stream, service))],
    ['/grpc.health.v1.Health/List', this.#method((stream) => this.#list(stream))],
  ])

  #method(answer: (stream: ServerStream, service: string) => void): GrpcMethod {
    return (stream) => readRequest(stream, answer, () => this.#watchers.delete(stream))
  }

  #check(stream: ServerStream, service: string): void {
    const status = this.#statusOf(service)
    if (status === serving.serviceUnknown) {
      return endWithStatus(stream, grpcStatus.notFound, `unknown service ${service}`)
    }
    beginResponse(stream)
    sendMessage(stream, checkResponse(status))
    endWithStatus(stream, grpcStatus.ok)
  }

  #watch(stream: ServerStream, service: string): void {
    beginResponse(stream)
    this.#watchers.set(stream, service)
    sendMessage(stream, checkResponse(this.#statusOf(service)))
  }

  #list(stream: ServerStream): void {
    // HealthListResponse.statuses: a map entry {key = 1, value = 2} each.
    const entries = names.map((name) => {
      const entry = [...textField(1, name), ...lengthField(2, [8, this.#statusOf(name)])]
      return lengthField(1, entry)
    })
    beginResponse(stream)
    sendMessage(stream, frame(entries.flat()))
    endWithStatus(stream, grpcStatus.ok)
  }
}

/** The last one is what the reference's chart asks for when it has one replica. */
const names = ['', 'liveness', 'readiness', extProcService, 'inference-extension']

/** Gathers the one request message and reads HealthCheckRequest.service = 1 from it. */
function readRequest(
  stream: ServerStream,
  answer: (stream: ServerStream, service: string) => void,
  closed: () => void,
): StreamListener {
  const chunks: Buffer[] = []
  let bytes = 0
  return {
    data(chunk, start, end) {
      bytes += end - start
      // A view of a few bytes would keep all that was received with them.
      if (bytes <= maxRequestBytes) chunks.push(Buffer.from(chunk.subarray(start, end)))
    },
    end() {
      const message = Buffer.concat(chunks)
      if (message[0] === 1) {
        return endWithStatus(stream, grpcStatus.unimplemented, 'compressed gRPC messages are not supported')
      }
      if (bytes > maxRequestBytes || message.length < 5 || message.readUInt32BE(1) !== message.length - 5) {
        return endWithStatus(stream, grpcStatus.invalidArgument, 'expected one health request')
      }
      try {
        answer(stream, serviceOf(message))
      } catch (error) {
        endWithStatus(stream, grpcStatus.invalidArgument, (error as Error).message)
      }
    },
    closed,
  }
}

function serviceOf(message: Buffer): string {
  const cursor = new Cursor(message, 5, message.length)
  let service = ''
  while (cursor.at < cursor.end) {
    const tag = cursor.tag()
    if (tag === tagOf(1, wireType.bytes)) {
      const end = cursor.lengthDelimited()
      service = message.toString('utf8', cursor.at, end)
      cursor.at = end
    } else cursor.skip(tag)
  }
  return service
}

// Every message here is short: lengths fit into one byte.
const lengthField = (fieldNumber: number, content: readonly number[]): number[] => [
  tagOf(fieldNumber, wireType.bytes),
  content.length,
  ...content,
]
const textField = (fieldNumber: number, text: string): number[] => lengthField(fieldNumber, [...Buffer.from(text)])
function sendMessage(stream: ServerStream, message: Buffer): void {
  stream.write(message)
  stream.flush()
}

const checkResponse = (status: number): Buffer => frame([8, status])

function frame(message: readonly number[]): Buffer {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, Buffer.from(message)])
}
