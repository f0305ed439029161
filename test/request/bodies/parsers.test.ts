import { describe, expect, test } from 'vitest'
import { EngineGrpcReader } from '../../../src/request/bodies/engine-grpc.ts'
import { MultipartReader } from '../../../src/request/bodies/multipart.ts'
import { type BodyHeaders, createReader, type ParserSet, readerFor } from '../../../src/request/bodies/parsers.ts'
import { BodyScanner } from '../../../src/request/scan.ts'
import { parserTypes } from '../../../src/scheduling/configuration-parsers.ts'

const formType = 'multipart/form-data; boundary=b'

/** The plan in one line. */
function planFor(parsers: ParserSet, path: string | undefined, headers: Partial<BodyHeaders> = {}): string {
  const plan = readerFor(parsers, { path, contentType: undefined, encoding: undefined, ...headers })
  return [plan.format, plan.isInference && 'inference', plan.needsModel && 'needs model'].filter(Boolean).join(', ')
}

const strict = 'json, inference, needs model'
const ifGiven = 'json, inference'
const lenient = 'json'

describe('without a configuration', () => {
  test.each([
    ['/v1/chat/completions', strict],
    ['/v1/completions', strict],
    ['/v1/chat/completions/render', strict],
    ['/v1/completions/render', strict],
    ['/openai/deployments/x/chat/completions', strict],
    ['/v1/responses', strict],
    ['/v1/conversations', strict],
    ['/v1/embeddings', strict],
    ['/v1/messages', strict],
    ['/v1/messages/count_tokens', strict],
    ['/completions', strict],
    [undefined, strict],
    ['/v1/images/generations', ifGiven],
    ['/inference/v1/generate', ifGiven],
    ['/v1/audio/transcriptions', 'multipart, inference, needs model'],
    ['/v1/audio/translations', 'multipart, inference, needs model'],
    ['/v1/images/edits', 'multipart, inference'],
    ['/v1/images/variations', 'multipart, inference'],
    ['/tokenize', lenient],
    ['/detokenize', lenient],
    ['/v1/score', lenient],
    ['/rerank', lenient],
    ['/pooling', lenient],
    ['/classify', lenient],
    ['/health', lenient],
    ['/generate', lenient],
    ['/vllm.grpc.engine.VllmEngine/Generate', lenient],
    ['/', lenient],
    ['', lenient],
    ['*', lenient],
    ['completions', lenient],
    ['/v1/xcompletions', lenient],
    ['/v1/completions/', lenient],
    ['/v1/responses/resp_1/cancel', lenient],
    ['/v1/chat/completions/x', lenient],
    ['/constructor', lenient],
  ])('%s is %s', (path, expected) => {
    expect(planFor(undefined, path)).toBe(expected)
  })

  test('the content type decides only where paths leave it open', () => {
    const types = ['application/json; charset=utf-8', 'application/x-www-form-urlencoded', formType, 'application/grpc']
    const plans = (path: string) => types.map((contentType) => planFor(undefined, path, { contentType }))
    expect(plans('/v1/chat/completions')).toEqual([strict, strict, strict, strict])
    expect(plans('/tokenize')).toEqual([lenient, 'raw', 'raw', 'raw'])
    const form = 'multipart, inference, needs model'
    expect(plans('/v1/audio/transcriptions')).toEqual([strict, form, form, form])
    const jsonBoundary = { contentType: 'multipart/form-data; boundary=json' }
    expect(planFor(undefined, '/v1/audio/transcriptions', jsonBoundary)).toBe(form)
    expect(planFor(undefined, '/tokenize', jsonBoundary)).toBe('raw')
    expect(plans('/v1/images/edits')).toEqual([
      ifGiven,
      'multipart, inference',
      'multipart, inference',
      'multipart, inference',
    ])
  })

  test('an encoded body is read where a model is asked, if its encoding is known', () => {
    expect(planFor(undefined, '/v1/completions', { encoding: 'gzip' })).toBe(strict)
    expect(planFor(undefined, '/v1/completions', { encoding: 'zstd' })).toBe(strict)
    expect(planFor(undefined, '/v1/completions', { encoding: 'compress' })).toBe(
      'unsupported-encoding, inference, needs model',
    )
    expect(planFor(undefined, '/v1/images/edits', { encoding: 'br' })).toBe('multipart, inference')
    expect(planFor(undefined, '/tokenize', { encoding: 'gzip' })).toBe('raw')
    expect(planFor(undefined, '/tokenize', { encoding: 'compress' })).toBe('raw')
  })
})

