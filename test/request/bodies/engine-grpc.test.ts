import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EngineGrpcReader } from '../../../src/request/bodies/engine-grpc.ts'
import { grpcMessage } from '../../fuzz/ext-proc-oracle.ts'
import { anyByte, mutate } from '../../fuzz/mutate.ts'
import { atEverySplit, byteByByte, cutAt, randomPieces, wholly } from '../../fuzz/pieces.ts'
import { field, varint } from '../../fuzz/protobuf.ts'
import { fuzzRuns, fuzzTimeoutMs, seededRandom } from '../../fuzz/random.ts'
import { nothing, readPieces } from './read-body.ts'

const wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const
const string = (number: number, text: string) => field(number, wire.bytes, Buffer.from(text))
const message = (number: number, ...fields: Buffer[]) => field(number, wire.bytes, ...fields)
const number = (fieldNumber: number, value: number, width = 1) => field(fieldNumber, wire.varint, varint(value, width))

// GenerateRequest and EmbedRequest of vllm_engine.proto.
const requestId = (text: string) => string(1, text)
const tokenized = (...fields: Buffer[]) => message(2, ...fields)
const originalText = (text: string) => string(1, text)
const inputIds = (...ids: number[]) => message(2, ...ids.map((id) => varint(id)))
const text = (prompt: string) => string(3, prompt)
const sampling = (...fields: Buffer[]) => message(4, ...fields)
const maxTokens = (value: number) => number(8, value)
const stream = (value: number) => number(5, value)

const request = (...fields: Buffer[]) => grpcMessage(Buffer.concat(fields))

function expectAtEverySplit(body: Buffer, expected: object): void {
  expect(readPieces(new EngineGrpcReader(), wholly(body))).toEqual(expected)
  expect(readPieces(new EngineGrpcReader(), byteByByte(body))).toEqual(expected)
  for (const [offset, pieces] of atEverySplit(body).entries()) {
    expect(readPieces(new EngineGrpcReader(), pieces), `split at byte ${offset}`).toEqual(expected)
  }
}

describe('a request', () => {
  type Case = { name: string; body: Buffer; prompt?: Buffer | string; finds?: { stream?: boolean; maxTokens?: number } }
  const cases: Case[] = [
    { name: 'nothing', body: request() },
    { name: 'text', body: Buffer.from('AAAAAAcaBXRlc3Qz', 'base64'), prompt: 'test3' },
    {
      name: 'text, streamed',
      body: Buffer.from('AAAAAA8aC3Rlc3Qtc3RyZWFtKAE=', 'base64'),
      prompt: 'test-stream',
      finds: { stream: true },
    },
    { name: 'embedding of a text', body: Buffer.from('AAAAAAkSBwoFdGVzdDE=', 'base64'), prompt: 'test1' },
    {
      name: 'token ids and all the rest',
      body: request(
        requestId('id'),
        tokenized(originalText(''), inputIds(1, 300, 70_000)),
        sampling(field(1, wire.fixed32, Buffer.alloc(4, 8)), maxTokens(128), string(10, 'stop'), number(26, 1)),
        stream(0),
        message(7, message(2, Buffer.alloc(100, 0x1a))),
      ),
      prompt: Buffer.concat([varint(1), varint(300), varint(70_000)]),
      finds: { maxTokens: 128 },
    },
    {
      name: 'the text before its tokens',
      body: request(tokenized(originalText('hello'), inputIds(1, 2))),
      prompt: 'hello',
    },
    {
      name: 'token ids one by one',
      body: request(tokenized(number(2, 1), number(2, 300)), stream(1)),
      prompt: Buffer.concat([number(2, 1), number(2, 300)]),
      finds: { stream: true },
    },
    { name: 'the first prompt of several', body: request(text(''), text('a'), tokenized(inputIds(1))), prompt: 'a' },
    {
      name: 'the last of other fields, and of parts of a message',
      body: request(stream(1), sampling(maxTokens(1)), stream(0), sampling(maxTokens(2)), sampling()),
      finds: { maxTokens: 2 },
    },
    { name: 'numbers of more bytes than they need', body: request(number(5, 1, 10)), finds: { stream: true } },
    { name: 'a limit of no 32 bits', body: request(sampling(number(8, 2 ** 32))) },
    {
      name: 'fields that only look the same',
      body: request(
        field(2, wire.varint, varint(1)),
        field(3, wire.fixed64, Buffer.alloc(8)),
        field(5, wire.fixed32, Buffer.alloc(4, 1)),
        number(8, 9),
        number(32 + 5, 1),
        number(32 + 2, 1),
        number(64 + 8, 1),
        string(32 + 2, 'x'),
        string(32 + 3, 'x'),
        sampling(string(8, 'x'), string(3, 'regex'), stream(1), number(5, 1)),
      ),
    },
  ]

  test.each(cases)('$name', ({ body, prompt, finds }) => {
    const bytes = prompt === undefined ? undefined : Buffer.from(prompt)
    const promptStart = bytes === undefined ? -1 : body.indexOf(bytes, 5)
    const promptEnd = bytes === undefined ? -1 : promptStart + bytes.length
    expectAtEverySplit(body, { ...nothing, ...finds, promptStart, promptEnd })
  })
})

