import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MessageReader } from '../../src/extproc/message-reader.ts'
import { MalformedMessage } from '../../src/extproc/wire.ts'
import { grpcMessage, serializeRequest } from '../fuzz/ext-proc-oracle.ts'
import { EventRecorder, headerTable } from '../fuzz/processing-request.ts'

const subsetKey = 'x-gateway-destination-endpoint-subset'
const servedKey = 'x-gateway-destination-endpoint-served'

type Value = Readonly<Record<string, unknown>>
const text = (stringValue: string): Value => ({ stringValue })
const list = (...values: Value[]): Value => ({ listValue: { values } })

/** What is told of a request whose filter metadata has these values by namespace and key. */
function read(metadata: Readonly<Record<string, Readonly<Record<string, Value>>>>, chunkBytes?: number): EventRecorder {
  const recorder = new EventRecorder()
  const reader = new MessageReader(headerTable, recorder, 1e6)
  const filter_metadata = Object.fromEntries(Object.entries(metadata).map(([name, fields]) => [name, { fields }]))
  const bytes = grpcMessage(serializeRequest({ request_headers: {}, metadata_context: { filter_metadata } }))
  for (let at = 0; at < bytes.length; at += chunkBytes ?? bytes.length) {
    reader.push(bytes.subarray(at, at + (chunkBytes ?? bytes.length)))
  }
  return recorder
}

describe('the subset hint', () => {
  const hint = (value: Value) => read({ 'envoy.lb.subset_hint': { [subsetKey]: value } }).subsetHints

  test.each([
    ['a list', list(text('10.0.0.1:8000'), text('10.0.0.2')), ['10.0.0.1:8000', '10.0.0.2']],
    ['one text with commas', text('10.0.0.1:8000, 10.0.0.2'), ['10.0.0.1:8000', '10.0.0.2']],
    ['a list of texts with commas', list(text('10.0.0.1,10.0.0.2')), ['10.0.0.1', '10.0.0.2']],
    ['an empty list, which allows none', list(), []],
    ['an empty text, which allows none', text(''), []],
    ['a list with something else in it', list({ numberValue: 8 }, text('10.0.0.1')), ['10.0.0.1']],
  ])('is %s', (_, value, expected) => {
    expect(hint(value)).toEqual([expected])
  })

  test('is not there', () => {
    expect(hint({ numberValue: 8 })).toEqual([])
    expect(read({ 'envoy.lb.subset_hint': { other: text('10.0.0.1') } }).subsetHints).toEqual([])
    expect(read({ 'envoy.lb': { [subsetKey]: text('10.0.0.1') } }).subsetHints).toEqual([])
    expect(read({}).subsetHints).toEqual([])
  })

  test('is found among other namespaces and keys, wherever the bytes are cut', () => {
    const metadata = {
      'envoy.filters.http.jwt_authn': { payload: text('x'.repeat(300)), structure: { structValue: { fields: {} } } },
      'envoy.lb.subset_hint': { first: text('1'), [subsetKey]: list(text('10.0.0.1')), last: { boolValue: true } },
      'envoy.lb': { [servedKey]: text('10.0.0.9:8000') },
    }
    for (let chunkBytes = 1; chunkBytes < 40; chunkBytes++) {
      const { subsetHints, served } = read(metadata, chunkBytes)
      expect(subsetHints).toEqual([['10.0.0.1']])
      expect(served).toEqual(['10.0.0.9:8000'])
    }
  })
})

test('the endpoint that served is told before the event of its message', () => {
  const recorder = read({ 'envoy.lb': { [servedKey]: text('10.0.0.9:8000') } })
  expect(recorder.served).toEqual(['10.0.0.9:8000'])
  expect(recorder.events).toHaveLength(1)
})

test('metadata beside a body that comes in parts is told', () => {
  const recorder = new EventRecorder()
  const reader = new MessageReader(headerTable, recorder, 1e6)
  reader.push(grpcMessage(serializeRequest({ request_headers: {} })))
  const filter_metadata = { 'envoy.lb.subset_hint': { fields: { [subsetKey]: list(text('10.0.0.1')) } } }
  const body = { body: Buffer.alloc(5000), end_of_stream: true }
  const bytes = grpcMessage(serializeRequest({ request_body: body, metadata_context: { filter_metadata } }))
  reader.push(bytes.subarray(0, 100))
  reader.push(bytes.subarray(100))
  expect(recorder.subsetHints).toEqual([['10.0.0.1']])
})

test('garbage in place of metadata ends the stream with a clear error, or is passed over', () => {
  const garbage = fc.uint8Array({ maxLength: 60 })
  fc.assert(
    fc.property(garbage, (bytes) => {
      const field = Buffer.from([(8 << 3) | 2, bytes.length, ...bytes])
      const message = Buffer.concat([serializeRequest({ request_headers: {} }), field])
      const reader = new MessageReader(headerTable, new EventRecorder(), 1e6)
      try {
        reader.push(grpcMessage(message))
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedMessage)
      }
    }),
    { numRuns: 500 },
  )
})
