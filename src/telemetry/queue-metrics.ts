import type { FlowObserver } from '../admission/flow-controller.ts'
import type { FlowItem } from '../admission/flow-item.ts'
import type { WaitFailure } from '../admission/rejection.ts'
import type { BoundedValues } from './bounded-values.ts'
import { buckets } from './buckets.ts'
import { emptyFamily, type Family, histogramFamily, labelsOf, type ScalarSample, scalarFamily } from './family.ts'
import { histogramSet } from './histogram.ts'
import { modelLabelNames } from './request-series.ts'
import { SeriesIndex, type SeriesKey } from './series-index.ts'

/** How a request left the queue, in the reference's words. */
const outcomes = {
  dispatched: 'Dispatched',
  'rejected-saturated': 'RejectedCapacity',
  'rejected-no-endpoints': 'RejectedNoEndpoints',
  'rejected-ttl-expired': 'EvictedTTL',
  'rejected-shutting-down': 'RejectedOther',
  'rejected-context-cancelled': 'EvictedContextCancelled',
} as const satisfies Record<WaitFailure | 'dispatched', string>

const kinds = Object.keys(outcomes) as (keyof typeof outcomes)[]
const { queueSeconds, size } = histogramSet({ queueSeconds: buckets.queueSeconds })

const sizeLabelNames = ['fairness_id', 'priority', 'inference_pool', ...modelLabelNames] as const
const durationLabelNames = ['fairness_id', 'priority', 'outcome', 'inference_pool', ...modelLabelNames] as const

/** An item of a queue as far as its model is known; '' counts for one that is not. */
export type QueuedModel = { readonly model?: string; readonly targetModel?: string }

/** What waits, and has waited, of one flow and model. */
class QueueSeries implements SeriesKey {
  readonly model: string
  readonly target: string
  readonly fairnessId: string
  readonly priority: number
  readonly poolName: string
  readonly sizeLabels: string
  requests = 0
  bytes = 0
  /** Of {@link queueSeconds}, by outcome. */
  readonly #cells: (Float64Array | undefined)[] = kinds.map(() => undefined)

  constructor({ model, target, fairnessId, priority }: SeriesKey, poolName: string) {
    this.model = model
    this.target = target
    this.fairnessId = fairnessId
    this.priority = priority
    this.poolName = poolName
    this.sizeLabels = labelsOf(sizeLabelNames, [fairnessId, priority, poolName, model, target])
  }

  waited(kind: number, waitMs: number): void {
    let cells = this.#cells[kind]
    if (cells === undefined) {
      cells = new Float64Array(size)
      this.#cells[kind] = cells
    }
    queueSeconds.observe(cells, waitMs / 1000)
  }

  *durations(): Generator<readonly [labels: string, cells: Float64Array]> {
    const { fairnessId, priority, poolName, model, target } = this
    for (const [i, cells] of this.#cells.entries()) {
      if (cells === undefined) continue
      yield [labelsOf(durationLabelNames, [fairnessId, priority, outcomes[kinds[i]], poolName, model, target]), cells]
    }
  }
}

const dispatchedKind = kinds.indexOf('dispatched')

/** Flow control's metrics: what waits in each pool's queue, and how waits ended. */
export class QueueMetrics {
  readonly #models: BoundedValues
  readonly #fairnessIds: BoundedValues
  readonly #byPool = new Map<string, SeriesIndex<QueueSeries>>()

  constructor(models: BoundedValues, fairnessIds: BoundedValues) {
    this.#models = models
    this.#fairnessIds = fairnessIds
  }

  /** What a pool's queue tells; see {@link QueuedModel}. */
  observer(poolName: string): FlowObserver {
    const bounds = { models: this.#models, fairnessIds: this.#fairnessIds }
    const index = new SeriesIndex(bounds, (key) => new QueueSeries(key, poolName))
    this.#byPool.set(poolName, index)
    const seriesOf = (item: FlowItem & QueuedModel): QueueSeries =>
      index.of(item.model ?? '', item.targetModel ?? '', item.fairnessId, item.priority)
    const left = (item: FlowItem, kind: number, waitMs: number): void => {
      const series = seriesOf(item)
      series.waited(kind, waitMs)
      // What never had to wait was not counted in; the queue numbers what it takes from 1.
      if (item.sequence === 0) return
      series.requests -= 1
      series.bytes -= item.bytes
    }
    return {
      enqueued(item) {
        const series = seriesOf(item)
        series.requests += 1
        series.bytes += item.bytes
      },
      dispatched: (item, waitMs) => left(item, dispatchedKind, waitMs),
      rejected: (item, reason, waitMs) => left(item, kinds.indexOf(reason), waitMs),
    }
  }

  /** @param prefix `inference_extension` or `llm_d_epp` */
  families(prefix: string): Family[] {
    const name = (rest: string) => `${prefix}_flow_control_${rest}`
    const gauge = (rest: string, help: string, field: 'requests' | 'bytes'): Family =>
      scalarFamily('gauge', { name: name(rest), help, labelNames: sizeLabelNames }, () => this.#sizes(field))
    return [
      histogramFamily(
        {
          name: name('request_queue_duration_seconds'),
          help: 'Seconds that requests waited in flow control, by how the wait ended; 0 for those that did not wait.',
          labelNames: durationLabelNames,
        },
        queueSeconds,
        () => this.#durations(),
      ),
      emptyFamily('histogram', {
        name: name('dispatch_cycle_duration_seconds'),
        help: 'Seconds of dispatch cycles; there are none here, as queues act only when something happens.',
        labelNames: [],
      }),
      emptyFamily('histogram', {
        name: name('request_enqueue_duration_seconds'),
        help: 'Seconds that requests waited to be put into a queue; here they do not.',
        labelNames: ['fairness_id', 'priority', 'outcome'],
      }),
      gauge('queue_size', 'Requests that wait.', 'requests'),
      gauge('queue_bytes', 'Bytes of the bodies of the requests that wait.', 'bytes'),
    ]
  }

  /** What waits in each pool by priority, whatever the flow and the model. */
  bandFamily(): Family {
    const labelNames = ['inference_pool', 'priority']
    const head = { name: 'signalbox_queue_requests', help: 'Requests that wait in the queue of a pool.', labelNames }
    return scalarFamily('gauge', head, () => this.#bands(labelNames))
  }

  *#bands(labelNames: readonly string[]): Generator<ScalarSample> {
    for (const [poolName, index] of this.#byPool) {
      const waiting = new Map<number, number>()
      for (const { priority, requests } of index.all) waiting.set(priority, (waiting.get(priority) ?? 0) + requests)
      for (const [priority, requests] of waiting) yield [labelsOf(labelNames, [poolName, priority]), requests]
    }
  }

  *#sizes(field: 'requests' | 'bytes'): Generator<ScalarSample> {
    for (const index of this.#byPool.values()) {
      for (const series of index.all) yield [series.sizeLabels, series[field]]
    }
  }

  *#durations() {
    for (const index of this.#byPool.values()) {
      for (const series of index.all) yield* series.durations()
    }
  }
}