describe('a body that is refused', () => {
  const cases: { name: string; body: Buffer; message: string; offset: number }[] = [
    { name: 'nothing', body: Buffer.alloc(0), message: 'the body has no gRPC message', offset: 0 },
    { name: 'half a prefix', body: Buffer.from([0, 0, 0]), message: 'the body has no gRPC message', offset: 3 },
    {
      name: 'a compressed message',
      body: grpcMessage(text('a'), 1),
      message: 'the message is compressed: send it without grpc-encoding',
      offset: 0,
    },
    {
      name: 'JSON',
      body: Buffer.from('{"model":"m"}'),
      message: 'expected a gRPC message, found byte 123 in place of its first, 0',
      offset: 0,
    },
    {
      name: 'a message that is cut off',
      body: request(text('abc')).subarray(0, -1),
      message: 'the body ends in the middle of its message',
      offset: 9,
    },
    {
      name: 'two messages',
      body: Buffer.concat([request(text('a')), request(text('a'))]),
      message: 'the message is followed by other bytes',
      offset: 8,
    },
    { name: 'field 0', body: request(Buffer.from([2, 0])), message: 'a field without a valid number', offset: 5 },
    {
      name: 'a field of too large a number',
      body: request(varint(2 ** 32), Buffer.alloc(1)),
      message: 'a field without a valid number',
      offset: 9,
    },
    { name: 'a group', body: request(Buffer.from([0x0b, 0x0c])), message: 'a field of wire type 3', offset: 5 },
    { name: 'wire type 7', body: request(Buffer.from([0x0f, 0])), message: 'a field of wire type 7', offset: 5 },
    {
      name: 'a tag alone',
      body: request(Buffer.from([0x28])),
      message: 'a message ends in the middle of a number',
      offset: 5,
    },
    {
      name: 'the tag of a string alone',
      body: request(Buffer.from([0x1a])),
      message: 'a message ends in the middle of a number',
      offset: 5,
    },
    {
      name: 'half a varint',
      body: Buffer.concat([request(Buffer.from([0x28, 0x80])), Buffer.alloc(1)]),
      message: 'a message ends in the middle of a number',
      offset: 6,
    },
    {
      name: 'half a fixed number',
      body: request(Buffer.from([0x0d, 1, 2, 3])),
      message: 'a message ends in the middle of a number',
      offset: 5,
    },
    {
      name: 'a varint without end',
      body: request(Buffer.from([0x28]), Buffer.alloc(11, 0x80)),
      message: 'a varint of more than 10 bytes',
      offset: 15,
    },
    {
      name: 'a text that is longer than its message',
      body: Buffer.concat([request(Buffer.from([0x1a, 9])), Buffer.alloc(9)]),
      message: 'a field of 9 bytes runs over its message',
      offset: 6,
    },
    {
      name: 'token ids that are longer than theirs',
      body: request(tokenized(Buffer.from([0x12, 1])), stream(1)),
      message: 'a field of 1 bytes runs over its message',
      offset: 8,
    },
  ]

  test.each(cases)('$name', ({ body, message, offset }) => {
    const pieces = [wholly(body), byteByByte(body), ...atEverySplit(body)]
    for (const cut of pieces) {
      const { error, isComplete } = readPieces(new EngineGrpcReader(), cut)
      expect(error).toEqual({ code: 'invalid_grpc', offset, message: `${message} (byte ${offset})` })
      expect(isComplete).toBe(false)
    }
  })
})

