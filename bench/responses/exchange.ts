import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2'
import { AnswerReader, answeredEvent, answerTo, opening, type ResponseMode, sentBody } from './messages.ts'

export const processPath = '/envoy.service.ext_proc.v3.ExternalProcessor/Process'
const windowBytes = 16 * 1024 * 1024
const answerTimeoutMs = 10_000

/** One HTTP/2 connection to an ext_proc server. It sends prepared messages, so that the load costs little. */
export type StreamConnection = {
  /** Opens a stream and plays Envoy's part of an exchange up to the answer to its response's headers. */
  open(mode: ResponseMode): Promise<ResponseStream>
  close(): void
}

/** `address` is host:port, plaintext. */
export function connectStreams(address: string): StreamConnection {
  const session = connect(`http://${address}`, { settings: { initialWindowSize: windowBytes } })
  // The streams on it are told, and whoever waits for an answer by them.
  session.on('error', () => {})
  session.once('connect', () => session.setLocalWindowSize(windowBytes))
  return {
    async open(mode) {
      const stream = new ResponseStream(session, mode)
      await stream.begin()
      return stream
    },
    close: () => session.destroy(),
  }
}

/** The response of one exchange: its body goes out in messages, and comes back in the answers. */
export class ResponseStream {
  readonly #stream: ClientHttp2Stream
  readonly #mode: ResponseMode
  #expected = 0
  #resolve: (answer: Buffer) => void = () => {}
  #reject: (error: Error) => void = () => {}

  constructor(session: ClientHttp2Session, mode: ResponseMode) {
    this.#mode = mode
    this.#stream = session.request({
      ':method': 'POST',
      ':path': processPath,
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    this.#stream.on('error', (error) => this.#reject(error))
    this.#stream.on('end', () => this.#reject(new Error('the server ended the stream before its last answer')))
    this.#stream.setTimeout(answerTimeoutMs, () => this.#reject(new Error(`no answer for ${answerTimeoutMs} ms`)))
    const answers = new AnswerReader((answer) => {
      const event = answeredEvent(answer)
      if (event === this.#expected) this.#resolve(answer)
      else if (event === answerTo.immediate) this.#reject(new Error('an immediate response'))
    })
    this.#stream.on('data', (chunk: Buffer) => answers.push(chunk))
  }

  async begin(): Promise<void> {
    this.#stream.write(opening.requestHeaders[this.#mode])
    await this.#exchange(opening.requestBody, answerTo.requestBody)
    await this.#exchange(opening.responseHeaders, answerTo.responseHeaders)
  }

  /**
   * Sends the messages, each when the one before is answered, as tokens come one at a time. Rejects when an answer does not
   * send on the piece of its message.
   * @param answered told how long each answer took
   * @returns the last answer
   */
  async pass(
    messages: readonly Buffer[],
    pieces: readonly Buffer[],
    answered?: (milliseconds: number) => void,
  ): Promise<Buffer> {
    let answer: Buffer = Buffer.alloc(0)
    for (let index = 0; index < messages.length; index++) {
      const sentAt = performance.now()
      answer = await this.#exchange(messages[index], answerTo.responseBody)
      answered?.(performance.now() - sentAt)
      if (!this.#goesOn(answer, pieces[index])) throw new Error(`piece ${index} was not sent on as it came`)
    }
    return answer
  }

  /** Full duplex: the answer sends the piece back. Streamed: it leaves the piece as it is. */
  #goesOn(answer: Buffer, piece: Buffer): boolean {
    const sent = sentBody(answer)
    return this.#mode === 'STREAMED' ? sent === undefined : sent?.equals(piece) === true
  }

  #exchange(message: Buffer, expected: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#expected = expected
      this.#resolve = resolve
      this.#reject = reject
      this.#stream.write(message)
    })
  }
}
