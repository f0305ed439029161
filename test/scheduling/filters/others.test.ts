import { describe, expect, it } from 'vitest'
import { headerBasedTestingFilter } from '../../../src/scheduling/filters/header-based-testing.ts'
import { sloHeadroomTierFilter } from '../../../src/scheduling/filters/slo-headroom-tier.ts'
import { topologyAffinityFilter } from '../../../src/scheduling/filters/topology-affinity.ts'
import { pluginContext } from '../context.ts'
import { endpoints } from '../endpoints.ts'
import { contextOfAll } from '../producers/known.ts'
import { left } from './left.ts'

describe('header-based-testing-filter', () => {
  const candidates = endpoints(
    { address: '10.0.0.1:3000' },
    { address: '10.0.0.1:3002' },
    { address: '[fd00::2]:3000' },
  )
  const filter = headerBasedTestingFilter.create(undefined, pluginContext())
  it.each([
    [undefined, [0, 1, 2]],
    [' ', [0, 1, 2]],
    ['10.0.0.1', [0, 1]],
    ['10.0.0.1:3002', [1]],
    ['fd00::2', [2]],
    ['[fd00::2]:3000, 10.0.0.1', [2, 0, 1]],
    ['10.0.0.1:3000,10.0.0.1', [0, 1]],
    ['10.0.0.9', []],
    ['0.0.0.1', []],
  ])('with %j leaves %j', (value, kept) => {
    expect(left(filter, candidates, { header: (name) => (name === filter.headerNames![0] ? value : 'x') })).toEqual(
      kept,
    )
    expect(filter.headerNames).toEqual(['test-epp-endpoint-selection'])
  })
})

describe('topology-affinity-filter', () => {
  const at = (host: string, zone: string) => ({
    labels: { 'kubernetes.io/hostname': host, 'topology.kubernetes.io/zone': zone },
  })
  const candidates = endpoints(at('h1', 'z1'), at('h2', 'z1'), at('h3', 'z2'), {})
  const [peer, stranger] = endpoints(at('h1', 'z1'), at('h9', 'z9'))
  const create = (parameters?: unknown) => topologyAffinityFilter.create(parameters, contextOfAll())

  it.each([
    [undefined, [0]],
    [{ minAffinity: 'rack' }, [0]],
    [{ minAffinity: 'zone' }, [0, 1]],
    [{ minAffinity: 'region' }, [0, 1]],
  ])('with %j leaves %j', (parameters, kept) => {
    expect(left(create(parameters), candidates, { peer })).toEqual(kept)
  })

  it('leaves all without an endpoint to be near to, or when none is near', () => {
    expect(left(create(), candidates)).toEqual([0, 1, 2, 3])
    expect(left(create(), candidates, { peer: stranger })).toEqual([0, 1, 2, 3])
    expect(left(create(), candidates, { peer: candidates[3] })).toEqual([0, 1, 2, 3])
  })

  it('refuses a level that there is not', () => {
    expect(() => create({ minAffinity: 'street' })).toThrow('minAffinity')
  })
})

it('slo-headroom-tier-filter leaves all, and says why', () => {
  const context = pluginContext()
  const filter = sloHeadroomTierFilter.create({ epsilonExploreNeg: 1 }, context)
  expect(left(filter, endpoints({}, {}), {}, () => 0)).toEqual([0, 1])
  expect(context.warnings).toEqual([
    'slo-headroom-tier-filter: latencies are not predicted here; it keeps all endpoints.',
  ])
})
