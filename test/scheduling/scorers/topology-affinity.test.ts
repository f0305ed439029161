import { expect, it } from 'vitest'
import { topologyAffinityScorer } from '../../../src/scheduling/scorers/topology-affinity.ts'
import { endpoints } from '../endpoints.ts'
import { contextOfAll } from '../producers/known.ts'
import { scoresOf } from './scores.ts'

const at = (hostname: string, rack: string, zone: string, region: string) => ({
  labels: {
    'kubernetes.io/hostname': hostname,
    'topology.kubernetes.io/rack': rack,
    'topology.kubernetes.io/zone': zone,
    'topology.kubernetes.io/region': region,
  },
})
const [peer, ...candidates] = endpoints(
  at('h1', 'r1', 'z1', 'eu'),
  at('h1', 'r1', 'z1', 'eu'),
  at('h2', 'r1', 'z1', 'eu'),
  at('h3', 'r2', 'z1', 'eu'),
  at('h4', 'r3', 'z2', 'eu'),
  at('h5', 'r4', 'z3', 'us'),
  {},
)

it('scores by the nearest level that is shared', () => {
  const scorer = topologyAffinityScorer.create(undefined, contextOfAll())
  expect(scoresOf(scorer, candidates, { peer })).toEqual([1, 0.2, 0.05, 0.02, 0, 0])
})

it('scores 0 without an endpoint to be near to, or when it is not known where that is', () => {
  const scorer = topologyAffinityScorer.create(undefined, contextOfAll())
  expect(scoresOf(scorer, candidates)).toEqual([0, 0, 0, 0, 0, 0])
  expect(scoresOf(scorer, candidates, { peer: endpoints({})[0] })).toEqual([0, 0, 0, 0, 0, 0])
  expect(scoresOf(scorer, endpoints(at('', '', '', '')), { peer: endpoints(at('', '', '', ''))[0] })).toEqual([0])
})
