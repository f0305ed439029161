import { beforeEach, describe, expect, it } from 'vitest'
import { type Catalog, emptyCatalog, type Pool } from '../../src/catalog/catalog.ts'
import { type EndpointSpec, unknownMetrics } from '../../src/pool/endpoint.ts'
import { LivePools } from '../../src/pool/live-pools.ts'

function catalog(...pools: Pool[]): Catalog {
  return { ...emptyCatalog, pools: new Map(pools.map((pool) => [pool.key, pool])) }
}

function pool(name: string, fields: Partial<Pool> = {}): Pool {
  const selector = [['app', name]] as const
  return {
    key: `default/${name}`,
    namespace: 'default',
    name,
    selector,
    targetPorts: [8000],
    appProtocol: 'http',
    ...fields,
  }
}

function server(name: string, address: string, fields: Partial<EndpointSpec> = {}): EndpointSpec {
  return { name, namespace: 'default', address, port: undefined, labels: { app: 'vllm' }, ...fields }
}

const vllm = pool('vllm')
let live: LivePools

beforeEach(() => {
  live = new LivePools()
})

function addresses(poolKey = 'default/vllm') {
  return live.endpointsOf(poolKey).map(({ address }) => address)
}

describe('the endpoints of a pool', () => {
  it('are its servers at the target port, in the order of their addresses', () => {
    live.update(catalog(vllm), [server('b', '10.0.0.2'), server('c', '10.0.0.3'), server('a', '10.0.0.1')])
    expect(addresses()).toEqual(['10.0.0.1:8000', '10.0.0.2:8000', '10.0.0.3:8000'])
    expect(live.endpointsOf('default/vllm')[1]).toEqual({
      address: '10.0.0.2:8000',
      name: 'b-rank-0',
      namespace: 'default',
      labels: { app: 'vllm' },
      metrics: unknownMetrics,
      isReachable: true,
      inFlight: 0,
      endsUnseen: false,
      inFlightTokens: 0,
    })
  })

  it('are one for each target port', () => {
    live.update(catalog(pool('vllm', { targetPorts: [8000, 8002] })), [server('a', '10.0.0.1')])
    expect(live.endpointsOf('default/vllm').map(({ address, name }) => `${name} ${address}`)).toEqual([
      'a-rank-0 10.0.0.1:8000',
      'a-rank-1 10.0.0.1:8002',
    ])
  })

  it('are at their own port where they have one, under their own name', () => {
    live.update(catalog(vllm), [server('a', '10.0.0.1', { port: 9000 })])
    expect(live.endpointsOf('default/vllm')).toMatchObject([{ address: '10.0.0.1:9000', name: 'a' }])
  })

  it('have IPv6 addresses in brackets', () => {
    live.update(catalog(vllm), [server('a', 'fd00::1'), server('b', '::1', { port: 9000 })])
    expect(addresses()).toEqual(['[::1]:9000', '[fd00::1]:8000'])
  })

  it('are none for a pool that is empty, gone or was never there', () => {
    live.update(catalog(vllm, pool('other')), [server('a', '10.0.0.1')])
    expect(addresses('default/other')).toEqual([])
    live.update(emptyCatalog, [server('a', '10.0.0.1')])
    expect(addresses()).toEqual([])
    expect(addresses('default/never')).toEqual([])
    expect(live.members).toEqual(new Map())
  })

  it('are listed once, though two servers give the same address: the first has it', () => {
    live.update(catalog(vllm), [server('a', '10.0.0.1'), server('b', '10.0.0.1')])
    expect(live.endpointsOf('default/vllm')).toMatchObject([{ name: 'a-rank-0', address: '10.0.0.1:8000' }])
  })

  it('cannot be altered', () => {
    live.update(catalog(vllm), [server('a', '10.0.0.1')])
    expect(Object.isFrozen(live.endpointsOf('default/vllm'))).toBe(true)
    expect(Object.isFrozen(live.endpointsOf('default/never'))).toBe(true)
  })
})

