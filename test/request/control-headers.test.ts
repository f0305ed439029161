import { describe, expect, test } from 'vitest'
import type { HeaderTable, HeaderValues } from '../../src/extproc/headers.ts'
import { createHeaderTable, hintOf, spoofedHeaders } from '../../src/request/control-headers.ts'

/** Every header that only the gateway may set, and every one that is for Signalbox alone, in both families. */
const names = [
  'x-gateway-model-name',
  'x-gateway-base-model-name',
  'x-gateway-destination-endpoint',
  'x-gateway-destination-endpoint-served',
  'x-gateway-destination-endpoint-subset',
  'x-prefiller-host-port',
  'x-encoder-hosts-ports',
  'x-data-parallel-host-port',
  'x-llm-d-inference-objective',
  'x-gateway-inference-objective',
  'x-llm-d-inference-fairness-id',
  'x-gateway-inference-fairness-id',
  'x-llm-d-model-name-rewrite',
  'x-gateway-model-name-rewrite',
  'x-llm-d-slo-ttft-ms',
  'x-slo-ttft-ms',
  'x-llm-d-slo-tpot-ms',
  'x-slo-tpot-ms',
  'x-llm-d-inference-ttl',
]

function requestWith(headers: readonly string[], table: HeaderTable): HeaderValues {
  const values: HeaderValues = new Array(table.size).fill(undefined)
  for (const name of headers) values[table.slotOf(name)] = ''
  return values
}

describe('control headers that a client has sent', () => {
  test.each([[[]], [['x-session', ':path', 'x-slo-ttft-ms']]])('all are found, with further names %j', (extra) => {
    const table = createHeaderTable(extra)
    expect(spoofedHeaders(requestWith(names, table), [])).toEqual(names)
    for (const name of names) expect(spoofedHeaders(requestWith([name], table), [])).toEqual([name])
  })

  test('none: nothing to remove', () => {
    const table = createHeaderTable(['x-session'])
    expect(spoofedHeaders(requestWith(['x-session', ':path', 'content-length'], table), [])).toEqual([])
  })

  test('one that is set is replaced, so not removed', () => {
    const request = requestWith(['x-gateway-model-name', 'x-slo-ttft-ms'], createHeaderTable([]))
    expect(spoofedHeaders(request, ['x-gateway-model-name', 'qwen'])).toEqual(['x-slo-ttft-ms'])
  })

  test('a value that reads like a name saves no header', () => {
    const request = requestWith(['x-gateway-destination-endpoint'], createHeaderTable([]))
    const set = ['x-gateway-model-name', 'x-gateway-destination-endpoint']
    expect(spoofedHeaders(request, set)).toEqual(['x-gateway-destination-endpoint'])
  })
})

test('further names have slots of their own', () => {
  const table = createHeaderTable(['x-session', 'x-user'])
  const slots = ['x-session', 'x-user', ...names, ':path'].map((name) => table.slotOf(name))
  expect(new Set(slots).size).toBe(slots.length)
  expect(Math.min(...slots)).toBeGreaterThanOrEqual(0)
})

test.each([
  [{}, undefined],
  [{ 'x-gateway-inference-objective': 'a' }, 'a'],
  [{ 'x-llm-d-inference-objective': 'b', 'x-gateway-inference-objective': 'a' }, 'b'],
  [{ 'x-llm-d-inference-objective': '', 'x-gateway-inference-objective': 'a' }, 'a'],
  [{ 'x-gateway-inference-fairness-id': 'a' }, undefined],
])('%j asks for the objective %s', (headers, objective) => {
  const table = createHeaderTable([])
  const values: HeaderValues = new Array(table.size).fill(undefined)
  for (const [name, value] of Object.entries(headers)) values[table.slotOf(name)] = value
  expect(hintOf(values, 'objective')).toBe(objective)
})
