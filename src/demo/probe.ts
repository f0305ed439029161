import { randomUUID } from 'node:crypto'
import type { JournalEntry } from '../sim/journal.ts'
import { Client, type Received, type Sent } from './client.ts'
import { demand } from './demand.ts'
import type { Mode } from './envoy-file.ts'

/** A model server whose journal can be read. */
export type Server = {
  readonly name: string
  /** The base model. */
  readonly model: string
  readonly journal: { entries(): readonly JournalEntry[] }
}

/** What the checks are run on. */
export type Ground = {
  readonly mode: Mode
  /** The gateway's, e.g. `http://127.0.0.1:8080`. */
  readonly url: string
  readonly servers: readonly Server[]
  /** The file with the InferenceModels, which check C2 rewrites and puts back. */
  readonly modelsFile: string
}

/** Marks the requests of one check, so that the journals can tell them from others of the same time. */
const markHeader = 'x-acceptance-check'

/** Where one check sends its requests and looks at what arrived. */
export class Probe {
  readonly ground: Ground
  readonly #mark = randomUUID()
  readonly #client: Client

  constructor(ground: Ground) {
    this.ground = ground
    this.#client = new Client(ground.url, 64)
  }

  close(): void {
    this.#client.close()
  }

  send(sent: Sent): Promise<Received> {
    return this.#client.send({ ...sent, headers: { ...sent.headers, [markHeader]: this.#mark } })
  }

  chat(model: unknown, more: Partial<Sent> & { readonly fields?: object } = {}): Promise<Received> {
    const { fields, ...sent } = more
    return this.send({ path: '/v1/chat/completions', body: chatBody(model, fields), ...sent })
  }

  /** Sends `count` requests, 32 at a time. */
  async many(count: number, send: (index: number) => Promise<Received>): Promise<Received[]> {
    const answers: Received[] = []
    let next = 0
    const worker = async () => {
      while (next < count) {
        const index = next++
        answers[index] = await send(index)
      }
    }
    await Promise.all(Array.from({ length: 32 }, worker))
    return answers
  }

  /** What arrived at the servers of a base model, or at any server. */
  arrived(model?: string): JournalEntry[] {
    return this.ground.servers
      .filter((server) => model === undefined || server.model === model)
      .flatMap(({ journal }) => journal.entries())
      .filter(({ headers }) => headers[markHeader] === this.#mark)
  }

  /** The only request that arrived, at a server of `model`. */
  onlyArrival(model: string): JournalEntry {
    const entries = this.arrived(model)
    demand(this.arrived().length === entries.length, `a server of another model than ${model} was contacted`)
    demand(entries.length === 1, `servers of ${model} got ${entries.length} requests, not 1`)
    return entries[0]
  }

  noArrival(): void {
    demand(this.arrived().length === 0, 'a model server was contacted')
  }
}

const question = [{ role: 'user', content: 'who are you?' }]

export function chatBody(model: unknown, fields: object = {}): string {
  return JSON.stringify({ model, temperature: 0, messages: question, ...fields })
}

/** A chat body with `bytes` of messages, the model in front of them or behind them. */
export function largeChatBody(model: string, bytes: number, modelLast = false): string {
  const messages = [{ role: 'user', content: 'who are you? '.repeat(Math.ceil(bytes / 13)) }]
  return JSON.stringify(modelLast ? { messages, model } : { model, messages })
}
