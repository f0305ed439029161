import type { ServerResponse } from 'node:http'
import { maxMissedStates, maxViewers } from './limits.ts'

export const streamHeaders = { 'content-type': 'text/event-stream', 'cache-control': 'no-store' }

/**
 * Those who look at the page. What they are told is written down once for all of them. Who takes it too slowly is passed over until all
 * that was sent has left: nothing waits for anybody. Who takes nothing at all makes room for others.
 */
export class Viewers {
  /** With how many events each has missed in a row. */
  readonly #responses = new Map<ServerResponse, number>()

  get count(): number {
    return this.#responses.size
  }

  get isFull(): boolean {
    return this.#responses.size >= maxViewers
  }

  /** Begins a stream of server-sent events, with some to begin with. */
  add(response: ServerResponse, first: string): void {
    response.writeHead(200, streamHeaders)
    this.#responses.set(response, 0)
    response.on('close', () => this.#responses.delete(response))
    response.write(first)
  }

  tell(event: string): void {
    const bytes = Buffer.from(event)
    for (const [response, missed] of this.#responses) {
      const isFree = response.writableLength === 0
      this.#responses.set(response, isFree ? 0 : missed + 1)
      if (isFree) response.write(bytes)
      else if (missed + 1 >= maxMissedStates) response.destroy()
    }
  }

  close(): void {
    for (const response of this.#responses.keys()) response.destroy()
  }
}

/** A server-sent event with JSON, which has no line ends. */
export const eventText = (name: string, value: unknown): string => `event: ${name}\ndata: ${JSON.stringify(value)}\n\n`
