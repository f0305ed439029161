import type { FlowControlOptions } from '../../src/admission/options.ts'

export type ModelItem = {
  readonly name: string
  readonly priority: number
  readonly fairnessId: string
  readonly bytes: number
  readonly ttlMs: number | undefined
  readonly sloTtftMs: number | undefined
}

type Waiting = ModelItem & { readonly atMs: number; readonly key: number; checkAtMs: number }

/**
 * Flow control as one would write it down: everything that waits in one array in the order of arrival, sorted and searched
 * anew for each question. Its saturation counts requests in flight.
 */
export class NaiveModel {
  readonly journal: string[] = []
  nowMs = 0
  capacity = 1
  inFlight = 0
  hasEndpoints = true
  waiting: Waiting[] = []
  readonly #options: FlowControlOptions
  /** Of each priority, its flows in the order of their turns. */
  readonly #turns = new Map<number, string[]>()

  constructor(options: FlowControlOptions) {
    this.#options = options
  }

  offer(item: ModelItem): string {
    const isAhead = (other: Waiting) => other.priority >= item.priority
    if (!this.waiting.some(isAhead) && this.#mayGo(item.priority)) {
      this.inFlight += 1
      return 'admitted'
    }
    const band = this.waiting.filter(({ priority }) => priority === item.priority)
    const { maxRequests, maxBytes } = this.#options
    const bandOptions = this.#optionsOf(item.priority)
    const isFull =
      this.waiting.length + 1 > (maxRequests ?? Infinity) ||
      bytesOf(this.waiting) + item.bytes > (maxBytes ?? Infinity) ||
      band.length + 1 > (bandOptions.maxRequests ?? Infinity) ||
      bytesOf(band) + item.bytes > (bandOptions.maxBytes ?? Infinity)
    if (isFull) return this.hasEndpoints ? 'rejected-saturated' : 'rejected-no-endpoints'
    const [withEndpointsMs, withoutMs] = this.#budgets(item)
    const keys = {
      'fcfs-ordering-policy': 0,
      'edf-ordering-policy': this.nowMs + withEndpointsMs,
      'slo-deadline-ordering-policy': this.nowMs + (item.sloTtftMs ?? Infinity),
    }
    const key = keys[bandOptions.ordering.type]
    const checkAtMs = this.nowMs + Math.min(withEndpointsMs, withoutMs)
    this.waiting.push({ ...item, atMs: this.nowMs, key, checkAtMs })
    const turns = this.#turns.get(item.priority) ?? []
    if (!turns.includes(item.fairnessId)) turns.push(item.fairnessId)
    this.#turns.set(item.priority, turns)
    return 'waiting'
  }

  cancel(name: string): void {
    this.#remove(name)
  }

  release(): void {
    for (;;) {
      const priority = Math.max(...this.waiting.map((item) => item.priority))
      if (this.waiting.length === 0 || !this.#mayGo(priority)) return
      const turns = this.#turns.get(priority) as string[]
      const isRoundRobin = this.#optionsOf(priority).fairness.type === 'round-robin-fairness-policy'
      // Array.sort is stable: what came first stays first among equals.
      const [next] = this.waiting
        .filter((item) => item.priority === priority && (!isRoundRobin || item.fairnessId === turns[0]))
        .sort((a, b) => (a.key === b.key ? 0 : a.key - b.key))
      turns.push(...turns.splice(turns.indexOf(next.fairnessId), 1))
      this.#remove(next.name)
      this.inFlight += 1
      this.journal.push(`${next.name} admitted`)
    }
  }

  advance(ms: number): void {
    const untilMs = this.nowMs + ms
    for (;;) {
      const [due] = this.waiting.filter((item) => item.checkAtMs <= untilMs).sort((a, b) => a.checkAtMs - b.checkAtMs)
      if (due === undefined) break
      this.nowMs = Math.max(this.nowMs, due.checkAtMs)
      const [withEndpointsMs, withoutMs] = this.#budgets(due)
      const endsAtMs = due.atMs + (this.hasEndpoints ? withEndpointsMs : withoutMs)
      if (endsAtMs > this.nowMs) {
        due.checkAtMs = endsAtMs
        continue
      }
      this.#remove(due.name)
      this.journal.push(`${due.name} ${this.hasEndpoints ? 'rejected-ttl-expired' : 'rejected-no-endpoints'}`)
    }
    this.nowMs = untilMs
  }

  #mayGo(priority: number): boolean {
    const { usageLimit } = this.#options
    const ceiling =
      usageLimit.type === 'priority-holdback-policy' && usageLimit.parameters.domain === 'explicit'
        ? (usageLimit.parameters.ceilings[priority] ?? 0)
        : 1
    return this.hasEndpoints && this.inFlight / this.capacity < ceiling
  }

  #optionsOf(priority: number) {
    const { bands, defaultBand, defaultNegativeBand } = this.#options
    const byDefault = priority < 0 ? (defaultNegativeBand ?? defaultBand) : defaultBand
    return bands.find((band) => band.priority === priority) ?? byDefault
  }

  #budgets({ ttlMs }: ModelItem): [withEndpointsMs: number, withoutMs: number] {
    const { defaultRequestTtlMs, noEndpointTtlMs } = this.#options
    const own = ttlMs ?? defaultRequestTtlMs
    const withoutMs = Math.min(noEndpointTtlMs || Infinity, ttlMs || Infinity)
    return [own || Infinity, withoutMs]
  }

  #remove(name: string): void {
    const removed = this.waiting.find((item) => item.name === name)
    if (removed === undefined) return
    this.waiting = this.waiting.filter((item) => item !== removed)
    const { priority, fairnessId } = removed
    if (this.waiting.some((item) => item.priority === priority && item.fairnessId === fairnessId)) return
    const turns = this.#turns.get(priority) as string[]
    turns.splice(turns.indexOf(fairnessId), 1)
  }
}

const bytesOf = (items: readonly ModelItem[]): number => items.reduce((sum, { bytes }) => sum + bytes, 0)
