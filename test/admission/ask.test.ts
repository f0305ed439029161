import fc from 'fast-check'
import { expect, test } from 'vitest'
import { defaultBandOptions, type UsageLimitOptions } from '../../src/admission/options.ts'
import { World } from './items.ts'

const limits = fc.constantFrom<UsageLimitOptions>(
  { type: 'static-usage-limit-policy', parameters: { threshold: 0.8 } },
  { type: 'soft-reflective-ceiling-policy', parameters: {} },
)

const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('offer' as const), priority: fc.integer({ min: -2, max: 2 }), bytes: fc.nat(400) }),
    fc.record({ kind: fc.constant('end' as const) }),
    fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(10, 700_000) }),
    fc.record({ kind: fc.constant('endpoints' as const), has: fc.boolean() }),
  ),
  { maxLength: 40 },
)

test('a queue that is asked says what it does next, and stays as it is', () => {
  fc.assert(
    fc.property(limits, steps, (usageLimit, plan) => {
      const bands = [{ ...defaultBandOptions, priority: 1, maxRequests: 3 }]
      const world = new World({ usageLimit, bands, maxRequests: 6, maxBytes: 1_000 })
      const twin = new World({ usageLimit, bands, maxRequests: 6, maxBytes: 1_000 })
      world.capacity = twin.capacity = 4
      for (const [i, step] of plan.entries()) {
        switch (step.kind) {
          case 'offer': {
            const item = world.item(`${i}`, step)
            const asked = world.controller.ask(item, world.saturation())
            // Asked often, it says the same.
            expect(world.controller.ask(item, world.saturation())).toEqual(asked)
            expect(world.offer(item)).toBe(typeof asked === 'string' ? asked : asked.reason)
            if (typeof asked !== 'string') expect(asked).toEqual(item.rejection)
            twin.offer(twin.item(`${i}`, step))
            break
          }
          case 'end':
            if (world.inFlight === 0) break
            world.end()
            twin.end()
            break
          case 'pass':
            world.clock.advance(step.ms)
            twin.clock.advance(step.ms)
            break
          case 'endpoints':
            world.hasEndpoints = twin.hasEndpoints = step.has
        }
        // A queue that was never asked has gone the same way.
        expect(world.observed).toEqual(twin.observed)
        expect([...world.controller.flows()].map(({ priority, requests }) => [priority, requests])).toEqual(
          [...twin.controller.flows()].map(({ priority, requests }) => [priority, requests]),
        )
      }
    }),
    { numRuns: 150 },
  )
})

test('a priority that nobody has used for long does not count', () => {
  const world = new World({ usageLimit: { type: 'soft-reflective-ceiling-policy', parameters: {} } })
  world.capacity = 3
  for (const priority of [2, 1]) world.offer(world.item(`${priority}`, { priority }))
  const lower = world.item('0', { priority: 0 })
  expect(world.controller.ask(lower, world.saturation())).toBe('waiting')
  world.clock.advance(700_000)
  expect(world.controller.ask(lower, world.saturation())).toBe('admitted')
})
