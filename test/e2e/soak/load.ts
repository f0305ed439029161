import { drawKind, type Kind, kinds } from './kinds.ts'
import type { Way } from './way.ts'

export type Tally = { requests: number; unexpected: number }

/** Clients that send one request after the other, of any kind and by any way. */
export class Load {
  readonly byKind: ReadonlyMap<Kind, Tally>
  readonly byWay: ReadonlyMap<Way, Tally>
  /** What went wrong, in words, with how often. */
  readonly problems = new Map<string, number>()
  sent = 0
  unexpected = 0
  /** While requests were sent. */
  seconds = 0
  readonly #ways: readonly Way[]
  readonly #clients: number

  constructor(ways: readonly Way[], clients: number) {
    this.#ways = ways
    this.#clients = clients
    this.byKind = new Map(kinds.map((kind) => [kind, { requests: 0, unexpected: 0 }]))
    this.byWay = new Map(ways.map((way) => [way, { requests: 0, unexpected: 0 }]))
  }

  /** Sends until `total` requests were sent since the beginning, and waits for their ends. */
  async run(total: number): Promise<void> {
    const startMs = performance.now()
    const before = this.seconds
    const work = async () => {
      while (this.sent < total) {
        const way = this.#ways[this.sent++ % this.#ways.length]
        await this.#send(drawKind(), way)
        this.seconds = before + (performance.now() - startMs) / 1000
      }
    }
    await Promise.all(Array.from({ length: this.#clients }, work))
  }

  async #send(kind: Kind, way: Way): Promise<void> {
    const tallies = [this.byKind.get(kind)!, this.byWay.get(way)!]
    for (const tally of tallies) tally.requests += 1
    try {
      await kind.send(way)
    } catch (error) {
      this.unexpected += 1
      for (const tally of tallies) tally.unexpected += 1
      const problem = `${way.name}, ${kind.name}: ${(error as Error).message}`
      this.problems.set(problem, (this.problems.get(problem) ?? 0) + 1)
    }
  }
}
