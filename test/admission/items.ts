import { FlowController, type FlowObserver } from '../../src/admission/flow-controller.ts'
import { FlowItem, type FlowItemFacts } from '../../src/admission/flow-item.ts'
import { defaultFlowControlOptions, type FlowControlOptions } from '../../src/admission/options.ts'
import type { Rejection } from '../../src/admission/rejection.ts'
import { ManualClock } from '../pool/manual-clock.ts'

/** A request that writes its outcome to a journal. */
export class TestItem extends FlowItem {
  readonly name: string
  readonly #journal: string[]
  rejection: Rejection | undefined = undefined
  /** What it does when it is let through. */
  whenAdmitted: () => void = () => {}

  constructor(name: string, journal: string[], facts: Partial<FlowItemFacts>) {
    super({
      priority: 0,
      fairnessId: 'default-flow',
      bytes: 10,
      ttlMs: undefined,
      sloTtftMs: undefined,
      receivedAtMs: 0,
      ...facts,
    })
    this.name = name
    this.#journal = journal
  }

  onAdmitted(): void {
    this.#journal.push(`${this.name} admitted`)
    this.whenAdmitted()
  }

  onRejected(rejection: Rejection): void {
    this.rejection = rejection
    this.#journal.push(`${this.name} ${rejection.reason}`)
  }
}

/** Like Node's timers, which take a delay that is too long for one of a millisecond. */
class TimerClock extends ManualClock {
  timersSet = 0

  override after(delayMs: number, run: () => void): () => void {
    this.timersSet += 1
    return super.after(delayMs > 2 ** 31 - 1 ? 1 : delayMs, run)
  }
}

/** A controller of a pool that the test fills and empties by hand. */
export class World {
  readonly clock = new TimerClock()

  /** Outcomes in the order in which they came. */
  readonly journal: string[] = []
  /** What the observer was told. */
  readonly observed: string[] = []
  /** Undefined where requests in flight say how full the pool is. */
  scraped: number | undefined = undefined
  capacity = 1
  inFlight = 0
  hasEndpoints = true
  saturationReads = 0
  readonly controller: FlowController

  constructor(options: Partial<FlowControlOptions> = {}) {
    const observer: FlowObserver = {
      enqueued: (item) => this.observed.push(`${nameOf(item)} enqueued`),
      dispatched: (item, waitMs) => this.observed.push(`${nameOf(item)} dispatched ${waitMs}`),
      rejected: (item, reason, waitMs) => this.observed.push(`${nameOf(item)} ${reason} ${waitMs}`),
    }
    this.controller = new FlowController(
      { ...defaultFlowControlOptions, ...options },
      {
        pool: { saturation: () => this.saturation(), hasEndpoints: () => this.hasEndpoints },
        clock: this.clock,
        observer,
      },
    )
  }

  saturation(): number {
    this.saturationReads += 1
    if (!this.hasEndpoints) return 1
    return this.scraped ?? this.inFlight / this.capacity
  }

  item(name: string, facts: Partial<FlowItemFacts> = {}): TestItem {
    const item = new TestItem(name, this.journal, { receivedAtMs: this.clock.nowMs(), ...facts })
    item.whenAdmitted = () => {
      this.inFlight += 1
    }
    return item
  }

  /** Offers a request; returns what became of it at once: admitted, waiting, or the reason of its rejection. */
  offer(item: TestItem): string {
    const outcome = this.controller.offer(item)
    if (outcome === 'admitted') this.inFlight += 1
    if (typeof outcome === 'string') return outcome
    item.rejection = outcome
    return outcome.reason
  }

  /** A pool that is full, and requests that wait for it, in this order. */
  fill(...waiting: readonly (readonly [name: string, facts?: Partial<FlowItemFacts>])[]): TestItem[] {
    this.inFlight = this.capacity
    return waiting.map(([name, facts]) => {
      const item = this.item(name, facts)
      const outcome = this.offer(item)
      if (outcome !== 'waiting') throw new Error(`${name}: ${outcome}`)
      return item
    })
  }

  /** One request ends. */
  end(): void {
    this.inFlight -= 1
    this.controller.release()
  }

  /** Ends one request after another; the names of those that were let through. */
  served(times: number): string[] {
    const from = this.journal.length
    for (let i = 0; i < times; i += 1) this.end()
    return this.journal.slice(from).map((line) => line.replace(' admitted', ''))
  }
}

const nameOf = (item: FlowItem): string => (item instanceof TestItem ? item.name : '?')
