import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../clock.ts'
import { stateIntervalMs } from './limits.ts'
import type { Overview } from './overview.ts'
import { readPageFiles } from './page-files.ts'
import { answerJson, answerText, type Handler, type Routes } from './route.ts'
import { eventText, streamHeaders, Viewers } from './viewers.ts'

/** What POST /explain answers: the whole of the response. */
export type ExplainAnswer = { readonly status: number; readonly contentType: string; readonly body: string }

/** Explains one request by live state. @param accept the media types that the client asks for */
export type Explain = (body: Buffer, accept: string | undefined) => Promise<ExplainAnswer>

/** The admin page: its files, its state, and the stream of it. */
export class Console {
  readonly #overview: Overview
  readonly #clock: Clock
  readonly #viewers = new Viewers()
  readonly #files = readPageFiles()
  #cancel = () => {}
  #isClosed = false

  constructor(overview: Overview, clock: Clock) {
    this.#overview = overview
    this.#clock = clock
    void this.#update()
  }

  /** What is the same for everybody, and tells nothing of this service. */
  get files(): ReturnType<typeof readPageFiles> {
    return this.#files
  }

  readonly routes: Routes = {
    '/state': {
      GET: (_, response) => {
        const state = this.#overview.state(this.#viewers.count)
        answerJson(response, 200, { state, history: this.#overview.history() })
      },
    },
    '/state/stream': { GET: (request, response) => this.#stream(request, response) },
    '/state/models': { GET: searching((text) => this.#overview.findModels(text)) },
    '/state/endpoints': { GET: searching((text) => this.#overview.findEndpoints(text)) },
    '/state/decision': {
      GET: (request, response) => {
        const decision = this.#overview.decision(Number(queryOf(request).get('id')))
        if (decision !== undefined) return answerJson(response, 200, decision)
        answerText(response, 404, 'only the last decisions are kept, and this one is not among them any more')
      },
    },
  }

  close(): void {
    this.#isClosed = true
    this.#cancel()
    this.#viewers.close()
  }

  #stream({ method }: IncomingMessage, response: ServerResponse): void {
    // Who asks for the headers alone looks at nothing.
    if (method === 'HEAD') return void response.writeHead(200, streamHeaders).end()
    if (this.#viewers.isFull) {
      response.setHeader('retry-after', '10')
      const message = `${this.#viewers.count} others look at this page already, which is the limit; try again when one has left`
      return answerText(response, 503, message)
    }
    const first = eventText('history', this.#overview.history())
    this.#viewers.add(response, first + eventText('state', this.#overview.state(this.#viewers.count + 1)))
  }

  /** History is kept while nobody looks, too, so that there is something to see for who opens the page. */
  async #update(): Promise<void> {
    const startedMs = this.#clock.nowMs()
    await this.#overview.update()
    if (this.#isClosed) return
    if (this.#viewers.count > 0) this.#viewers.tell(eventText('state', this.#overview.state(this.#viewers.count)))
    const tookMs = this.#clock.nowMs() - startedMs
    this.#cancel = this.#clock.after(Math.max(0, stateIntervalMs - tookMs), () => void this.#update())
  }
}

const searching =
  (find: (text: string) => unknown): Handler =>
  (request, response) =>
    answerJson(response, 200, find(queryOf(request).get('search') ?? ''))

const queryOf = ({ url }: IncomingMessage): URLSearchParams => new URL(url!, 'http://localhost').searchParams
