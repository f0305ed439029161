import type { Clock } from '../clock.ts'
import { type Merge, PageValues } from '../telemetry/page-sum.ts'
import { pageTimeoutMs } from './limits.ts'

/** Families that are asked for; undefined: all. */
type Names = ReadonlySet<string> | undefined

type Collection = {
  readonly names: Names
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
  /** What has come of the pages that are under way: of each worker one at a time, so that the pieces of two never mingle. */
  readonly #arriving = new Map<Worker, { readonly page: PageValues; readonly isWhole: boolean }>()
  #collection: Collection | undefined

  constructor(clock: Clock, mergeOf: (family: string) => Merge) {
    this.#clock = clock
    this.#mergeOf = mergeOf
  }

  /**
   * Asks the workers for their pages; resolves to those of all, of the ended ones too. Never fails.
   * @param names of the families that have to be new in them; all by default
   */
  async collect(
    workers: readonly Worker[],
    ask: (worker: Worker) => void,
    names?: ReadonlySet<string>,
  ): Promise<readonly PageValues[]> {
    while (this.#collection !== undefined && !hasAll(this.#collection.names, names)) await this.#collection.done
    if (this.#collection === undefined && workers.length > 0) {
      this.#collection = this.#begin(names)
      const idle = workers.filter((worker) => !this.#arriving.has(worker))
      for (const worker of idle) this.#arriving.set(worker, { page: new PageValues(), isWhole: names === undefined })
      for (const worker of idle) ask(worker)
    }
    await this.#collection?.done
    return [...this.#last.values(), this.#ended]
  }

  /** A piece of a worker's page has come: for the next scrape, where it is too late for the one that it was asked for. */
  read(worker: Worker, text: string, isLast: boolean): void {
    const arriving = this.#arriving.get(worker)
    if (arriving === undefined) return
    const { page, isWhole } = arriving
    page.read(text)
    if (!isLast) return
    const last = this.#last.get(worker)
    if (isWhole || last === undefined) this.#last.set(worker, page)
    else for (const [name, family] of page.families) last.families.set(name, family)
    this.#arrived(worker)
  }

  /** A worker has ended. */
  forget(worker: Worker): void {
    const page = this.#last.get(worker)
    if (page !== undefined) this.#ended.addCounts(page, this.#mergeOf)
    this.#last.delete(worker)
    this.#arrived(worker)
  }

  #begin(names: Names): Collection {
    const { promise, resolve } = Promise.withResolvers<void>()
    const cancel = this.#clock.after(pageTimeoutMs, () => this.#collection?.end())
    return {
      names,
      done: promise,
      end: () => {
        cancel()
        this.#collection = undefined
        resolve()
      },
    }
  }

  #arrived(worker: Worker): void {
    if (this.#arriving.delete(worker) && this.#arriving.size === 0) this.#collection?.end()
  }
}

/** Whether a collection of `names` does for who wants `wanted`. */
function hasAll(names: Names, wanted: Names): boolean {
  if (names === undefined) return true
  return wanted !== undefined && [...wanted].every((name) => names.has(name))
}
