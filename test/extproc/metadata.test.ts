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

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  return Buffer.from([...bytes, rest])
}

/** What is told of a request whose filter metadata has these values by namespace and key. */
function read(metadata: Readonly<Record<string, Readonly<Record<string, Value>>>>, chunkBytes?: number): EventRecorder {
  const recorder = new EventRecorder()
  const reader = new MessageReader(headerTable, recorder, 1e7)
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

  test('a list in a list is none, however deep', () => {
    expect(hint(list(text('10.0.0.1'), list(text('10.0.0.2'))))).toEqual([['10.0.0.1']])
    // As bytes, as no serialiser goes so deep: each Value is a ListValue with one Value.
    const wrap = (tag: number, inner: Buffer) => Buffer.concat([Buffer.of(tag), varint(inner.length), inner])
    const openings: Buffer[] = []
    let length = 0
    for (let depth = 0; depth < 40_000; depth++) {
      const opening = Buffer.concat([Buffer.of(depth % 2 === 0 ? 0x0a : 0x32), varint(length)])
      openings.push(opening)
      length += opening.length
    }
    const value = Buffer.concat(openings.reverse())
    const entry = Buffer.concat([wrap(0x0a, Buffer.from(subsetKey)), wrap(0x12, value)])
    const struct = wrap(0x0a, entry)
    const namespace = Buffer.concat([wrap(0x0a, Buffer.from('envoy.lb.subset_hint')), wrap(0x12, struct)])
    const recorder = new EventRecorder()
    // request_headers = 2, metadata_context = 8 {filter_metadata = 1}.
    const message = Buffer.concat([wrap(0x12, Buffer.alloc(0)), wrap(0x42, wrap(0x0a, namespace))])
    const prefix = Buffer.alloc(5)
    prefix.writeUInt32BE(message.length, 1)
    new MessageReader(headerTable, recorder, 1e6).push(Buffer.concat([prefix, message]))
    expect(recorder.subsetHints).toEqual([[]])
  })

  test('is as long as it is', () => {
    const many = Array.from({ length: 200_000 }, (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`)
    expect(hint(list(text(many.join(','))))).toEqual([many])
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
