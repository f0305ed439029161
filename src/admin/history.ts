import { historyLength, maxSampledEndpoints } from './limits.ts'
import { type EndpointHistory, type HistoryFeed, type SampleRow, sampleFields } from './wire.ts'

/** One endpoint of the pools in one second. */
export type EndpointSample = {
  readonly address: string
  readonly name: string
  /** Requests sent there, per second. */
  readonly picks: number
  readonly kvUsage: number
  readonly queued: number
}

/** Values of an endpoint that are kept, in the order of {@link rowOf}. */
const endpointValues = 3

type Track = {
  name: string
  /** When it was last told of: a count of samples. */
  lastSeen: number
  readonly rings: readonly Float32Array[]
}

/** The last minutes in arrays that never grow. */
export class History {
  readonly #timesMs = new Float64Array(historyLength)
  readonly #rings = sampleFields.map(() => new Float32Array(historyLength))
  readonly #endpoints = new Map<string, Track>()
  #samples = 0

  /**
   * @param row in the order of {@link sampleFields}
   * @param endpoints the busiest first: those that have a place keep it while they are there
   */
  add(timeMs: number, row: SampleRow, endpoints: Iterable<EndpointSample>): void {
    const at = this.#samples % historyLength
    this.#samples += 1
    this.#timesMs[at] = timeMs
    for (const [i, ring] of this.#rings.entries()) ring[at] = row[i] ?? Number.NaN
    for (const { rings } of this.#endpoints.values()) for (const ring of rings) ring[at] = Number.NaN
    for (const sample of endpoints) {
      const track = this.#endpoints.get(sample.address) ?? this.#track(sample)
      if (track === undefined) continue
      track.name = sample.name
      track.lastSeen = this.#samples
      for (const [i, value] of rowOf(sample).entries()) track.rings[i][at] = value
    }
    // Those that are gone leave when nothing of them is to be seen any more.
    for (const [address, { lastSeen }] of this.#endpoints) {
      if (this.#samples - lastSeen >= historyLength) this.#endpoints.delete(address)
    }
  }

  /** Addresses that have a place. */
  has(address: string): boolean {
    return this.#endpoints.has(address)
  }

  /** The last values of each endpoint that has a place. */
  *lastOfEndpoints(): Generator<{ readonly address: string; readonly name: string; readonly row: SampleRow }> {
    const at = (this.#samples - 1 + historyLength) % historyLength
    for (const [address, { name, rings }] of this.#endpoints) {
      yield { address, name, row: rings.map((ring) => plain(ring[at])) }
    }
  }

  feed(): HistoryFeed {
    const fields = sampleFields.map((field, i) => [field, this.#inOrder(this.#rings[i])] as const)
    const endpoints = Array.from(this.#endpoints, ([address, { name, rings }]): EndpointHistory => {
      const [picks, kvUsage, queued] = rings.map((ring) => this.#inOrder(ring))
      return { address, name, picks, kvUsage, queued }
    })
    return {
      timesMs: this.#order(Array.from(this.#timesMs)),
      fields: Object.fromEntries(fields) as HistoryFeed['fields'],
      endpoints,
    }
  }

  #track({ address, name }: EndpointSample): Track | undefined {
    if (this.#endpoints.size >= maxSampledEndpoints) return undefined
    const rings = Array.from({ length: endpointValues }, () => new Float32Array(historyLength).fill(Number.NaN))
    const track = { name, lastSeen: this.#samples, rings }
    this.#endpoints.set(address, track)
    return track
  }

  #inOrder(ring: Float32Array): SampleRow {
    return this.#order(Array.from(ring, plain))
  }

  #order<T>(ring: T[]): T[] {
    if (this.#samples <= historyLength) return ring.slice(0, this.#samples)
    const at = this.#samples % historyLength
    return [...ring.slice(at), ...ring.slice(0, at)]
  }
}

const rowOf = ({ picks, kvUsage, queued }: EndpointSample): readonly number[] => [picks, kvUsage, queued]

/** A number as JSON has it, as exact as a plot needs it. */
const plain = (value: number): number | null => (Number.isNaN(value) ? null : Number(value.toPrecision(5)))
