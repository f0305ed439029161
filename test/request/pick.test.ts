import { describe, expect, test } from 'vitest'
import { destinationOf, pick, type Scheduling } from '../../src/request/pick.ts'
import type { Route } from '../../src/request/resolve.ts'
import type { SchedulingRequest } from '../../src/scheduling/plugin.ts'
import { endpointAt } from '../pool/endpoint-at.ts'
import { catalogOf } from './catalog-of.ts'

const [a, b, c] = ['10.0.0.1:8000', '10.0.0.2:8000', '[fd00::3]:8000'].map((address) => endpointAt(address))
const catalog = catalogOf({
  pools: ['default/qwen', 'default/empty'],
  models: { chat: { pool: 'default/qwen', targets: { 'qwen-lora': 1 } } },
})
const rule = catalog.models.get('chat')!.rules[0]
const none = { rule: undefined, target: undefined, baseModel: undefined }
const toQwen: Route = { ...none, pool: catalog.pools.get('default/qwen') }

/** Records what it is asked, and picks the last candidate. */
function scheduling(): Scheduling & { readonly requests: SchedulingRequest[] } {
  const requests: SchedulingRequest[] = []
  return {
    requests,
    endpointsOf: (key) => (key === 'default/qwen' ? [a, b] : []),
    schedule(request, candidates) {
      requests.push(request)
      return candidates.slice(-1)
    },
  }
}

describe('pick', () => {
  test('endpoints of the pool', () => {
    expect(pick(scheduling(), toQwen, 'qwen', Math.random)).toEqual([b])
  })
  test('scorers are told the model that the server will be asked for', () => {
    const policy = scheduling()
    pick(policy, { ...toQwen, rule, target: rule.targets[0] }, 'chat', Math.random)
    pick(policy, toQwen, 'llama', Math.random)
    pick(policy, toQwen, undefined, Math.random)
    expect(policy.requests).toEqual([{ targetModel: 'qwen-lora' }, { targetModel: 'llama' }, { targetModel: '' }])
  })
  test('no pool: none, and nobody is asked', () => {
    const policy = scheduling()
    expect(pick(policy, { ...none, pool: undefined }, 'qwen', Math.random)).toEqual([])
    expect(policy.requests).toEqual([])
  })
  test('an empty pool', () => {
    const route = { ...none, pool: catalog.pools.get('default/empty') }
    expect(pick(scheduling(), route, 'qwen', Math.random)).toMatchObject({
      code: 'no_endpoint',
      message: 'InferencePool default/empty has no ready endpoint',
    })
  })
  test('no endpoint that is fit', () => {
    const strict = { ...scheduling(), schedule: () => [] }
    expect(pick(strict, toQwen, 'qwen', Math.random)).toMatchObject({
      code: 'no_endpoint',
      message: 'no endpoint of InferencePool default/qwen is fit',
    })
  })
})

test('the destination: addresses, best first', () => {
  expect(destinationOf([])).toBeUndefined()
  expect(destinationOf([a])).toBe('10.0.0.1:8000')
  expect(destinationOf([c, a, b])).toBe('[fd00::3]:8000,10.0.0.1:8000,10.0.0.2:8000')
})
