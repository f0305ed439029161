import { setTimeout as sleep } from 'node:timers/promises'
import { Client, type Received, type Sent } from './client.ts'

/** How many requests go to one model on one server, and how they fared. */
export type Row = {
  /** What the client asked for. */
  readonly model: string
  /** What the server was asked for, as its answer says in words: clients get the name back that they asked for. */
  readonly target: string
  readonly endpoint: string
  readonly requests: number
  readonly errors: number
  /** Whole answers, milliseconds; the last {@link keptTimes} of them. */
  readonly timesMs: readonly number[]
}

const keptTimes = 2000

type Kind = { readonly model: string; readonly weight: number; readonly request: () => Sent }

const prompts = [
  'Which track does the night train take?',
  'Explain a token ring to a railway clerk.',
  'Two days in Bern, by train. What should I see?',
  'Write a limerick about a signal box.',
]

const chat = (model: string, stream: boolean) => (): Sent => ({
  path: '/v1/chat/completions',
  body: JSON.stringify({ model, stream, messages: [{ role: 'user', content: anyOf(prompts) }] }),
})

const kinds: readonly Kind[] = [
  { model: 'qwen', weight: 3, request: chat('qwen', false) },
  { model: 'qwen', weight: 3, request: chat('qwen', true) },
  {
    model: 'qwen',
    weight: 1,
    request: () => ({ path: '/v1/completions', body: JSON.stringify({ model: 'qwen', prompt: anyOf(prompts) }) }),
  },
  { model: 'deepseek-r1', weight: 2, request: chat('deepseek-r1', false) },
  { model: 'deepseek-r1', weight: 1, request: chat('deepseek-r1', true) },
  { model: 'travel-helper', weight: 4, request: chat('travel-helper', false) },
  { model: 'assistant', weight: 4, request: chat('assistant', false) },
  { model: 'GET /v1/models', weight: 1, request: () => ({ path: '/v1/models' }) },
]
const totalWeight = kinds.reduce((sum, { weight }) => sum + weight, 0)

/** Clients that ask for all models, one request after the other with a pause between, until they are stopped. */
export class Traffic {
  readonly #client: Client
  readonly #stopped = new AbortController()
  readonly #rows = new Map<string, { -readonly [K in keyof Row]: Row[K] } & { timesMs: number[] }>()
  readonly #clients: Promise<unknown>

  constructor(url: string, clients: number) {
    this.#client = new Client(url)
    this.#clients = Promise.all(Array.from({ length: clients }, () => this.#ask()))
  }

  /** Ordered by model, target and endpoint. */
  rows(): readonly Row[] {
    return [...this.#rows.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#clients
    this.#client.close()
  }

  async #ask(): Promise<void> {
    const { signal } = this.#stopped
    while (!signal.aborted) {
      const { model, request } = drawKind()
      const startMs = performance.now()
      const answer = await this.#client.send({ ...request(), signal }).catch(() => undefined)
      if (signal.aborted) return
      this.#record(model, answer, performance.now() - startMs)
      await sleep(50 + 200 * Math.random(), undefined, { signal }).catch(() => {})
    }
  }

  #record(model: string, answer: Received | undefined, timeMs: number): void {
    const target = answer?.status === 200 ? targetOf(answer.body.toString()) : ''
    const endpoint = String(answer?.headers['x-sim-server'] ?? '')
    const key = [model, target, endpoint].join('\n')
    const row = this.#rows.get(key) ?? { model, target, endpoint, requests: 0, errors: 0, timesMs: [] }
    this.#rows.set(key, row)
    if (answer?.status !== 200) row.errors += 1
    row.timesMs[row.requests % keptTimes] = timeMs
    row.requests += 1
  }
}

/** A stream says it in several pieces; the models that are asked for streams have one target of the same name. */
function targetOf(text: string): string {
  return /I am ([^ ,]+),/.exec(text)?.[1] ?? /"model":"([^"]*)"/.exec(text)?.[1] ?? ''
}

function drawKind(): Kind {
  let left = Math.random() * totalWeight
  return kinds.find(({ weight }) => (left -= weight) < 0)!
}

function anyOf<T>(items: readonly T[]): T {
  return items[Math.floor(Math.random() * items.length)]
}
