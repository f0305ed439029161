import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import {
  answer,
  encodeAnswer,
  encodeBodyReplacementOpening,
  encodeImmediate,
  encodeStreamedBodyOpening,
  encodeTrailersAnswer,
  type Metadata,
  type MetadataValue,
  type Mutation,
  noMutation,
} from '../../src/extproc/encode.ts'
import { Cursor, tagOf, wireType } from '../../src/extproc/wire.ts'
import { type RefusalCode, refusalReply, refuse } from '../../src/request/errors.ts'
import { deserializeResponse, serializeResponse } from '../fuzz/ext-proc-oracle.ts'
import { patternedBytes } from '../fuzz/processing-request.ts'
import { processingResponseShape as shape, sortFields } from '../fuzz/protobuf.ts'
import { fuzzRuns, fuzzTimeoutMs } from '../fuzz/random.ts'

/** What proto-loader reads in one gRPC message, whose prefix must fit it exactly. */
function read(message: Buffer): unknown {
  expect(message[0]).toBe(0)
  expect(message.readUInt32BE(1)).toBe(message.length - 5)
  const ours = message.subarray(5)
  const response = deserializeResponse(ours)
  // It looks at no wire types, so see that it writes the same.
  const theirs = serializeResponse(response)
  expect(sortFields(ours, shape).equals(sortFields(theirs, shape))).toBe(true)
  return withText(response)
}

/** The same with every Buffer in base64, as those take long to compare. */
function withText(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('base64')
  if (Array.isArray(value)) return value.map(withText)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withText(inner)]))
}

const name = fc.oneof(fc.constantFrom('x-gateway-model-name', ':path', 'content-length', ''), fc.string())
const value = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.integer({ min: 100, max: 20_000 }).map((length) => 'é'.repeat(length)),
)
const metadataValue = fc.letrec<{ value: MetadataValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.string(),
    fc.double({ noNaN: true }),
    fc.boolean(),
    fc.dictionary(fc.string(), tie('value'), { noNullPrototype: true, maxKeys: 3 }),
  ),
})).value
const struct = fc.dictionary(fc.string(), metadataValue, { noNullPrototype: true, maxKeys: 3 })
const mutation: fc.Arbitrary<Mutation> = fc.record({
  setHeaders: fc.array(fc.tuple(name, value), { maxLength: 4 }).map((pairs) => pairs.flat()),
  removeHeaders: fc.array(name, { maxLength: 4 }),
  clearRouteCache: fc.boolean(),
  metadata: fc.option(fc.dictionary(fc.string(), struct, { noNullPrototype: true, minKeys: 1, maxKeys: 3 }), {
    nil: undefined,
  }),
})
const bodyBytes = fc.oneof(
  fc.constantFrom(0, 1, 117, 118, 119, 120, 127, 128, 16_370, 16_383, 16_384, 62_000, 2 ** 21),
  fc.nat({ max: 70_000 }),
)
const properties = { numRuns: fuzzRuns }
const slow = { timeout: fuzzTimeoutMs }

/** The parts of an answer as proto-loader names them. */
function headerMutation({ setHeaders, removeHeaders }: Mutation) {
  if (setHeaders.length + removeHeaders.length === 0) return {}
  const pairs = setHeaders.flatMap((key, index) => (index % 2 === 0 ? [{ key, value: setHeaders[index + 1] }] : []))
  const set = pairs.map(({ key, value }) => ({ header: { key, raw_value: Buffer.from(value) } }))
  return {
    header_mutation: {
      ...(set.length > 0 && { set_headers: set }),
      ...(removeHeaders.length > 0 && { remove_headers: [...removeHeaders] }),
    },
  }
}

/** Struct is built into proto-loader, where its fields have names of their own. */
function dynamicMetadata(metadata: Metadata | undefined) {
  return metadata === undefined ? {} : { dynamic_metadata: protoStruct(metadata) }
}

function protoStruct(struct: { readonly [key: string]: MetadataValue }): object {
  const entries = Object.entries(struct).map(([key, value]) => [key, protoValue(value)])
  return entries.length === 0 ? {} : { fields: Object.fromEntries(entries) }
}

function protoValue(value: MetadataValue): object {
  if (typeof value === 'string') return { kind: 'stringValue', stringValue: value }
  if (typeof value === 'number') return { kind: 'numberValue', numberValue: value }
  if (typeof value === 'boolean') return { kind: 'boolValue', boolValue: value }
  return { kind: 'structValue', structValue: protoStruct(value) }
}

function common(mutation: Mutation, more: object = {}) {
  return { ...headerMutation(mutation), ...(mutation.clearRouteCache && { clear_route_cache: true }), ...more }
}

