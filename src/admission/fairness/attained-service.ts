import type { FairnessOptions } from '../options.ts'

export type LeastServiceParameters = Extract<FairnessOptions, { type: 'program-aware-fairness' }>['parameters']

/** Fairness ids come from clients, so there may be any number of them: the one that was served longest ago goes. */
const maxPrograms = 10_000

type Program = {
  /** As it was at `servedAtMs`. */
  service: number
  servedAtMs: number
}

/** What each fairness id has been given, in tokens; it fades with time. */
export class AttainedService {
  /** Those served longest ago first, as every service moves its program to the end. */
  readonly #programs = new Map<string, Program>()
  readonly #decayPerMs: number
  readonly #ttlMs: number

  constructor({ lasHalfLifeSeconds, evictionTtlSeconds }: LeastServiceParameters) {
    this.#decayPerMs = lasHalfLifeSeconds > 0 ? Math.LN2 / (lasHalfLifeSeconds * 1_000) : 0
    this.#ttlMs = evictionTtlSeconds > 0 ? evictionTtlSeconds * 1_000 : Number.POSITIVE_INFINITY
  }

  get size(): number {
    return this.#programs.size
  }

  add(fairnessId: string, tokens: number, nowMs: number): void {
    const service = this.of(fairnessId, nowMs) + tokens
    const program = this.#programs.get(fairnessId) ?? { service, servedAtMs: nowMs }
    program.service = service
    program.servedAtMs = nowMs
    this.#programs.delete(fairnessId)
    this.#programs.set(fairnessId, program)
    this.#forget(nowMs)
  }

  of(fairnessId: string, nowMs: number): number {
    const program = this.#programs.get(fairnessId)
    if (program === undefined) return 0
    return program.service * Math.exp(-this.#decayPerMs * (nowMs - program.servedAtMs))
  }

  #forget(nowMs: number): void {
    for (const [fairnessId, { servedAtMs }] of this.#programs) {
      if (nowMs - servedAtMs <= this.#ttlMs && this.#programs.size <= maxPrograms) break
      this.#programs.delete(fairnessId)
    }
  }
}
