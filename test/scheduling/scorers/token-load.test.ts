import { expect, it } from 'vitest'
import { inflightLoadProducer } from '../../../src/scheduling/producers/inflight-load.ts'
import { tokenLoadScorer } from '../../../src/scheduling/scorers/token-load.ts'
import { pluginContext } from '../context.ts'
import { endpoints } from '../endpoints.ts'
import { contextOfAll, prefixMatches } from '../producers/known.ts'
import { scoresOf } from './scores.ts'

const candidates = endpoints({ inFlightTokens: 0 }, { inFlightTokens: 500 }, { inFlightTokens: 1_000 })

it('counts the tokens in flight and those of the request, four bytes each', () => {
  const scorer = tokenLoadScorer.create({ queueThresholdTokens: 1_000 }, contextOfAll())
  expect(scoresOf(scorer, candidates)).toEqual([1, 0.5, 0])
  expect(scoresOf(scorer, candidates, { promptBytes: 1_000 })).toEqual([0.75, 0.25, 0])
})

it('is full at 4 Mi tokens if not told otherwise', () => {
  const scorer = tokenLoadScorer.create(undefined, contextOfAll())
  expect(scoresOf(scorer, endpoints({ inFlightTokens: 2 ** 20 }, { inFlightTokens: 2 ** 22 }))).toEqual([0.75, 0])
})

it('counts of the request what its producer would: the output too, what is cached not', () => {
  const context = contextOfAll(undefined, prefixMatches({ 'server-1': 1_000 }))
  const producer = { addEstimatedOutputTokens: true, outputRatio: 0.5, maxEstimatedOutputTokens: 100 }
  const plugins = { mine: inflightLoadProducer.create(producer, context) }
  const parameters = { queueThresholdTokens: 1_000, inFlightLoadProducerName: 'mine' }
  const scorer = tokenLoadScorer.create(parameters, pluginContext({ plugins }))
  expect(scoresOf(scorer, endpoints({}, {}), { promptBytes: 2_000 })).toEqual([0.4, 0.65])
})

it('has the producer made that counts tokens', () => {
  expect(() => tokenLoadScorer.create(undefined, pluginContext())).toThrow('inflight-load-producer')
})
