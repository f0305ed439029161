import { once } from 'node:events'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Received } from '../../src/demo/client.ts'
import { type Sim, startSim } from '../../src/sim/sim.ts'
import { envoy } from './envoy.ts'
import { type Listener, modelAlias, requestModes, type Scene, startScene } from './scene.ts'
import { type Answering, Upstream } from './upstream.ts'

/** What clients call the model, and what the server calls it: it has a quote, which JSON escapes. */
const alias = 'travel "helper"'
const target = 'travel-helper-v1'

const question = [{ role: 'user', content: 'who are you?' }]
const apis = [
  { path: '/v1/chat/completions', body: { messages: question, stream_options: { include_usage: true } } },
  { path: '/v1/completions', body: { prompt: 'who are you?', stream_options: { include_usage: true } } },
  { path: '/v1/responses', body: { input: 'who are you?' } },
  { path: '/v1/messages', body: { messages: question, max_tokens: 12 } },
]

const answerModes = {
  streamed: { response_body_mode: 'STREAMED', response_trailer_mode: 'SKIP' },
  'full-duplex': { response_body_mode: 'FULL_DUPLEX_STREAMED', response_trailer_mode: 'SEND' },
  buffered: { response_body_mode: 'BUFFERED', response_trailer_mode: 'SKIP' },
}

/** Full duplex requests with all, and each mode with itself. */
const combinations = [
  ['full-duplex', 'streamed'],
  ['full-duplex', 'full-duplex'],
  ['full-duplex', 'buffered'],
  ['streamed', 'streamed'],
  ['buffered', 'buffered'],
] as const
const listeners = Object.fromEntries(
  combinations.map(([request, answer]): [string, Listener] => {
    const listener: Listener = requestModes[request]
    const processingMode = { ...listener.processingMode, ...answerModes[answer] }
    return [`request ${request}, answer ${answer}`, { ...listener, processingMode }]
  }),
)
const modes = Object.keys(listeners)

/** The price of a request: an answer's token costs as much as three of the prompt. */
const configuration = {
  plugins: [
    {
      type: 'request-attribute-reporter',
      parameters: {
        attributes: [{ key: { name: 'cost' }, expression: 'usage.prompt_tokens + usage.completion_tokens * 3' }],
      },
    },
    { type: 'queue-scorer' },
  ],
  schedulingProfiles: [{ name: 'default', plugins: [{ pluginRef: 'queue-scorer' }] }],
}

const accessLog = {
  prompt: '%DYNAMIC_METADATA(signalbox:prompt_tokens)%',
  completion: '%DYNAMIC_METADATA(signalbox:completion_tokens)%',
  total: '%DYNAMIC_METADATA(signalbox:total_tokens)%',
  cost: '%DYNAMIC_METADATA(envoy.lb:cost)%',
}

