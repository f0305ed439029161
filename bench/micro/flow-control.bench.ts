/** Flow control with queues of several lengths: a request that comes and one that goes, and the other ways out. */
import { bench, run, summary } from 'mitata'
import { FlowController } from '../../src/admission/flow-controller.ts'
import { FlowItem } from '../../src/admission/flow-item.ts'
import {
  defaultBandOptions,
  defaultFlowControlOptions,
  type FairnessOptions,
  fairnessKinds,
  type OrderingOptions,
} from '../../src/admission/options.ts'
import { systemClock } from '../../src/clock.ts'

class Item extends FlowItem {
  onAdmitted(): void {}
  onRejected(): void {}
}

const quiet = { enqueued() {}, dispatched() {}, rejected() {} }

const policies: readonly (readonly [FairnessOptions, OrderingOptions])[] = [
  [
    { type: 'global-strict-fairness-policy', parameters: {} },
    { type: 'fcfs-ordering-policy', parameters: {} },
  ],
  [
    { type: 'round-robin-fairness-policy', parameters: {} },
    { type: 'slo-deadline-ordering-policy', parameters: {} },
  ],
]

/** A full pool with `waiting` requests; `flows` fairness ids and three priorities. */
function queueOf(waiting: number, fairness: FairnessOptions, ordering: OrderingOptions, flows: number) {
  const pool = { isFull: true, saturation: () => (pool.isFull ? 1 : 0), hasEndpoints: () => true }
  const defaultBand = { ...defaultBandOptions, maxRequests: undefined, maxBytes: undefined, fairness, ordering }
  const controller = new FlowController(
    { ...defaultFlowControlOptions, defaultBand },
    { pool, clock: systemClock, observer: quiet },
  )
  let count = 0
  const offer = (): Item => {
    count += 1
    const item = new Item({
      priority: count % 3,
      fairnessId: `flow-${(count * 7919) % flows}`,
      bytes: 4_096,
      ttlMs: 600_000,
      sloTtftMs: (count * 104_729) % 10_000,
      receivedAtMs: 0,
    })
    controller.offer(item)
    return item
  }
  for (let i = 0; i < waiting; i += 1) offer()
  return { controller, pool, offer }
}

const sizes = [10, 1_000, 100_000]

summary(() => {
  const pool = { saturation: () => 0, hasEndpoints: () => true }
  const controller = new FlowController(defaultFlowControlOptions, { pool, clock: systemClock, observer: quiet })
  const item = new Item({
    priority: 0,
    fairnessId: 'a',
    bytes: 1,
    ttlMs: undefined,
    sloTtftMs: undefined,
    receivedAtMs: 0,
  })
  bench('admitted at once', () => controller.offer(item))
})

for (const [fairness, ordering] of policies) {
  summary(() => {
    for (const size of sizes) {
      const { controller, pool, offer } = queueOf(size, fairness, ordering, Math.ceil(size / 10))
      bench(`${fairness.type}, ${ordering.type}: one comes, one goes, ${size} wait`, () => {
        pool.isFull = true
        offer()
        pool.isFull = false
        controller.release()
      })
    }
  })
}

summary(() => {
  for (const size of sizes) {
    const { controller, offer } = queueOf(size, ...policies[1], Math.ceil(size / 10))
    bench(`one comes and is cancelled, ${size} wait`, () => controller.cancel(offer()))
  }
})

summary(() => {
  const parameters = fairnessKinds['program-aware-fairness'].parse({})
  for (const flows of [10, 1_000]) {
    const queue = queueOf(10_000, { type: 'program-aware-fairness', parameters }, policies[0][1], flows)
    for (let i = 0; i < flows; i += 1) queue.controller.spent(0, `flow-${i}`, 500, i)
    bench(`program-aware-fairness: one comes, one goes, 10000 wait in ${flows} flows`, () => {
      queue.pool.isFull = true
      queue.offer()
      queue.pool.isFull = false
      queue.controller.release()
    })
  }
})

await run()
process.exit()
