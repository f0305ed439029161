import type { Clock } from '../clock.ts'
import { type Merge, PageValues } from '../telemetry/page-sum.ts'
import { pageTimeoutMs } from './limits.ts'

type Collection = {
  readonly arriving: Map<unknown, PageValues>
  readonly done: Promise<void>
  end(): void
}

/** The metrics pages of the workers. */
export class WorkerPages<Worker> {
  readonly #clock: Clock
  readonly #mergeOf: (family: string) => Merge
  /** As each worker sent it last. */
  readonly #last = new Map<Worker, PageValues>()
  /** What workers that have ended had counted when they were asked last. */
  readonly #ended = new PageValues()
  #collection: Collection | undefined

  constructor(clock: Clock, mergeOf: (family: string) => Merge) {
    this.#clock = clock
    this.#mergeOf = mergeOf
  }

  /** Asks the workers for their pages; resolves to those of all, of the ended ones too. Never fails. */
  async collect(workers: readonly Worker[], ask: (worker: Worker) => void): Promise<readonly PageValues[]> {
    if (this.#collection === undefined && workers.length > 0) {
      this.#collection = this.#begin(workers)
      for (const worker of workers) ask(worker)
    }
    await this.#collection?.done
    return [...this.#last.values(), this.#ended]
  }

  /** A piece of a worker's page has come. */
  read(worker: Worker, text: string, isLast: boolean): void {
    const page = this.#collection?.arriving.get(worker)
    // Too late for the scrape that it was asked for.
    if (page === undefined) return
    page.read(text)
    if (!isLast) return
    this.#last.set(worker, page)
    this.#arrived(worker)
  }

  /** A worker has ended. */
  forget(worker: Worker): void {
    const page = this.#last.get(worker)
    if (page !== undefined) this.#ended.addCounts(page, this.#mergeOf)
    this.#last.delete(worker)
    this.#arrived(worker)
  }

  #begin(workers: readonly Worker[]): Collection {
    const { promise, resolve } = Promise.withResolvers<void>()
    const cancel = this.#clock.after(pageTimeoutMs, () => this.#collection?.end())
    return {
      arriving: new Map(workers.map((worker) => [worker, new PageValues()])),
      done: promise,
      end: () => {
        cancel()
        this.#collection = undefined
        resolve()
      },
    }
  }

  #arrived(worker: Worker): void {
    if (this.#collection?.arriving.delete(worker) && this.#collection.arriving.size === 0) this.#collection.end()
  }
}