describe('an update', () => {
  const busy = { ...unknownMetrics, queued: 4, updatedAtMs: 1 }

  it('keeps the state of an endpoint that stays', () => {
    live.update(catalog(vllm), [server('a', '10.0.0.1'), server('b', '10.0.0.2')])
    const [a] = live.endpointsOf('default/vllm')
    a.inFlight = 3
    a.metrics = busy
    live.update(catalog(vllm), [server('c', '10.0.0.0'), server('a', '10.0.0.1')])
    expect(addresses()).toEqual(['10.0.0.0:8000', '10.0.0.1:8000'])
    expect(live.endpointsOf('default/vllm')[1]).toBe(a)
    expect(a).toMatchObject({ inFlight: 3, metrics: busy })
  })

  it('leaves the array of a request that is under way alone', () => {
    live.update(catalog(vllm), [server('a', '10.0.0.1'), server('b', '10.0.0.2')])
    const before = live.endpointsOf('default/vllm')
    live.update(catalog(vllm), [server('b', '10.0.0.2')])
    expect(before.length).toBe(2)
    expect(addresses()).toEqual(['10.0.0.2:8000'])
  })

  it('that changes nothing for a pool keeps its array, in whatever order the servers come', () => {
    const servers = [server('a', '10.0.0.1'), server('b', '10.0.0.2')]
    live.update(catalog(vllm), servers)
    const before = live.endpointsOf('default/vllm')
    live.update(catalog(vllm, pool('other')), [...servers].reverse())
    expect(live.endpointsOf('default/vllm')).toBe(before)
  })

  it('shows changed labels on the same endpoint', () => {
    live.update(catalog(vllm), [server('a', '10.0.0.1')])
    const [a] = live.endpointsOf('default/vllm')
    live.update(catalog(vllm), [server('a', '10.0.0.1', { labels: { app: 'vllm', zone: 'b' } })])
    expect(live.endpointsOf('default/vllm')[0]).toBe(a)
    expect(a.labels).toEqual({ app: 'vllm', zone: 'b' })
  })

  it.each([
    ['name', { name: 'b' }],
    ['namespace', { namespace: 'green' }],
  ])('with another %s at an address begins a new endpoint there', (_, other) => {
    const pools = catalog(vllm, pool('vllm', { key: 'green/vllm', namespace: 'green' }))
    live.update(pools, [server('a', '10.0.0.1')])
    const before = live.endpointAt('10.0.0.1:8000')!
    before.inFlight = 3
    live.update(pools, [server('a', '10.0.0.1', other)])
    expect(live.endpointAt('10.0.0.1:8000')).not.toBe(before)
    expect(live.endpointAt('10.0.0.1:8000')).toMatchObject({ inFlight: 0, ...other, name: expect.any(String) })
  })
})

describe('an address', () => {
  it('finds its endpoint, shared by all pools that select it', () => {
    const gold = pool('gold', { selector: [['tier', 'gold']], targetPorts: [8000, 8001] })
    live.update(catalog(vllm, gold), [server('a', '10.0.0.1', { labels: { app: 'vllm', tier: 'gold' } })])
    const endpoint = live.endpointAt('10.0.0.1:8000')
    expect(endpoint).toBeDefined()
    expect(live.endpointsOf('default/vllm')).toEqual([endpoint])
    expect(live.endpointsOf('default/gold')[0]).toBe(endpoint)
    expect(live.endpointAt('10.0.0.1:8001')).toBe(live.endpointsOf('default/gold')[1])
  })

  it('of a server that is gone, or in no pool, finds nothing', () => {
    live.update(catalog(vllm), [server('a', '10.0.0.1'), server('x', '10.0.0.9', { labels: {} })])
    expect(live.endpointAt('10.0.0.9:8000')).toBeUndefined()
    live.update(catalog(vllm), [])
    expect(live.endpointAt('10.0.0.1:8000')).toBeUndefined()
  })
})

describe('the averages of a pool', () => {
  it('are over the endpoints that have been scraped; all are counted', () => {
    live.update(catalog(vllm), [server('a', '10.0.0.1'), server('b', '10.0.0.2'), server('c', '10.0.0.3')])
    const [a, , c] = live.endpointsOf('default/vllm')
    a.metrics = { ...unknownMetrics, queued: 1, running: 10, kvUsage: 0.5, updatedAtMs: 1 }
    c.metrics = { ...unknownMetrics, queued: 4, running: 20, kvUsage: 0.25, updatedAtMs: 2 }
    expect(live.averages('default/vllm')).toEqual({ queued: 2.5, running: 15, kvUsage: 0.375, ready: 3 })
  })

  it('are 0 while nothing is known', () => {
    live.update(catalog(vllm), [server('a', '10.0.0.1')])
    expect(live.averages('default/vllm')).toEqual({ queued: 0, running: 0, kvUsage: 0, ready: 1 })
    expect(live.averages('default/never')).toEqual({ queued: 0, running: 0, kvUsage: 0, ready: 0 })
  })
})
