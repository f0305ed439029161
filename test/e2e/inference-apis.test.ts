import { randomBytes } from 'node:crypto'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Sent } from '../../src/demo/client.ts'
import { envoy } from './envoy.ts'
import { modelAlias, requestModes, type Scene, startScene } from './scene.ts'
import { Upstream } from './upstream.ts'

const resources = [modelAlias('qwen', 'qwen'), modelAlias('travel-helper', 'travel-helper-v1')]
const anthropic = { 'anthropic-version': '2023-06-01' }

describe.skipIf(envoy === undefined)('the APIs of model servers', () => {
  let upstream: Upstream
  let scene: Scene
  beforeAll(async () => {
    upstream = await new Upstream('qwen-0').listen()
    scene = await startScene({ servers: [upstream], resources, listeners: requestModes })
  })
  afterEach(() => {
    upstream.arrivals.length = 0
  })
  afterAll(async () => {
    await scene?.stop()
    await upstream?.close()
  })

  describe.each(Object.keys(requestModes))('request body mode: %s', (mode) => {
    /** What the server gets of it. */
    async function arrivalOf(sent: Sent) {
      const { status, body } = await scene.send(sent, mode)
      expect(status, body.toString()).toBe(200)
      return upstream.onlyArrival
    }

    const question = '"messages":[{"role":"user","content":"Zürich?"}]'
    test.each([
      ['/v1/chat/completions', question],
      ['/v1/completions', '"prompt":"Zürich?"'],
      ['/v1/responses', '"input":"Zürich?"'],
      ['/v1/conversations', '"items":[]'],
      ['/v1/embeddings', '"input":["Zürich?"]'],
      ['/v1/images/generations', '"prompt":"Zürich"'],
      ['/v1/messages', `"max_tokens":5,${question}`],
      ['/v1/messages/count_tokens?beta=true', question],
      ['/inference/v1/generate', '"token_ids":[1,2]'],
      ['/tokenize', '"prompt":"Zürich?"'],
      ['/v1/rerank', '"query":"Zürich?","documents":[]'],
    ])('%s: routed by its model, which gets the name that the server knows', async (path, fields) => {
      const body = (model: string) => `{ ${fields}, "model" : "${model}" ,"n":1.0}`
      const { headers, ...arrival } = await arrivalOf({ path, body: body('travel-helper') })
      expect({ path: arrival.path, body: arrival.body.toString() }).toEqual({ path, body: body('travel-helper-v1') })
      expect(headers['x-gateway-model-name']).toBe('travel-helper')
      expect(headers['x-gateway-destination-endpoint']).toBe(upstream.address)
    })

    describe('forms', () => {
      const file = Buffer.concat([randomBytes(300_000), Buffer.from('\r\n--name="model"\r\n\r\nqwen\r\n')])

      /** A transcription's form, `model` in front of the file or behind it. */
      async function form(modelAt: 'first' | 'last') {
        const data = new FormData()
        if (modelAt === 'first') data.append('model', 'travel-helper')
        data.append('file', new Blob([file], { type: 'audio/wav' }), 'train.wav')
        data.append('language', 'de')
        if (modelAt === 'last') data.append('model', 'travel-helper')
        const encoded = new Response(data)
        const contentType = encoded.headers.get('content-type')!
        return { contentType, body: Buffer.from(await encoded.arrayBuffer()) }
      }

      const cases = (['/v1/audio/transcriptions', '/v1/audio/translations', '/v1/images/edits'] as const).flatMap(
        (path) => (['first', 'last'] as const).map((modelAt) => ({ path, modelAt })),
      )
      test.each(cases)('$path, model $modelAt: the field is renamed and nothing else', async ({ path, modelAt }) => {
        const { contentType, body } = await form(modelAt)
        const arrival = await arrivalOf({ path, body, headers: { 'content-type': contentType } })
        const value = body.lastIndexOf('\r\n\r\ntravel-helper\r\n') + 4
        const name = Buffer.from('travel-helper')
        const renamed = [body.subarray(0, value), Buffer.from('travel-helper-v1'), body.subarray(value + name.length)]
        expect(arrival.body.equals(Buffer.concat(renamed))).toBe(true)
        expect(arrival.headers['content-type']).toBe(contentType)
        expect(arrival.headers['x-gateway-model-name']).toBe('travel-helper')
      })

      test('one without a model is 400', async () => {
        const data = new FormData()
        data.append('file', new Blob([file]), 'train.wav')
        const encoded = new Response(data)
        const sent = {
          path: '/v1/audio/transcriptions',
          body: Buffer.from(await encoded.arrayBuffer()),
          headers: { 'content-type': encoded.headers.get('content-type')! },
        }
        const { status, body } = await scene.send(sent, mode)
        expect(status).toBe(400)
        expect(JSON.parse(body.toString()).error.code).toBe('model_missing')
        expect(upstream.arrivals).toEqual([])
      })
    })

    describe('compressed bodies', () => {
      const encodings = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync, zstd: zstdCompressSync }
      type Encoding = keyof typeof encodings
      const bodyFor = (model: string) =>
        `{"model":"${model}","messages":[{"content":"${'mind the gap '.repeat(20_000)}"}]}`
      const send = (model: string, encoding: Encoding) => ({
        path: '/v1/chat/completions',
        body: encodings[encoding](bodyFor(model)),
        headers: { 'content-encoding': encoding },
      })

      test.each(Object.keys(encodings) as Encoding[])('%s: routed, and passed as it is', async (encoding) => {
        const sent = send('qwen', encoding)
        const { headers, body } = await arrivalOf(sent)
        expect(headers['x-gateway-model-name']).toBe('qwen')
        expect(headers['content-encoding']).toBe(encoding)
        expect(body.equals(sent.body)).toBe(true)
      })

      test.each(Object.keys(encodings) as Encoding[])('%s: renamed, and passed decoded', async (encoding) => {
        const { headers, body } = await arrivalOf(send('travel-helper', encoding))
        expect(headers['x-gateway-model-name']).toBe('travel-helper')
        expect(headers['content-encoding']).toBeUndefined()
        expect(body.toString()).toBe(bodyFor('travel-helper-v1'))
        if (headers['content-length'] !== undefined) expect(Number(headers['content-length'])).toBe(body.length)
      })

      test('what is no gzip is 400', async () => {
        const headers = { 'content-encoding': 'gzip' }
        const sent = { path: '/v1/chat/completions', body: bodyFor('qwen'), headers }
        const { status, body } = await scene.send(sent, mode)
        expect(status).toBe(400)
        expect(JSON.parse(body.toString()).error.code).toBe('invalid_encoding')
        expect(upstream.arrivals).toEqual([])
      })
    })
  })

  describe('the list of models', () => {
    afterEach(() => {
      expect(upstream.arrivals).toEqual([])
    })
    const get = async (path: string, headers: Record<string, string> = {}) => {
      const answer = await scene.send({ path, headers }, 'full-duplex')
      expect(answer.headers['content-type']).toBe('application/json')
      return { status: answer.status, body: JSON.parse(answer.body.toString()) }
    }

    test('as OpenAI has it', async () => {
      const model = (id: string) => ({ id, object: 'model', created: expect.any(Number), owned_by: 'signalbox' })
      expect(await get('/v1/models')).toEqual({
        status: 200,
        body: { object: 'list', data: [model('qwen'), model('travel-helper')] },
      })
      expect(await get('/v1/models/travel-helper')).toEqual({ status: 200, body: model('travel-helper') })
    })

    test('to HEAD without its body', async () => {
      const { status, headers, body } = await scene.send({ method: 'HEAD', path: '/v1/models' }, 'full-duplex')
      expect({ status, body: body.length }).toEqual({ status: 200, body: 0 })
      expect(headers['content-type']).toBe('application/json')
    })

    test('as Anthropic has it', async () => {
      const model = (id: string) => ({ type: 'model', id, display_name: id, created_at: expect.any(String) })
      const data = [model('qwen'), model('travel-helper')]
      expect(await get('/v1/models?limit=20', anthropic)).toEqual({
        status: 200,
        body: { data, has_more: false, first_id: 'qwen', last_id: 'travel-helper' },
      })
      expect(await get('/v1/models/qwen', anthropic)).toEqual({ status: 200, body: model('qwen') })
    })

    test('a model that is not there is 404 with a name near it', async () => {
      expect(await get('/v1/models/travel-helpr')).toEqual({
        status: 404,
        body: {
          error: {
            message: expect.stringContaining('travel-helper'),
            type: 'invalid_request_error',
            param: 'model',
            code: 'model_not_found',
          },
        },
      })
      expect(await get('/v1/models/travel-helpr', anthropic)).toEqual({
        status: 404,
        body: {
          type: 'error',
          error: { type: 'not_found_error', message: expect.stringContaining('travel-helper') },
        },
      })
    })
  })
})

describe.skipIf(envoy === undefined)('with --pool-name', () => {
  test('the servers tell which models there are', async () => {
    const upstream = await new Upstream('qwen-0').listen()
    const scene = await startScene({ servers: [upstream], resources, serveFlags: ['--pool-name=pool'] })
    try {
      for (const path of ['/v1/models', '/v1/models/qwen']) {
        const { status, headers } = await scene.send({ path })
        expect({ status, server: headers['x-served-by'] }).toEqual({ status: 200, server: 'qwen-0' })
      }
      expect(upstream.arrivals.map(({ path }) => path)).toEqual(['/v1/models', '/v1/models/qwen'])
    } finally {
      await scene.stop()
      await upstream.close()
    }
  })
})
