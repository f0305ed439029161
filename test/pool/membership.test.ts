import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Pool } from '../../src/catalog/catalog.ts'
import type { EndpointSpec } from '../../src/pool/endpoint.ts'
import { selectMembers } from '../../src/pool/membership.ts'

function pool(name: string, selector: Record<string, string>, namespace = 'default'): Pool {
  const key = `${namespace}/${name}`
  return { key, namespace, name, selector: Object.entries(selector), targetPorts: [8000], appProtocol: 'http' }
}

function server(name: string, labels: Record<string, string>, namespace = 'default'): EndpointSpec {
  return { name, namespace, address: '10.0.0.1', port: undefined, labels }
}

function names(pools: Pool[], specs: EndpointSpec[]) {
  return Object.fromEntries([...selectMembers(pools, specs)].map(([key, members]) => [key, members.map((m) => m.name)]))
}

describe('a pool selects', () => {
  it('the servers that have all labels of its selector, in their order', () => {
    const servers = [
      server('c', { app: 'vllm', model: 'qwen', zone: 'b' }),
      server('a', { app: 'vllm', model: 'qwen' }),
      server('other-model', { app: 'vllm', model: 'llama' }),
      server('no-model', { app: 'vllm' }),
      server('no-labels', {}),
    ]
    expect(names([pool('p', { app: 'vllm', model: 'qwen' })], servers)).toEqual({ 'default/p': ['c', 'a'] })
  })

  it('in its own namespace', () => {
    const servers = [server('here', { app: 'vllm' }, 'blue'), server('there', { app: 'vllm' }, 'green')]
    expect(names([pool('p', { app: 'vllm' }, 'blue')], servers)).toEqual({ 'blue/p': ['here'] })
  })

  it('every server of the namespace where the selector is empty', () => {
    const servers = [server('a', { app: 'vllm' }), server('b', {}), server('there', {}, 'green')]
    expect(names([pool('p', {})], servers)).toEqual({ 'default/p': ['a', 'b'] })
  })

  it('what another pool selects too', () => {
    const servers = [server('a', { app: 'vllm', tier: 'gold' }), server('b', { app: 'vllm' })]
    const pools = [pool('all', { app: 'vllm' }), pool('gold', { app: 'vllm', tier: 'gold' })]
    expect(names(pools, servers)).toEqual({ 'default/all': ['a', 'b'], 'default/gold': ['a'] })
  })

  it('nothing by the names of what every object has', () => {
    expect(names([pool('p', { constructor: 'x' })], [server('a', {})])).toEqual({ 'default/p': [] })
  })
})

it('agrees with comparing every pool to every server', () => {
  const word = fc.constantFrom('a', 'b', 'c')
  const labels = fc.dictionary(word, word, { noNullPrototype: true })
  const world = fc.record({ pools: fc.array(fc.tuple(labels, word)), servers: fc.array(fc.tuple(labels, word)) })
  fc.assert(
    fc.property(world, ({ pools, servers }) => {
      const allPools = pools.map(([selector, namespace], i) => pool(`p${i}`, selector, namespace))
      const allServers = servers.map(([labels, namespace], i) => server(`s${i}`, labels, namespace))
      const expected = allPools.map(({ key, namespace, selector }) => [
        key,
        allServers.filter(
          (s) => s.namespace === namespace && selector.every(([label, value]) => s.labels[label] === value),
        ),
      ])
      expect([...selectMembers(allPools, allServers)]).toEqual(expected)
    }),
  )
})
