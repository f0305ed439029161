import type { ServerResponse } from 'node:http'
import { maxViewers } from './limits.ts'

/**
 * Those who look at the page. What they are told is written down once for all of them. Who takes it too slowly is passed over until all
 * that was sent has left: nothing waits for anybody.
 */
export class Viewers {
  readonly #responses = new Set<ServerResponse>()

  get count(): number {
    return this.#responses.size
  }

  get isFull(): boolean {
    return this.#responses.size >= maxViewers
  }

  /** Begins a stream of server-sent events, with some to begin with. */
  add(response: ServerResponse, first: string): void {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    this.#responses.add(response)
    response.on('close', () => this.#responses.delete(response))
    response.write(first)
  }

  tell(event: string): void {
    const bytes = Buffer.from(event)
    for (const response of this.#responses) {
      if (response.writableLength === 0) response.write(bytes)
    }
  }

  close(): void {
    for (const response of this.#responses) response.destroy()
  }
}

/** A server-sent event with JSON, which has no line ends. */
export const eventText = (name: string, value: unknown): string => `event: ${name}\ndata: ${JSON.stringify(value)}\n\n`