const uint32 = fc.nat({ max: 2 ** 32 - 1 })
const requestFields = fc.array(
  fc.oneof(
    fc.string().map((value) => ({ field: requestId(value) })),
    fc.string().map((value) => ({ field: text(value), prompt: Buffer.from(value) })),
    fc.record({ value: fc.string(), ids: fc.array(uint32, { maxLength: 5 }) }).map(({ value, ids }) => ({
      field: tokenized(originalText(value), inputIds(...ids)),
      prompt: value === '' ? Buffer.concat(ids.map((id) => varint(id))) : Buffer.from(value),
    })),
    uint32.map((value) => ({ field: sampling(number(7, 3), maxTokens(value)), maxTokens: value })),
    fc.boolean().map((value) => ({ field: stream(Number(value)), stream: value })),
    fc.record({ id: fc.integer({ min: 9, max: 2 ** 29 - 1 }), value: uint32 }).map(({ id, value }) => ({
      field: number(id, value),
    })),
  ),
  { maxLength: 6 },
)
type WrittenField = { field: Buffer; prompt?: Buffer; maxTokens?: number; stream?: boolean }

describe('every request', () => {
  test('is read as it was written', { timeout: fuzzTimeoutMs }, () => {
    fc.assert(
      fc.property(requestFields, fc.nat(), (fields: WrittenField[], seed) => {
        const body = request(...fields.map(({ field }) => field))
        const found = readPieces(new EngineGrpcReader(), randomPieces(body, seededRandom(seed)))
        const prompt = fields.find((field) => (field.prompt?.length ?? 0) > 0)?.prompt
        expect(found).toEqual({
          ...nothing,
          stream: fields.findLast((field) => field.stream !== undefined)?.stream ?? false,
          maxTokens: fields.findLast((field) => field.maxTokens !== undefined)?.maxTokens,
          promptStart: prompt === undefined ? -1 : found.promptStart,
          promptEnd: prompt === undefined ? -1 : found.promptStart + prompt.length,
        })
        if (prompt !== undefined) expect(body.subarray(found.promptStart, found.promptEnd)).toEqual(prompt)
      }),
      { numRuns: fuzzRuns },
    )
  })

  test('damaged or not, is judged the same in any pieces', { timeout: fuzzTimeoutMs }, () => {
    fc.assert(
      fc.property(requestFields, fc.nat(), (fields: WrittenField[], seed) => {
        const random = seededRandom(seed)
        const body = mutate(request(...fields.map(({ field }) => field)), random, anyByte)
        const whole = readPieces(new EngineGrpcReader(), wholly(body))
        expect(whole.error === undefined).toBe(whole.isComplete)
        expect(readPieces(new EngineGrpcReader(), byteByByte(body))).toEqual(whole)
        expect(readPieces(new EngineGrpcReader(), randomPieces(body, random))).toEqual(whole)
        expect(readPieces(new EngineGrpcReader(), cutAt(body, [random.below(body.length + 1)]))).toEqual(whole)
      }),
      { numRuns: fuzzRuns },
    )
  })
})
