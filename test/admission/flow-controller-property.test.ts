import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type BandOptions,
  type FairnessOptions,
  type FlowControlOptions,
  fairnessKinds,
  type OrderingOptions,
  type UsageLimitOptions,
} from '../../src/admission/options.ts'
import { type TestItem, World } from './items.ts'
import { NaiveModel } from './naive-model.ts'

const priority = fc.constantFrom(10, 0, 0, 0, -5, 1)

const facts = fc.record({
  priority,
  fairnessId: fc.constantFrom('x', 'y', 'z'),
  bytes: fc.integer({ min: 1, max: 40 }),
  ttlMs: fc.option(fc.constantFrom(0, 5, 30, 31), { nil: undefined }),
  sloTtftMs: fc.option(fc.nat(20), { nil: undefined }),
})

const offer = fc.record({ act: fc.constant('offer' as const), facts })
const rest = fc.oneof(
  { weight: 3, arbitrary: fc.record({ act: fc.constant('cancel' as const), which: fc.nat() }) },
  { weight: 6, arbitrary: fc.record({ act: fc.constant('end' as const) }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('release' as const) }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constant('advance' as const), ms: fc.nat(8) }) },
  {
    weight: 1,
    arbitrary: fc.record({ act: fc.constant('capacity' as const), capacity: fc.integer({ min: 1, max: 5 }) }),
  },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('endpoints' as const), hasEndpoints: fc.boolean() }) },
)
const steps = fc.array(fc.oneof({ weight: 5, arbitrary: offer }, { weight: 5, arbitrary: rest }), {
  maxLength: 80,
  size: 'max',
})

function optionsWith(fairness: fc.Arbitrary<FairnessOptions>): fc.Arbitrary<FlowControlOptions> {
  const band: fc.Arbitrary<BandOptions> = fc.record({
    maxBytes: fc.option(fc.integer({ min: 40, max: 300 }), { nil: undefined }),
    maxRequests: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
    fairness,
    ordering: fc.constantFrom<OrderingOptions>(
      { type: 'fcfs-ordering-policy', parameters: {} },
      { type: 'edf-ordering-policy', parameters: {} },
      { type: 'slo-deadline-ordering-policy', parameters: {} },
    ),
  })
  return fc.record({
    maxBytes: fc.option(fc.integer({ min: 50, max: 400 }), { nil: undefined }),
    maxRequests: fc.option(fc.integer({ min: 1, max: 25 }), { nil: undefined }),
    defaultRequestTtlMs: fc.constantFrom(0, 10, 40),
    noEndpointTtlMs: fc.constantFrom(0, 10, 60),
    bands: fc.tuple(band, band).map(([a, b]) => [
      { priority: 0, ...a },
      { priority: 10, ...b },
    ]),
    defaultBand: band,
    defaultNegativeBand: fc.option(band, { nil: undefined }),
    usageLimit: fc.constantFrom<UsageLimitOptions>(
      { type: 'static-usage-limit-policy', parameters: { threshold: 1 } },
      {
        type: 'priority-holdback-policy',
        parameters: { domain: 'explicit', ceilings: { '10': 1, '1': 0.8, '0': 0.8, '-5': 0.4 } },
      },
    ),
  })
}

const policies: FairnessOptions[] = [
  { type: 'global-strict-fairness-policy', parameters: {} },
  { type: 'round-robin-fairness-policy', parameters: {} },
  { type: 'program-aware-fairness', parameters: fairnessKinds['program-aware-fairness'].parse({}) },
]

describe('any sequence of arrivals, ends, cancellations and times', () => {
  test('has the same outcomes as in the naive model, in the same order', async () => {
    await fc.assert(
      fc.asyncProperty(optionsWith(fc.constantFrom(...policies.slice(0, 2))), steps, async (options, sequence) => {
        const world = new World(options)
        const model = new NaiveModel(options)
        const items: TestItem[] = []
        for (const step of sequence) {
          switch (step.act) {
            case 'offer': {
              const item = world.item(`${items.length}`, step.facts)
              items.push(item)
              expect(world.offer(item)).toBe(model.offer({ name: item.name, ...step.facts }))
              break
            }
            case 'cancel': {
              const item = items[step.which % items.length]
              if (item === undefined) break
              world.controller.cancel(item)
              model.cancel(item.name)
              break
            }
            case 'end':
              if (world.inFlight === 0) break
              world.end()
              model.inFlight -= 1
              model.release()
              break
            case 'release':
              world.controller.release()
              model.release()
              break
            case 'advance':
              await world.clock.advance(step.ms)
              model.advance(step.ms)
              break
            case 'capacity':
              world.capacity = step.capacity
              model.capacity = step.capacity
              break
            case 'endpoints':
              world.hasEndpoints = step.hasEndpoints
              model.hasEndpoints = step.hasEndpoints
              break
          }
          expect(world.journal).toEqual(model.journal)
          expect(world.controller.requests).toBe(model.waiting.length)
        }
        expect(sizesOf(world)).toEqual(modelSizesOf(model))
      }),
      { numRuns: 300 },
    )
  })

  test('gives every request exactly one outcome, whatever the policy', async () => {
    await fc.assert(
      fc.asyncProperty(optionsWith(fc.constantFrom(...policies)), steps, async (options, sequence) => {
        const world = new World(options)
        const items: TestItem[] = []
        const outcomes: string[] = []
        for (const step of sequence) {
          if (step.act === 'offer') {
            const item = world.item(`${items.length}`, step.facts)
            items.push(item)
            const outcome = world.offer(item)
            if (outcome !== 'waiting') outcomes.push(item.name)
          } else if (step.act === 'cancel' && items.length > 0) {
            const item = items[step.which % items.length]
            if (item.flow !== undefined) outcomes.push(item.name)
            world.controller.cancel(item)
          } else if (step.act === 'end' && world.inFlight > 0) {
            world.end()
            world.controller.spent(0, 'x', 10, 5)
          } else if (step.act === 'advance') await world.clock.advance(step.ms)
          else if (step.act === 'endpoints') world.hasEndpoints = step.hasEndpoints
        }
        world.controller.close()
        outcomes.push(...world.journal.map((line) => line.split(' ')[0]))
        expect(outcomes.toSorted()).toEqual(items.map(({ name }) => name).toSorted())
        expect([world.controller.requests, world.controller.bytes, world.clock.pendingTimers]).toEqual([0, 0, 0])
        // The observer has seen the same: each once, and each that waited before as enqueued.
        const ends = world.observed.filter((line) => !line.endsWith('enqueued'))
        expect(ends.map((line) => line.split(' ')[0]).toSorted()).toEqual(outcomes.toSorted())
      }),
      { numRuns: 200 },
    )
  })
})

const sizesOf = (world: World): string[] =>
  [...world.controller.flows()]
    .map((flow) => `${flow.priority} ${flow.fairnessId} ${flow.requests} ${flow.bytes}`)
    .toSorted()

function modelSizesOf({ waiting }: NaiveModel): string[] {
  const flows = Object.values(Object.groupBy(waiting, (item) => `${item.priority} ${item.fairnessId}`))
  return flows
    .map((items) => items as NonNullable<typeof items>)
    .map(
      (items) =>
        `${items[0].priority} ${items[0].fairnessId} ${items.length} ${items.reduce((sum, { bytes }) => sum + bytes, 0)}`,
    )
    .toSorted()
}