describe('with parsers', () => {
  const engine = '/vllm.grpc.engine.VllmEngine'
  test.each<[ParserSet, string | undefined, string]>([
    [['openai-parser'], '/v1/chat/completions', strict],
    [['openai-parser'], undefined, strict],
    [['openai-parser'], '/v1/messages', lenient],
    [['anthropic-parser'], '/v1/messages', strict],
    [['anthropic-parser'], '/v1/chat/completions', lenient],
    [['vllmhttp-parser'], '/inference/v1/generate', ifGiven],
    [['sglanghttp-parser'], '/generate', ifGiven],
    [['sglanghttp-parser'], '/inference/v1/generate', lenient],
    [['sglanghttp-parser', 'openai-parser'], '/v1/completions', strict],
    [['vllmgrpc-parser'], `${engine}/Generate`, 'engine-grpc, inference'],
    [['vllmgrpc-parser'], `${engine}/Embed`, 'engine-grpc, inference'],
    [['vllmgrpc-parser'], `${engine}/Abort`, 'unsupported-method, inference'],
    [['vllmgrpc-parser'], 'unsupportedMethod', 'unsupported-method, inference'],
    [['vllmgrpc-parser'], undefined, 'unsupported-method, inference'],
    [['vllmgrpc-parser', 'openai-parser'], `${engine}/Generate`, 'engine-grpc, inference'],
    [['vllmgrpc-parser', 'openai-parser'], '/v1/completions', strict],
    [['vllmgrpc-parser', 'passthrough-parser'], `${engine}/Abort`, 'raw'],
    [['passthrough-parser'], '/v1/chat/completions', 'raw'],
    [['passthrough-parser'], undefined, 'raw'],
    [['passthrough-parser', 'openai-parser'], '/v1/chat/completions', strict],
    [['openai-parser', 'passthrough-parser'], '/tokenize', 'raw'],
    [['vertexai-parser'], '/google.cloud.aiplatform.v1.PredictionService/RawPredict', 'raw'],
  ])('%j: %s is %s', (parsers, path, expected) => {
    expect(planFor(parsers, path)).toBe(expected)
  })

  test('an unsupported method is one in any encoding', () => {
    expect(planFor(['vllmgrpc-parser'], '/x', { encoding: 'gzip' })).toBe('unsupported-method, inference')
  })
})

describe('a reader', () => {
  test('is that of its format', () => {
    expect(createReader('json', undefined)).toBeInstanceOf(BodyScanner)
    expect(createReader('multipart', formType)).toBeInstanceOf(MultipartReader)
    expect(createReader('multipart', formType)?.error).toBeUndefined()
    expect(createReader('multipart', undefined)?.error?.message).toMatch(/must be multipart/)
    expect(createReader('engine-grpc', undefined)).toBeInstanceOf(EngineGrpcReader)
    for (const format of ['raw', 'unsupported-encoding', 'unsupported-method'] as const) {
      expect(createReader(format, undefined)).toBeUndefined()
    }
  })

  test('says how a model is written in its body', () => {
    expect(new MultipartReader(formType).modelBytes('a"é').toString()).toBe('a"é\r\n--b')
  })
})

test('every parser type is of its own', () => {
  expect(new Set(parserTypes).size).toBe(parserTypes.length)
})
