import { Command } from 'commander'
import type { ProcessingEvents } from '../../src/extproc/decode.ts'
import { DuplexBody } from '../../src/extproc/duplex-body.ts'
import { answer, encodeAnswer, encodeTrailersAnswer, noMutation } from '../../src/extproc/encode.ts'
import { beginResponse, endWithStatus, GrpcServer } from '../../src/extproc/grpc-server.ts'
import { extProcService, Health } from '../../src/extproc/health.ts'
import { grpcStatus, MessageReader } from '../../src/extproc/message-reader.ts'
import type { ServerStream, StreamListener } from '../../src/http2/stream.ts'
import { createHeaderTable } from '../../src/request/control-headers.ts'
import { wholeNumber } from '../options.ts'

/**
 * An ext_proc server that changes nothing, on the transport and codec of signalbox: what it needs is what no scan, no
 * decision and no counting can go below. In full duplex only. `node echo.ts --grpc-port=… --grpc-health-port=…`.
 */
type Flags = { readonly grpcPort: number; readonly grpcHealthPort: number }

const host = '127.0.0.1'
const maxMessageBytes = 32 * 1024 * 1024
const table = createHeaderTable([])

/** One gRPC stream, served as signalbox serves it, without a conversation. */
class Echo implements StreamListener, ProcessingEvents {
  readonly #stream: ServerStream
  readonly #reader = new MessageReader(table, this, maxMessageBytes)
  readonly #requestBody = new DuplexBody(answer.requestBody, this)
  readonly #responseBody = new DuplexBody(answer.responseBody, this)

  constructor(stream: ServerStream) {
    this.#stream = stream
  }

  data(chunk: Buffer, start: number, end: number): void {
    this.#reader.push(chunk, start, end)
    this.#stream.flush()
  }

  end(): void {
    endWithStatus(this.#stream, grpcStatus.ok)
  }

  closed(): void {}

  write(bytes: Buffer): void {
    if (!this.#stream.hasAnswered) beginResponse(this.#stream)
    this.#stream.write(bytes)
  }

  requestHeaders(): void {
    this.write(encodeAnswer(answer.requestHeaders, noMutation))
  }

  requestBody(piece: Buffer): void {
    this.#requestBody.push(piece)
  }

  requestBodyEnd(endOfStream: boolean): void {
    this.#requestBody.flush(endOfStream)
  }

  requestTrailers(): void {
    this.write(encodeTrailersAnswer(answer.requestTrailers))
  }

  responseHeaders(): void {
    this.write(encodeAnswer(answer.responseHeaders, noMutation))
  }

  responseBody(piece: Buffer): void {
    this.#responseBody.push(piece)
  }

  responseBodyEnd(endOfStream: boolean): void {
    this.#responseBody.flush(endOfStream)
  }

  responseTrailers(): void {
    this.write(encodeTrailersAnswer(answer.responseTrailers))
  }

  protocolConfig(): void {}
  subsetHint(): void {}
  servedEndpoint(): void {}
}

const flags = new Command('echo')
  .requiredOption('--grpc-port <port>', '', wholeNumber)
  .requiredOption('--grpc-health-port <port>', '', wholeNumber)
  // What the other servers are started with, too.
  .option('--metrics-port <port>')
  .option('--secure-serving <false>')
  .parse()
  .opts<Flags>()
const health = new Health()
const methods = new Map([[`/${extProcService}/Process`, (stream: ServerStream) => new Echo(stream)]])
await new GrpcServer(methods, undefined).listen(flags.grpcPort, host)
await new GrpcServer(health.methods, undefined).listen(flags.grpcHealthPort, host)
health.setReady(true)
