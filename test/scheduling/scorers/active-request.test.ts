import { expect, it } from 'vitest'
import { activeRequestScorer } from '../../../src/scheduling/scorers/active-request.ts'
import { pluginContext } from '../context.ts'
import { endpoints } from '../endpoints.ts'
import { scoresOf } from './scores.ts'

const candidates = endpoints({ inFlight: 0 }, { inFlight: 1 }, { inFlight: 2 }, { inFlight: 4 })

it('scores an idle server 1, the busiest 0, others between', () => {
  expect(scoresOf(activeRequestScorer.create(undefined, pluginContext()), candidates)).toEqual([1, 0.75, 0.5, 0])
})

it('takes a few requests for idleness where it is told so', () => {
  expect(scoresOf(activeRequestScorer.create({ idleThreshold: 1 }, pluginContext()), candidates)).toEqual([
    1, 1, 0.5, 0,
  ])
  expect(scoresOf(activeRequestScorer.create({ idleThreshold: 4 }, pluginContext()), candidates)).toEqual([1, 1, 1, 1])
})

it('gives busy servers less where it is told so', () => {
  expect(scoresOf(activeRequestScorer.create({ maxBusyScore: 0.5 }, pluginContext()), candidates)).toEqual([
    1, 0.375, 0.25, 0,
  ])
})

it('scores equally busy servers 0', () => {
  expect(
    scoresOf(activeRequestScorer.create(undefined, pluginContext()), endpoints({ inFlight: 3 }, { inFlight: 3 })),
  ).toEqual([0, 0])
})

it.each([{ idleThreshold: -1 }, { idleThreshold: 0.5 }, { maxBusyScore: 1.5 }, { maxBusyScore: 'high' }])(
  'refuses %j',
  (parameters) => {
    expect(() => activeRequestScorer.create(parameters, pluginContext())).toThrow(Object.keys(parameters)[0])
  },
)

it('goes by the last scrape where the ends of answers are not seen', () => {
  const unseen = { endsUnseen: true, inFlight: 1 }
  const states = endpoints({ ...unseen, running: 3, queued: 1 }, { ...unseen, running: 0 }, { ...unseen, inFlight: 2 })
  expect(scoresOf(activeRequestScorer.create(undefined, pluginContext()), states)).toEqual([0, 0.75, 0.5])
})
