import { once } from 'node:events'
import { type ClientHttp2Session, connect } from 'node:http2'
import { Client, type Received, type Sent } from '../../../src/demo/client.ts'
import type { Body } from './bodies.ts'

const path = '/v1/chat/completions'

/** The way through one listener, for any number of clients. */
export class Way {
  readonly name: string
  readonly #url: string
  readonly #readsAnswers: boolean
  readonly #client: Client
  #session: ClientHttp2Session | undefined

  /** @param readsAnswers whether Signalbox sees answers, and gives models the names that clients asked for */
  constructor(name: string, url: string, readsAnswers: boolean) {
    this.name = name
    this.#url = url
    this.#readsAnswers = readsAnswers
    this.#client = new Client(url)
  }

  /** Resolves with any complete answer. */
  send(sent: Partial<Sent>): Promise<Received> {
    return this.#client.send({ path, ...sent })
  }

  /** The same over HTTP/2, with trailers behind the body. */
  async sendWithTrailers(body: Buffer): Promise<Pick<Received, 'status' | 'body'>> {
    if (this.#session === undefined || this.#session.closed || this.#session.destroyed) {
      this.#session = connect(this.#url).on('error', () => {}) // its streams tell
    }
    const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/json' }
    // biome-ignore lint/suspicious/noExplicitAny: the types leave out that clients may send trailers
    const stream = this.#session.request(headers, { waitForTrailers: true } as any)
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-checksum': '42' })).end(body)
    const [answer] = await once(stream, 'response')
    return { status: answer[':status'], body: Buffer.concat(await stream.toArray()) }
  }

  /** @throws an Error that says what came instead, if that is not the answer of a server that has got this body, all of it */
  demandArrival({ status, body }: Pick<Received, 'status' | 'body'>, { model, arrival }: Body): void {
    const text = body.toString()
    const [, json] = /^(?:data: )?(\{[^\n]*)/.exec(text) ?? []
    const said = status === 200 && json !== undefined ? JSON.parse(json) : undefined
    const answeredModel = this.#readsAnswers && arrival.servedModel !== undefined ? model : arrival.servedModel
    const isRight =
      said?.servedModel === arrival.servedModel &&
      said?.crc === arrival.crc &&
      said.bytes === arrival.bytes &&
      said.model === answeredModel
    if (!isRight) throw new Error(`status ${status}: ${text.slice(0, 200)}`)
  }

  close(): void {
    this.#client.close()
    this.#session?.destroy()
  }
}
