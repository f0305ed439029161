import { type IncomingHttpHeaders, request } from 'node:http'
import { afterEach } from 'vitest'
import { type Sim, type SimOptions, startSim } from '../../src/sim/sim.ts'

const running: Sim[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((sim) => sim.close()))
})

/** A server on a free port that ends with the test. */
export async function startTestSim(options: Partial<SimOptions> = {}): Promise<Sim> {
  const sim = await startSim({ model: 'qwen', name: 'qwen-1', ...options })
  running.push(sim)
  return sim
}

export type Answer = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** As the bytes came: one element for each read. */
  readonly pieces: readonly Buffer[]
  readonly text: string
  /** Whether the answer ended as HTTP wants it. */
  readonly isComplete: boolean
}

type Sent = {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string | Buffer
  readonly onPiece?: (text: string) => void
  readonly signal?: AbortSignal
}

/** One request on a connection of its own. Rejects when the connection ends before the headers of the answer. */
export function send(sim: Sim, path: string, sent: Sent = {}): Promise<Answer> {
  const { method = 'POST', headers = {}, body, onPiece, signal } = sent
  return new Promise((resolve, reject) => {
    const outgoing = request(`${sim.url}${path}`, { method, headers, agent: false, signal }, (incoming) => {
      const pieces: Buffer[] = []
      incoming.on('data', (piece: Buffer) => {
        pieces.push(piece)
        onPiece?.(Buffer.concat(pieces).toString())
      })
      incoming.on('error', () => {})
      incoming.on('close', () =>
        resolve({
          status: incoming.statusCode!,
          headers: incoming.headers,
          pieces,
          text: Buffer.concat(pieces).toString(),
          isComplete: incoming.complete,
        }),
      )
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

export const chat = (fields: object = {}) =>
  JSON.stringify({ model: 'qwen', messages: [{ role: 'user', content: 'who are you?' }], ...fields })

export const post = (sim: Sim, body = chat(), headers: Record<string, string> = {}) =>
  send(sim, '/v1/chat/completions', { body, headers: { 'content-type': 'application/json', ...headers } })

/** The data of each server-sent event. Fails on lines that are not of the form that the APIs use. */
export function eventsOf(text: string): unknown[] {
  if (!text.endsWith('\n\n')) throw new Error(`the last event is cut: ${text.slice(-60)}`)
  return text
    .slice(0, -2)
    .split('\n\n')
    .map((event) => {
      const match = /^(?:event: (\S+)\n)?data: (.*)$/.exec(event)
      if (match === null) throw new Error(`not an event: ${event}`)
      const [, name, data] = match
      const value: unknown = data === '[DONE]' ? data : JSON.parse(data)
      if (name !== undefined && name !== (value as { type: string }).type) throw new Error(`event ${name}: ${data}`)
      return value
    })
}
