import { Band, type BandPlan, bandPlan } from './band.ts'
import type { FlowControlOptions } from './options.ts'

/** For how long a band that the configuration does not name still counts among the bands after its last request. */
const idleBandMs = 600_000

type BandsOptions = Pick<FlowControlOptions, 'bands' | 'defaultBand' | 'defaultNegativeBand'>

/** The bands of a pool. There are few: priorities come from the operator's objectives, not from clients. */
export class Bands {
  /** Highest priority first. */
  readonly list: Band[]
  readonly #defaultPlan: BandPlan
  readonly #defaultNegativePlan: BandPlan

  constructor({ bands, defaultBand, defaultNegativeBand }: BandsOptions) {
    const services = new Map()
    this.#defaultPlan = bandPlan(defaultBand, services)
    this.#defaultNegativePlan =
      defaultNegativeBand === undefined ? this.#defaultPlan : bandPlan(defaultNegativeBand, services)
    this.list = bands
      .map((options) => new Band(options.priority, bandPlan(options, services), true))
      .sort((a, b) => b.priority - a.priority)
  }

  /** Where in the list the priority's band is; it is made if it is not there. */
  indexOf(priority: number, nowMs: number): number {
    let index = 0
    while (index < this.list.length && this.list[index].priority > priority) index += 1
    if (this.list[index]?.priority === priority) {
      this.list[index].usedAtMs = nowMs
      return index
    }
    const band = new Band(priority, this.#defaultPlanOf(priority), false)
    band.usedAtMs = nowMs
    this.list.splice(index, 0, band)
    return index
  }

  /** The bands as they would be for a request of the priority, and where its own would be among them. Changes nothing. */
  asIf(priority: number, nowMs: number): { readonly list: readonly Band[]; readonly index: number } {
    const list = this.list.filter((band) => !isForgotten(band, nowMs))
    const at = list.findIndex((band) => band.priority <= priority)
    const index = at === -1 ? list.length : at
    if (list[index]?.priority !== priority)
      list.splice(index, 0, new Band(priority, this.#defaultPlanOf(priority), false))
    return { list, index }
  }

  /** Lets go of the bands that have not been used for long. */
  forgetIdle(nowMs: number): void {
    for (let i = this.list.length - 1; i >= 0; i -= 1) {
      if (isForgotten(this.list[i], nowMs)) this.list.splice(i, 1)
    }
  }

  /** The highest band in which something waits; -1 when nothing does. */
  firstWaiting(): number {
    for (let i = 0; i < this.list.length; i += 1) {
      if (this.list[i].requests > 0) return i
    }
    return -1
  }

  /** Requests that wait in band `index` and those above it. */
  waitingUpTo(index: number): number {
    let requests = 0
    for (let i = 0; i <= index; i += 1) requests += this.list[i].requests
    return requests
  }

  /** Remembers what a flow of the priority was given. */
  addService(priority: number, fairnessId: string, tokens: number, nowMs: number): void {
    this.#planOf(priority).service?.add(fairnessId, tokens, nowMs)
  }

  #planOf(priority: number): BandPlan {
    for (const band of this.list) {
      if (band.priority === priority) return band.plan
    }
    return this.#defaultPlanOf(priority)
  }

  #defaultPlanOf(priority: number): BandPlan {
    return priority < 0 ? this.#defaultNegativePlan : this.#defaultPlan
  }
}

const isForgotten = ({ isConfigured, requests, usedAtMs }: Band, nowMs: number): boolean =>
  !isConfigured && requests === 0 && nowMs - usedAtMs >= idleBandMs
