import type { Clock } from '../clock.ts'
import { FlowController, type FlowObserver } from './flow-controller.ts'
import type { FlowControlOptions } from './options.ts'

export type PoolQueuesContext = {
  readonly clock: Clock
  /** How full a pool is: 1 is full. */
  saturation(poolKey: string): number
  hasEndpoints(poolKey: string): boolean
  observer(poolKey: string): FlowObserver
}

/** The queue of each pool, made when its first request comes. */
export class PoolQueues {
  readonly #options: FlowControlOptions
  readonly #context: PoolQueuesContext
  readonly #queues = new Map<string, FlowController>()

  constructor(options: FlowControlOptions, context: PoolQueuesContext) {
    this.#options = options
    this.#context = context
  }

  of(poolKey: string): FlowController {
    let queue = this.#queues.get(poolKey)
    if (queue === undefined) {
      queue = this.#make(poolKey, this.#context.observer(poolKey))
      this.#queues.set(poolKey, queue)
    }
    return queue
  }

  /** The queue of the pool to be looked at; one that no request has come to yet is not kept. */
  peek(poolKey: string): FlowController {
    return this.#queues.get(poolKey) ?? this.#make(poolKey, unobserved)
  }

  #make(poolKey: string, observer: FlowObserver): FlowController {
    const { clock, saturation, hasEndpoints } = this.#context
    const pool = { saturation: () => saturation(poolKey), hasEndpoints: () => hasEndpoints(poolKey) }
    return new FlowController(this.#options, { pool, clock, observer })
  }

  /** There may be capacity in the pool again. */
  release(poolKey: string): void {
    this.#queues.get(poolKey)?.release()
  }

  /** These are the pools now, perhaps with other endpoints: what waits for a pool that has gone is turned away. */
  update(pools: { has(poolKey: string): boolean }): void {
    for (const [poolKey, queue] of this.#queues) {
      if (pools.has(poolKey)) queue.release()
      else {
        this.#queues.delete(poolKey)
        queue.close()
      }
    }
  }

  entries(): Iterable<readonly [poolKey: string, queue: FlowController]> {
    return this.#queues.entries()
  }

  /** Answers all that wait: they will not be served here. */
  close(): void {
    for (const queue of this.#queues.values()) queue.close()
  }
}

const unobserved: FlowObserver = { enqueued() {}, dispatched() {}, rejected() {} }
