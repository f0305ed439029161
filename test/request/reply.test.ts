import { describe, expect, test } from 'vitest'
import type { HeaderValues } from '../../src/extproc/headers.ts'
import { createHeaderTable } from '../../src/request/control-headers.ts'
import { type Outcome, reply } from '../../src/request/reply.ts'
import { endpointAt } from '../pool/endpoint-at.ts'

const nothing: Outcome = {
  model: undefined,
  route: { pool: undefined, rule: undefined, target: undefined, baseModel: undefined },
  endpoints: [],
  contentLength: 'as sent',
}
const table = createHeaderTable([])
const noHeaders: HeaderValues = new Array(table.size).fill(undefined)

describe('what the headers become', () => {
  test('nothing decided: nothing, and the route stays', () => {
    expect(reply(nothing, noHeaders)).toEqual({
      setHeaders: [],
      removeHeaders: [],
      clearRouteCache: false,
      destination: undefined,
    })
  })
  test('endpoints, model and base model, and the route is chosen anew', () => {
    const route = { ...nothing.route, baseModel: 'qwen' }
    const endpoints = ['10.0.0.1:8000', '10.0.0.2:8000'].map((address) => endpointAt(address))
    expect(reply({ ...nothing, model: 'lora', route, endpoints }, noHeaders)).toEqual({
      setHeaders: [
        ...['x-gateway-destination-endpoint', '10.0.0.1:8000,10.0.0.2:8000'],
        ...['x-gateway-model-name', 'lora'],
        ...['x-gateway-base-model-name', 'qwen'],
      ],
      removeHeaders: [],
      clearRouteCache: true,
      destination: '10.0.0.1:8000,10.0.0.2:8000',
    })
  })
  test('a control header of the client goes, and the route that it may have chosen', () => {
    const headers = noHeaders.with(table.slotOf('x-gateway-model-name'), 'premium')
    expect(reply(nothing, headers)).toMatchObject({ removeHeaders: ['x-gateway-model-name'], clearRouteCache: true })
    expect(reply({ ...nothing, model: 'qwen' }, headers)).toMatchObject({ removeHeaders: [] })
  })
  test('content-length: removed, or set', () => {
    expect(reply({ ...nothing, contentLength: 'none' }, noHeaders).removeHeaders).toEqual(['content-length'])
    expect(reply({ ...nothing, contentLength: 0 }, noHeaders).setHeaders).toEqual(['content-length', '0'])
  })
  test('headers that were not sent to us lose nothing', () => {
    expect(reply({ ...nothing, model: 'qwen' }, undefined)).toMatchObject({
      setHeaders: ['x-gateway-model-name', 'qwen'],
      removeHeaders: [],
    })
  })
})
