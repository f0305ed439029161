import { describe, expect, test } from 'vitest'
import { readFacts } from '../../src/request/facts.ts'
import type { InferenceRequest } from '../../src/request/inference-request.ts'
import { destinationOf, pick, type Scheduling } from '../../src/request/pick.ts'
import type { Route } from '../../src/request/resolve.ts'
import { nothingScheduled, type SchedulingRequest } from '../../src/scheduling/plugin.ts'
import { endpointAt } from '../pool/endpoint-at.ts'
import { catalogOf } from './catalog-of.ts'
import { requestOf } from './request-of.ts'

const [a, b, c] = ['10.0.0.1:8000', '10.0.0.2:8000', '[fd00::3]:8000'].map((address) => endpointAt(address))
const catalog = catalogOf({ pools: ['default/qwen', 'default/empty'] })
const none: Route = {
  pool: undefined,
  rule: undefined,
  rewrite: undefined,
  target: undefined,
  rollout: undefined,
  baseModel: undefined,
  priority: 0,
}
const toQwen: Route = { ...none, pool: catalog.pools.get('default/qwen') }
const toEmpty: Route = { ...none, pool: catalog.pools.get('default/empty') }

/** Records what it is asked, and picks the last candidate. */
function scheduling(isFit = true): Scheduling & { readonly requests: SchedulingRequest[] } {
  const requests: SchedulingRequest[] = []
  return {
    requests,
    endpointsOf: (key) => (key === 'default/qwen' ? [a, b, c] : []),
    endpointAt: () => undefined,
    keepsToSubset: true,
    released: () => {},
    spent: () => {},
    scheduler: {
      headerNames: [],
      readsPrompt: false,
      readsMedia: false,
      hasAdmitters: false,
      schedule(request, candidates) {
        requests.push(request)
        return { ...nothingScheduled, endpoints: isFit ? candidates.slice(-1) : [] }
      },
      saturation: () => 0,
      refusal: () => undefined,
      routed: () => {},
      promptRead: () => {},
      responseStarted: () => false,
      fairnessIdOf: () => undefined,
      responseHeaders: () => [],
      ended: () => {},
    },
  }
}

const within = (...subset: string[]): InferenceRequest => Object.assign(requestOf(), { subset })

describe('pick', () => {
  test('endpoints of the pool', () => {
    expect(pick(scheduling(), requestOf(), toQwen, Math.random)).toMatchObject({ endpoints: [c] })
  })
  test('no pool: none, and nobody is asked', () => {
    const policy = scheduling()
    expect(pick(policy, requestOf(), none, Math.random)).toEqual(nothingScheduled)
    expect(policy.requests).toEqual([])
  })
  test.each([
    ['an empty pool', requestOf(), 503],
    ["an engine's call without a message", engineCall(), 500],
  ])('%s: %s', (_, request, status) => {
    const message = 'InferencePool default/empty has no ready endpoint'
    expect(pick(scheduling(), request, toEmpty, Math.random)).toMatchObject({ status, message })
  })
  test('no endpoint that is fit', () => {
    expect(pick(scheduling(false), requestOf(), toQwen, Math.random)).toMatchObject({
      code: 'no_endpoint',
      message: 'no endpoint of InferencePool default/qwen is fit',
    })
  })
  test('of a subset: by address, or by host with any port', () => {
    const pickWithin = (...subset: string[]) => pick(scheduling(), within(...subset), toQwen, Math.random)
    expect(pickWithin('10.0.0.1:8000')).toMatchObject({ endpoints: [a] })
    expect(pickWithin('10.0.0.1', '10.0.0.2:9000')).toMatchObject({ endpoints: [a] })
    expect(pickWithin('10.0.0.1', '10.0.0.2')).toMatchObject({ endpoints: [b] })
    expect(pickWithin('fd00::3', '10.0.0.2')).toMatchObject({ endpoints: [c] })
    expect(pickWithin()).toMatchObject({ code: 'no_endpoint', status: 503 })
    expect(pickWithin('10.0.0.1:80', '10.0.0.')).toMatchObject({ code: 'no_endpoint', status: 503 })
  })
})

function engineCall(): InferenceRequest {
  const request = requestOf({ headers: { ':path': '/vllm.grpc.engine.VllmEngine/Generate' } })
  return Object.assign(request, { facts: readFacts(request.headers!, true, ['vllmgrpc-parser']) })
}

test('the destination: addresses, best first', () => {
  expect(destinationOf([])).toBeUndefined()
  expect(destinationOf([a])).toBe('10.0.0.1:8000')
  expect(destinationOf([c, a, b])).toBe('[fd00::3]:8000,10.0.0.1:8000,10.0.0.2:8000')
})
