/** @import { HistoryFeed, SampleField, StateFeed } from '../wire.ts' */

/** Seconds that are plotted, as many as the server keeps. */
const length = 300

/** @typedef {(number | null)[]} Values */

/**
 * One endpoint's values, parallel to the times.
 * @typedef {{ address: string, name: string, picks: Values, kvUsage: Values, queued: Values }} EndpointValues
 */

/** The last minutes, of bounded length: what the plots draw. */
export class Recent {
  /** Seconds since 1970. @type {number[]} */
  times = []
  /** @type {Map<string, Values>} */
  #fields = new Map()
  /** @type {EndpointValues[]} */
  endpoints = []

  /** @param {HistoryFeed} history */
  begin({ timesMs, fields, endpoints }) {
    this.times = timesMs.map((timeMs) => timeMs / 1000)
    this.#fields = new Map(Object.entries(fields).map(([name, values]) => [name, [...values]]))
    this.endpoints = endpoints.map(({ address, name, picks, kvUsage, queued }) => {
      return { address, name, picks: [...picks], kvUsage: [...kvUsage], queued: [...queued] }
    })
  }

  /**
   * @param {StateFeed} state
   * @returns {boolean} false for a second that is known already
   */
  add({ timeMs, sample, sampled }) {
    const last = this.times.at(-1)
    if (sample.length === 0 || (last !== undefined && timeMs / 1000 <= last)) return false
    this.times.push(timeMs / 1000)
    let i = 0
    for (const values of this.#fields.values()) values.push(sample[i++])
    this.#addEndpoints(sampled)
    if (this.times.length <= length) return true
    this.times.shift()
    for (const values of this.#fields.values()) values.shift()
    for (const { picks, kvUsage, queued } of this.endpoints)
      for (const values of [picks, kvUsage, queued]) values.shift()
    return true
  }

  /**
   * @param {SampleField} field
   * @returns {Values}
   */
  of(field) {
    return this.#fields.get(field) ?? []
  }

  /** @param {StateFeed['sampled']} sampled */
  #addEndpoints(sampled) {
    const before = new Map(this.endpoints.map((endpoint) => [endpoint.address, endpoint]))
    this.endpoints = sampled.map(({ address, name, row }) => {
      const gap = () => new Array(this.times.length - 1).fill(null)
      const endpoint = before.get(address) ?? { address, name, picks: gap(), kvUsage: gap(), queued: gap() }
      endpoint.name = name
      endpoint.picks.push(row[0])
      endpoint.kvUsage.push(row[1])
      endpoint.queued.push(row[2])
      return endpoint
    })
  }
}
