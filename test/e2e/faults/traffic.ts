import { setTimeout as pause } from 'node:timers/promises'
import { Client, type Received } from '../../../src/demo/client.ts'
import { servedBy } from '../upstream.ts'

/**
 * How a request fared:
 * - `answered`: 200, whole, by the model that was asked for;
 * - `refused`: an error in the shape that OpenAI clients read;
 * - `cut`: the connection ended before the answer did, so the client knows that it has not got all of it;
 * - `abandoned`: the client waited for as long as it wanted to;
 * - `wrong`: anything else, such as half an answer that looks whole. Never allowed.
 */
export const outcomes = ['answered', 'refused', 'cut', 'abandoned', 'wrong'] as const
export type Outcome = (typeof outcomes)[number]
export type Counts = Readonly<Record<Outcome, number>>

/** What came of the requests that ended in one phase. */
export type Phase = {
  readonly counts: Counts
  /** Why those that were not answered were not, with how often. */
  readonly reasons: ReadonlyMap<string, number>
  /** How many each server has answered, by its name. */
  readonly servers: ReadonlyMap<string, number>
  readonly seconds: number
  /** Of those that were answered. */
  readonly slowestMs: number
}

export type FaultRun = { readonly before: Phase; readonly during: Phase; readonly after: Phase }

export type TrafficOptions = {
  /** Where requests are sent to, by what reasons call it. */
  readonly urls: ReadonlyMap<string, string>
  readonly clientsPerUrl: number
  /** A client waits so long for the end of an answer. */
  readonly patienceMs: number
}

/** Between two requests of a client: enough of them come all the same, and the machine has other things to do. */
const pauseMs = 10

/** Requests that are answered before a fault, and after it. */
const calmRequests = 100

/** So many requests as anybody waits for are answered long before. */
const maxCalmMs = 30_000

/** Of every three requests the first is for a whole answer, the second for a stream, the third large with its model last. */
const bodies = [
  JSON.stringify({ model: 'qwen', messages: [{ role: 'user', content: 'who are you?' }] }),
  JSON.stringify({ model: 'qwen', stream: true, messages: [{ role: 'user', content: 'who are you?' }] }),
  JSON.stringify({ messages: [{ role: 'user', content: 'who are you? '.repeat(2500) }], model: 'qwen' }),
]

/** Clients that ask one question after the other while something happens to the gateway. */
export class Traffic {
  readonly #options: TrafficOptions
  readonly #clients: readonly Client[]
  readonly #stopped = new AbortController()
  readonly #open = new Set<Promise<void>>()
  readonly #workers: Promise<unknown>
  #answered = 0
  #counts = noCounts()
  #reasons = new Map<string, number>()
  #servers = new Map<string, number>()
  #slowestMs = 0

  constructor(options: TrafficOptions) {
    this.#options = options
    const urls = [...options.urls]
    this.#clients = urls.map(([, url]) => new Client(url))
    const workers = urls.flatMap(([name], index) =>
      Array.from({ length: options.clientsPerUrl }, (_, place) => this.#work(name, this.#clients[index], place)),
    )
    this.#workers = Promise.all(workers)
  }

  /** Counts what comes of requests before, while and after `fault` runs. A request counts where it ends. */
  async around(fault: () => Promise<unknown>): Promise<FaultRun> {
    const before = await this.#phase(() => this.answered(calmRequests))
    const during = await this.#phase(async () => {
      await fault()
      // Those that began in its time, too.
      await Promise.all(this.#open)
    })
    const after = await this.#phase(() => this.answered(calmRequests))
    return { before, during, after }
  }

  /** Resolves when so many more requests have been answered. @throws an Error with what came instead, after half a minute */
  async answered(requests: number): Promise<void> {
    const enough = this.#answered + requests
    const deadlineMs = performance.now() + maxCalmMs
    while (this.#answered < enough) {
      await Promise.race([...this.#open, pause(pauseMs)])
      if (performance.now() < deadlineMs) continue
      const reasons = Array.from(this.#reasons, ([reason, times]) => `${times} × ${reason}`)
      throw new Error(
        `${enough - this.#answered} of ${requests} requests were not answered in time: ${reasons.join(', ')}`,
      )
    }
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#workers
    for (const client of this.#clients) client.close()
  }

  async #phase(run: () => Promise<void>): Promise<Phase> {
    this.#counts = noCounts()
    this.#reasons = new Map()
    this.#servers = new Map()
    this.#slowestMs = 0
    const startMs = performance.now()
    await run()
    const seconds = (performance.now() - startMs) / 1000
    return {
      counts: this.#counts,
      reasons: this.#reasons,
      servers: this.#servers,
      seconds,
      slowestMs: this.#slowestMs,
    }
  }

  async #work(name: string, client: Client, place: number): Promise<void> {
    for (let index = place; !this.#stopped.signal.aborted; index++) {
      const request = this.#ask(name, client, bodies[index % bodies.length])
      this.#open.add(request)
      await request
      this.#open.delete(request)
      await pause(pauseMs)
    }
  }

  async #ask(name: string, client: Client, body: string): Promise<void> {
    const signal = AbortSignal.timeout(this.#options.patienceMs)
    const startMs = performance.now()
    const [outcome, detail] = await client
      .send({ path: '/v1/chat/completions', body, signal })
      .then(
        judge,
        (error: Error): Judgement => [signal.aborted ? 'abandoned' : 'cut', signal.aborted ? '' : error.message],
      )
    this.#counts[outcome] += 1
    if (outcome === 'answered') {
      this.#answered += 1
      count(this.#servers, detail)
      this.#slowestMs = Math.max(this.#slowestMs, performance.now() - startMs)
    } else {
      count(this.#reasons, `${name}: ${outcome} ${detail}`)
    }
  }
}

function count(into: Map<string, number>, what: string): void {
  into.set(what, (into.get(what) ?? 0) + 1)
}

/** The detail is the server of an answer, else what went wrong. */
type Judgement = readonly [outcome: Outcome, detail: string]

function judge({ status, headers, body }: Received): Judgement {
  const text = body.toString()
  if (status !== 200) {
    const { code, message } = errorOf(text)
    const isShaped = typeof code === 'string' && typeof message === 'string'
    return isShaped ? ['refused', `${status} ${code}`] : ['wrong', `${status} ${text.slice(0, 200)}`]
  }
  const isStream = /^text\/event-stream/.test(headers['content-type'] ?? '')
  const isWhole = isStream ? text.endsWith('data: [DONE]\n\n') : /"usage":\{/.test(text)
  const isRight = isWhole && text.includes('"model":"qwen"')
  return isRight
    ? ['answered', String(headers['x-sim-server'] ?? headers[servedBy])]
    : ['wrong', `200 ${text.slice(-200)}`]
}

function errorOf(text: string): { code?: unknown; message?: unknown } {
  try {
    return JSON.parse(text).error ?? {}
  } catch {
    return {}
  }
}

const noCounts = (): Record<Outcome, number> => ({ answered: 0, refused: 0, cut: 0, abandoned: 0, wrong: 0 })
