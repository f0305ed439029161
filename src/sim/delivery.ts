import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Exchange } from './context.ts'
import type { Fault } from './faults.ts'
import { wait } from './wait.ts'

const defaultSplitBytes = 7
const defaultTruncateAfterChunks = 1

/** Writes an answer chunk by chunk behind headers that are already out, and spoils it as the fault says. */
export class Delivery {
  readonly #exchange: Exchange
  #written = 0

  constructor(exchange: Exchange) {
    this.#exchange = exchange
  }

  /** Resolves when the next chunk may come: true, or false when a fault has ended the answer. */
  async write(chunk: string | Buffer): Promise<boolean> {
    const { context, response, fault, signal } = this.#exchange
    switch (fault?.kind) {
      case 'stall':
        if (this.#written === fault.afterChunks) {
          await wait(context.clock, fault.forMs ?? Number.POSITIVE_INFINITY, signal)
        }
        await this.#send(chunk)
        break
      case 'abort':
        if (this.#written === fault.afterChunks) {
          // Not destroy(), which drops what the socket still holds: the chunks before have to arrive.
          response.socket?.destroySoon()
          return false
        }
        await this.#send(chunk)
        break
      case 'truncate':
        if (this.#written === (fault.afterChunks ?? defaultTruncateAfterChunks)) {
          const bytes = Buffer.from(chunk)
          response.end(bytes.subarray(0, Math.ceil(bytes.length / 2)))
          return false
        }
        await this.#send(chunk)
        break
      case 'split':
        await this.#sendSplit(Buffer.from(chunk), fault.maxBytes ?? defaultSplitBytes)
        break
      default:
        await this.#send(chunk)
    }
    this.#written += 1
    return true
  }

  end(): void {
    this.#exchange.response.end()
  }

  async #send(data: string | Buffer): Promise<void> {
    const { response, signal } = this.#exchange
    if (!response.write(data)) await drained(response, signal)
  }

  async #sendSplit(bytes: Buffer, maxBytes: number): Promise<void> {
    const { random, signal } = this.#exchange
    for (let at = 0; at < bytes.length; ) {
      const length = 1 + Math.floor(random() * maxBytes)
      await this.#send(bytes.subarray(at, at + length))
      // Pieces of one turn of the event loop would leave in one packet.
      await nextTurn(undefined, { signal })
      at += length
    }
  }
}

function drained(response: ServerResponse, signal: AbortSignal): Promise<unknown> {
  return once(response, 'drain', { signal })
}

/** Whether the fault needs an answer in chunks; otherwise JSON goes out in one piece with its content-length. */
export function isDeliveryFault(fault: Fault | undefined): boolean {
  switch (fault?.kind) {
    case 'stall':
    case 'abort':
      return fault.afterChunks !== undefined
    case 'truncate':
    case 'split':
      return true
    default:
      return false
  }
}