describe('answers are read by proto-loader as they are meant', () => {
  test.each([
    ['request_headers', answer.requestHeaders],
    ['response_headers', answer.responseHeaders],
    ['request_body', answer.requestBody],
    ['response_body', answer.responseBody],
  ] as const)('to %s', slow, (response, which) => {
    fc.assert(
      fc.property(mutation, (mutation) => {
        expect(read(encodeAnswer(which, mutation))).toEqual(
          withText({
            response,
            [response]: { response: common(mutation) },
            ...dynamicMetadata(mutation.metadata),
          }),
        )
      }),
      properties,
    )
  })

  test.each(['request_body', 'response_body'] as const)('to %s with another body', slow, (response) => {
    const which = response === 'request_body' ? answer.requestBody : answer.responseBody
    fc.assert(
      fc.property(mutation, bodyBytes, (mutation, size) => {
        const body = patternedBytes(size)
        const message = Buffer.concat([encodeBodyReplacementOpening(which, mutation, size), body])
        const body_mutation = size === 0 ? { mutation: 'clear_body', clear_body: true } : { mutation: 'body', body }
        expect(read(message)).toEqual(
          withText({
            response,
            [response]: { response: common(mutation, { body_mutation }) },
            ...dynamicMetadata(mutation.metadata),
          }),
        )
      }),
      properties,
    )
  })

  test.each(['request_body', 'response_body'] as const)('to %s with a streamed body', slow, (response) => {
    const which = response === 'request_body' ? answer.requestBody : answer.responseBody
    fc.assert(
      fc.property(bodyBytes, fc.boolean(), mutation, (size, endOfStream, { metadata }) => {
        const body = patternedBytes(size)
        const message = Buffer.concat([encodeStreamedBodyOpening(which, size, endOfStream, metadata), body])
        const streamed_response = { ...(size > 0 && { body }), ...(endOfStream && { end_of_stream: true }) }
        const body_mutation = { mutation: 'streamed_response', streamed_response }
        expect(read(message)).toEqual(
          withText({ response, [response]: { response: { body_mutation } }, ...dynamicMetadata(metadata) }),
        )
      }),
      properties,
    )
  })

  test('to trailers', () => {
    const requestTrailers = read(encodeTrailersAnswer(answer.requestTrailers))
    expect(requestTrailers).toEqual({ response: 'request_trailers', request_trailers: {} })
    const responseTrailers = read(encodeTrailersAnswer(answer.responseTrailers))
    expect(responseTrailers).toEqual({ response: 'response_trailers', response_trailers: {} })
    const metadata = { 'envoy.lb': { cost: 10 } }
    expect(read(encodeTrailersAnswer(answer.responseTrailers, metadata))).toEqual({
      response: 'response_trailers',
      response_trailers: {},
      ...dynamicMetadata(metadata),
    })
  })

  test.each([
    ['invalid_json', 'BadRequest'],
    ['model_not_found', 'NotFound'],
    ['body_too_large', 'PayloadTooLarge'],
    ['unsupported_encoding', 'UnsupportedMediaType'],
    ['no_endpoint', 'ServiceUnavailable'],
  ] satisfies [RefusalCode, string][])('with a refusal (%s)', (code, status) => {
    const refusal = refuse(code, 'model "é😀\n" is not what it should be')
    expect(read(encodeImmediate(refusalReply(refusal)))).toEqual(
      withText({
        response: 'immediate_response',
        immediate_response: {
          status: { code: status },
          headers: {
            set_headers: [{ header: { key: 'content-type', raw_value: Buffer.from('application/json') } }],
          },
          body: refusalReply(refusal).body,
          details: `signalbox_${code}`,
        },
      }),
    )
  })
})

test('an answer keeps its bytes when the next one is written', () => {
  const first = encodeAnswer(answer.requestHeaders, { ...noMutation, setHeaders: ['a', '1'] })
  const copy = Buffer.from(first)
  encodeAnswer(answer.requestHeaders, { ...noMutation, setHeaders: ['b', '2'.repeat(20_000)] })
  expect(first).toEqual(copy)
})

test('half a character becomes the replacement character, and lengths stay right', () => {
  const message = encodeAnswer(answer.requestHeaders, { ...noMutation, setHeaders: ['a', 'x\ud83dy'] })
  expect(read(message)).toMatchObject({
    request_headers: {
      response: {
        header_mutation: { set_headers: [{ header: { raw_value: Buffer.from('x\ufffdy').toString('base64') } }] },
      },
    },
  })
})

test('an answer grows over any size, whichever of its fields does not fit any more', { timeout: 30_000 }, async () => {
  const overhead = 200
  for (let length = 16 * 1024 - overhead; length <= 16 * 1024; length++) {
    // Anew, with the buffer that it starts with.
    vi.resetModules()
    const fresh: { encodeAnswer: typeof encodeAnswer } = await import('../../src/extproc/encode.ts')
    const mutation = {
      setHeaders: ['first', '1', 'second', 'x'.repeat(length)],
      removeHeaders: [],
      clearRouteCache: length % 2 === 0,
      metadata: undefined,
    }
    const message = fresh.encodeAnswer(answer.requestHeaders, mutation)
    const expected = { response: 'request_headers', request_headers: { response: common(mutation) } }
    expect(read(message)).toEqual(withText(expected))
  }
})

test.each([2 ** 28 - 20, 2 ** 28 - 1, 2 ** 28, 2 ** 31, 2 ** 32 - 100])('the opening of a body of %d bytes', (size) => {
  const opening = encodeStreamedBodyOpening(answer.requestBody, size, false)
  const end = opening.length + size
  expect(opening.readUInt32BE(1)).toBe(end - 5)
  // The body is the last of all fields around it, so all end with it.
  const cursor = new Cursor(opening, 5, end)
  for (const fieldNumber of [answer.requestBody, 1, 3, 3, 1]) {
    expect(cursor.tag()).toBe(tagOf(fieldNumber, wireType.bytes))
    expect(cursor.lengthDelimited()).toBe(end)
  }
  expect(cursor.at).toBe(opening.length)
})