describe.skipIf(envoy === undefined)('answers on their way to the client', () => {
  let sim: Sim
  let upstream: Upstream
  let scene: Scene
  let answering: Answering
  /** What the simulated server last answered. */
  let answered: Buffer

  beforeAll(async () => {
    sim = await startSim({ name: 'sim', model: 'qwen', adapters: [target] })
    upstream = await new Upstream('qwen-0', (...given) => answering(...given)).listen()
    const resources = [modelAlias('qwen', 'qwen'), modelAlias('helper', target)]
    resources[1].spec.modelName = alias
    scene = await startScene({ servers: [upstream], resources, configuration, listeners, accessLog })
  })
  afterAll(async () => {
    await scene?.stop()
    await upstream?.close()
    await sim?.close()
  })

  /** As the simulated server does, in pieces that cut names and events anywhere. */
  const answerAsSim: Answering = async ({ path, headers, body }, response) => {
    const answer = await fetch(`${sim.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: new Uint8Array(body),
    })
    answered = Buffer.from(await answer.arrayBuffer())
    response.statusCode = answer.status
    response.setHeader('content-type', answer.headers.get('content-type')!)
    const length = answer.headers.get('content-length')
    if (length !== null) response.setHeader('content-length', length)
    writeInPieces(response, answered, Number(headers['x-piece-bytes'] ?? answered.length))
  }
  beforeEach(() => {
    answering = answerAsSim
  })

  let cases = 0
  type Asked = { readonly model: string; readonly isStream: boolean; readonly pieceBytes: number }
  async function ask(mode: string, { path, body }: (typeof apis)[number], { model, isStream, pieceBytes }: Asked) {
    const name = `case-${++cases}`
    const headers = { 'x-case': name, 'x-piece-bytes': String(pieceBytes) }
    const sent = { path, headers, body: JSON.stringify({ model, ...body, stream: isStream }) }
    const answer = await scene.send(sent, mode)
    expect(answer.status, answer.body.toString()).toBe(200)
    return { name, answer }
  }

  describe.each(modes)('%s', (mode) => {
    const kinds = [
      { what: 'JSON', isStream: false },
      { what: 'events', isStream: true },
    ]
    describe.each(kinds)('$what', ({ isStream }) => {
      test.each(apis)('$path: the client reads the name that it asked for, all else as it was', async (api) => {
        for (const pieceBytes of [Number.POSITIVE_INFINITY, 13, 50]) {
          const { answer } = await ask(mode, api, { model: alias, isStream, pieceBytes })
          const text = answered.toString()
          expect(text).toContain(`"model":"${target}"`)
          expect(answer.body.toString()).toBe(
            text.replaceAll(`"model":"${target}"`, `"model":${JSON.stringify(alias)}`),
          )
          // What was generated is nobody's to change.
          expect(answer.body.toString()).toContain(target)
          expectLength(answer)
        }
      })

      test.each(apis)('$path: a name that the server knows too passes byte for byte', async (api) => {
        const { answer } = await ask(mode, api, { model: 'qwen', isStream, pieceBytes: 21 })
        expect(answer.body.equals(answered)).toBe(true)
        expectLength(answer)
      })

      test.each(apis)('$path: dynamic metadata says what the client reads of its usage', async (api) => {
        const { name, answer } = await ask(mode, api, { model: 'qwen', isStream, pieceBytes: 17 })
        const usage = usageOf(answer)
        const prompt = usage.prompt_tokens ?? usage.input_tokens
        const completion = usage.completion_tokens ?? usage.output_tokens
        expect(prompt).toBeGreaterThan(0)
        expect(completion).toBeGreaterThan(0)
        await expect.poll(() => scene.logged(name)).toHaveLength(1)
        const [line] = await scene.logged(name)
        expect(line).toMatchObject({ prompt, completion, total: prompt + completion, cost: prompt + 3 * completion })
      })
    })

    const chat = { path: '/v1/chat/completions', body: JSON.stringify({ model: alias, messages: question }) }

    test.runIf(mode.endsWith('streamed') || mode.endsWith('duplex'))(
      'an event reaches the client while the answer goes on',
      async () => {
        const event = (model: string, content: string) =>
          `data: {"model":${JSON.stringify(model)},"choices":[{"delta":{"content":"${content}"}}]}\n\n`
        const end = 'data: [DONE]\n\n'
        let respond: (() => void) | undefined
        answering = (_arrival, response) => {
          response.writeHead(200, { 'content-type': 'text/event-stream' })
          response.write(event(target, 'Mind'))
          // The rest comes when the client has that.
          respond = () => response.end(event(target, 'the gap') + end)
        }
        const answer = await scene.open(chat, mode)
        const [first] = await once(answer, 'data')
        respond!()
        const rest = Buffer.concat(await answer.toArray())
        expect(first.toString()).toBe(event(alias, 'Mind'))
        expect(rest.toString()).toBe(event(alias, 'the gap') + end)
      },
    )

    // What Envoy buffers for a whole body is 1 MiB.
    test.runIf(!mode.endsWith('buffered'))('a large answer with its model at the end', async () => {
      const numbers = Array.from({ length: 150_000 }, (_, i) => (i * 0.137).toFixed(9))
      const body = (model: string) =>
        Buffer.from(
          `{"data":[{"embedding":[${numbers}]}],"model":${JSON.stringify(model)},"usage":{"prompt_tokens":3}}`,
        )
      answering = (_arrival, response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': body(target).length })
        response.end(body(target))
      }
      const answer = await scene.send(chat, mode)
      expect(answer.body.equals(body(alias))).toBe(true)
      expectLength(answer)
    })

    test.each([
      {
        what: 'an error',
        status: 400,
        type: 'application/json',
        body: `{"error":{"message":"no ${target}"},"model":"${target}"}`,
      },
      { what: 'text', status: 200, type: 'text/plain', body: `"model":"${target}"` },
      { what: 'what claims to be JSON and is not', status: 200, type: 'application/json', body: '{"id":1,,"model":' },
      { what: 'nothing at all', status: 204, type: 'application/json', body: '' },
      { what: 'an empty body', status: 200, type: 'application/json', body: '' },
    ])('$what passes as it is', async ({ status, type, body }) => {
      answering = (_arrival, response) => response.writeHead(status, { 'content-type': type }).end(body)
      const answer = await scene.send(chat, mode)
      expect({ status: answer.status, body: answer.body.toString() }).toEqual({ status, body })
    })

    test.each([
      { type: 'application/json', body: `{"id":1,"model":"${target}` },
      { type: 'text/event-stream', body: `data: {"id":1,"model":"${target.slice(0, 5)}` },
    ])('$type that ends in the middle of its model keeps every byte', async ({ type, body }) => {
      answering = (_arrival, response) => {
        response.writeHead(200, { 'content-type': type }).write(body)
        // So that Envoy has passed the bytes on before it learns that they were the last.
        setTimeout(() => response.end(), 50)
      }
      const answer = await scene.send(chat, mode)
      expect(answer.body.toString()).toBe(body)
    })

    test('an answer that does not say what it is, is read as what the request asked for', async () => {
      const body = (model: string) => `{"model":${JSON.stringify(model)}}`
      answering = (_arrival, response) => response.writeHead(200).end(body(target))
      const answer = await scene.send(chat, mode)
      expect(answer.body.toString()).toBe(body(alias))
      expectLength(answer)
    })

    test('a compressed answer passes as it is', async () => {
      const body = gzipSync(`{"model":"${target}"}`)
      const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip', 'content-length': body.length }
      answering = (_arrival, response) => response.writeHead(200, headers).end(body)
      const answer = await scene.send(chat, mode)
      expect(answer.body.equals(body)).toBe(true)
      expect(answer.headers['content-encoding']).toBe('gzip')
      expectLength(answer)
    })
  })
})

/** Each on its own way to Envoy, as far as the socket lets them. */
function writeInPieces(response: NodeJS.WritableStream, bytes: Buffer, pieceBytes: number): void {
  const next = (at: number) => {
    if (at >= bytes.length) return void response.end()
    response.write(bytes.subarray(at, at + pieceBytes))
    setImmediate(() => next(at + pieceBytes))
  }
  next(0)
}

/** Says how long the body is, rightly, or says that its end will show. */
function expectLength({ headers, body }: Received): void {
  const declared = headers['content-length']
  if (declared === undefined) expect(headers['transfer-encoding']).toBe('chunked')
  else expect(Number(declared)).toBe(body.length)
}

/** All that a client reads of usage, in one: events bring it in parts, or inside of a response or a message. */
function usageOf({ headers, body }: Received): Record<string, number> {
  const text = body.toString()
  const isStream = headers['content-type']!.startsWith('text/event-stream')
  const lines = isStream ? text.split('\n').filter((line) => line.startsWith('data: {')) : [`data: ${text}`]
  const documents = lines.map((line) => JSON.parse(line.slice('data: '.length)))
  return Object.assign(
    {},
    ...documents.map(({ usage, response, message }) => usage ?? response?.usage ?? message?.usage),
  )
}
