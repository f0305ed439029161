import { describe, expect, test } from 'vitest'
import { reply } from '../../src/request/reply.ts'
import type { Route } from '../../src/request/resolve.ts'
import type { TraceContext } from '../../src/request/trace-context.ts'
import { nothingScheduled } from '../../src/scheduling/plugin.ts'
import { endpointAt } from '../pool/endpoint-at.ts'
import { requestOf } from './request-of.ts'

const nowhere: Route = {
  pool: undefined,
  rule: undefined,
  rewrite: undefined,
  target: undefined,
  rollout: undefined,
  baseModel: undefined,
  priority: 0,
}
const nothing = nothingScheduled
const bare = { headers: {} }
const endpoints = ['10.0.0.1:8000', '10.0.0.2:8000'].map((address) => endpointAt(address))

describe('what the headers become', () => {
  test('nothing decided: nothing, and the route stays', () => {
    expect(reply(requestOf(bare), nowhere, nothing, 'as sent')).toEqual({
      setHeaders: [],
      removeHeaders: [],
      clearRouteCache: false,
      metadata: undefined,
    })
  })
  test('endpoints, model and base model, and the route is chosen anew', () => {
    const request = requestOf({ ...bare, body: '{"model":"lora"}' })
    expect(reply(request, { ...nowhere, baseModel: 'qwen' }, { ...nothing, endpoints }, 'as sent')).toEqual({
      setHeaders: [
        ...['x-gateway-destination-endpoint', '10.0.0.1:8000,10.0.0.2:8000'],
        ...['x-gateway-model-name', 'lora'],
        ...['x-gateway-base-model-name', 'qwen'],
      ],
      removeHeaders: [],
      clearRouteCache: true,
      metadata: { 'envoy.lb': { 'x-gateway-destination-endpoint': '10.0.0.1:8000,10.0.0.2:8000' } },
    })
  })
  test('what the scheduler adds: another destination, headers for the helpers, scores', () => {
    const scheduled = {
      ...nothing,
      endpoints,
      destination: '10.0.0.1:8200',
      headers: ['x-prefiller-host-port', '10.0.0.9:8000'],
      scores: [['10.0.0.1:8000', 2.5] as const, ['10.0.0.2:8000', 1] as const],
    }
    expect(reply(requestOf(bare), nowhere, scheduled, 'as sent')).toMatchObject({
      setHeaders: ['x-gateway-destination-endpoint', '10.0.0.1:8200', 'x-prefiller-host-port', '10.0.0.9:8000'],
      metadata: {
        'envoy.lb': {
          'x-gateway-destination-endpoint': '10.0.0.1:8200',
          'x-gateway-destination-endpoint-scores': { '10.0.0.1:8000': 2.5, '10.0.0.2:8000': 1 },
        },
      },
    })
  })
  test('a control header of the client goes, and the route that it may have chosen', () => {
    const headers = { 'x-gateway-model-name': 'premium' }
    expect(reply(requestOf({ headers }), nowhere, nothing, 'as sent')).toMatchObject({
      removeHeaders: ['x-gateway-model-name'],
      clearRouteCache: true,
    })
    const named = requestOf({ headers, body: '{"model":"qwen"}' })
    expect(reply(named, nowhere, nothing, 'as sent')).toMatchObject({ removeHeaders: [] })
  })
  test('content-length: removed, or set', () => {
    expect(reply(requestOf(bare), nowhere, nothing, 'none').removeHeaders).toEqual(['content-length'])
    expect(reply(requestOf(bare), nowhere, nothing, 0).setHeaders).toEqual(['content-length', '0'])
  })
  test('headers that were not sent to us lose nothing', () => {
    expect(reply(requestOf({ body: '{"model":"qwen"}' }), nowhere, nothing, 'as sent')).toMatchObject({
      setHeaders: ['x-gateway-model-name', 'qwen'],
      removeHeaders: [],
    })
  })
})

describe('the trace of a request', () => {
  const trace: TraceContext = {
    traceId: 'a'.repeat(32),
    spanId: 'b'.repeat(16),
    traceFlags: 1,
    parent: undefined,
    tracestate: undefined,
    isSampled: true,
    traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
    dropsTracestate: false,
  }
  const traced = (changes: Partial<TraceContext>) => {
    const request = requestOf(bare)
    request.trace = { ...trace, ...changes }
    return reply(request, nowhere, nothing, 'as sent')
  }

  test('goes on to the server, and the route stays', () => {
    expect(traced({})).toMatchObject({
      setHeaders: ['traceparent', trace.traceparent],
      removeHeaders: [],
      clearRouteCache: false,
    })
  })
  test('stays as the client sent it', () => {
    expect(traced({ traceparent: undefined })).toMatchObject({ setHeaders: [], removeHeaders: [] })
  })
  test('takes a tracestate away that belongs to no trace', () => {
    expect(traced({ dropsTracestate: true })).toMatchObject({ removeHeaders: ['tracestate'], clearRouteCache: false })
  })
})

test('scores that are kept for observers are not told to the proxy', () => {
  const scheduled = { ...nothing, endpoints, scores: [['10.0.0.1:8000', 2.5] as const] }
  expect(reply(requestOf(bare), nowhere, scheduled, 'as sent', true).metadata).toEqual({
    'envoy.lb': { 'x-gateway-destination-endpoint': '10.0.0.1:8000,10.0.0.2:8000' },
  })
})
