import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import { type ClientDuplexStream, credentials, Metadata, type ServiceClientConstructor } from '@grpc/grpc-js'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { loadProtos } from '../../protos/load.ts'
import { parseTimeoutMs } from '../../src/extproc/exchange.ts'
import { type Answer, bodyMessage, bodyModes, frame, headersMessage, type Message, unframe } from './play.ts'
import { describeAnswer } from './script.ts'
import { connectTo, RawCall, requestFrames, serveWorld } from './serving.ts'
import { createWorld, onePool, routed } from './world.ts'

const json = ['{"model":"chat","messages":[', '{"role":"user"}', ']}']
const answered = [
  `headers ${routed('chat')} -content-length re-route`,
  'body {"model":"chat-large-v2","messages":[',
  'body {"role":"user"}',
  'last ]}',
]
const describeAll = (bytes: Buffer): string[] => unframe(bytes).map(describeAnswer)

// biome-ignore lint/suspicious/noExplicitAny: a GrpcObject is a tree of packages without types
const { ExternalProcessor } = (loadProtos().grpc as any).envoy.service.ext_proc.v3

/** A stream of @grpc/grpc-js. */
function openStream(port: number, metadata = new Metadata(), options: object = {}) {
  const client = new (ExternalProcessor as ServiceClientConstructor)(
    `127.0.0.1:${port}`,
    credentials.createInsecure(),
    {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_receive_message_length': -1,
    },
  )
  onTestFinished(() => client.close())
  const stream: ClientDuplexStream<Message, Answer> = client.Process(metadata, options)
  const answers: string[] = []
  stream.on('data', (answer: Answer) => answers.push(describeAnswer(answer)))
  const status = new Promise<{ code: number; details: string }>((resolve) => {
    stream.on('status', resolve)
    stream.on('error', () => {})
  })
  return { stream, answers, status }
}

const firstMessage = {
  ...headersMessage({ ':method': 'POST', ':path': '/v1/chat/completions' }),
  protocol_config: bodyModes['full duplex'],
}

describe('a conversation over gRPC', () => {
  test('with @grpc/grpc-js', async () => {
    const world = createWorld(onePool)
    const { port, exchanges } = await serveWorld(world)
    const { stream, answers, status } = openStream(port)
    stream.write(firstMessage)
    for (const [i, text] of json.entries()) stream.write(bodyMessage(text, i === 2))
    await vi.waitFor(() => expect(answers.at(-1)).toBe('last ]}'))
    expect(answers.join('\n').replaceAll('\nbody ', '')).toBe(answered.join('\n').replaceAll('\nbody ', ''))
    expect(world.endpoints[0].inFlight).toBe(1)
    stream.end()
    expect(await status).toMatchObject({ code: 0 })
    await vi.waitFor(() => expect(exchanges.size).toBe(0))
    expect(world.endpoints[0].inFlight).toBe(0)
  })

  test('all messages in one DATA frame', async () => {
    const { port } = await serveWorld(createWorld(onePool))
    const call = new RawCall(await connectTo(port))
    call.stream.end(Buffer.concat(requestFrames('full duplex', json)))
    expect(await call.result()).toEqual({ http: 200, status: 0, message: undefined, reset: 0 })
    expect(describeAll(call.received)).toEqual(answered)
  })

  test('every byte in a DATA frame of its own', async () => {
    const { port } = await serveWorld(createWorld(onePool))
    const call = new RawCall(await connectTo(port))
    for (const byte of Buffer.concat(requestFrames('full duplex', json))) call.stream.write(Buffer.of(byte))
    call.stream.end()
    expect(await call.result()).toMatchObject({ http: 200, status: 0 })
    expect(describeAll(call.received)).toEqual(answered)
  })

  test('the pool from the metadata x-inference-pool', async () => {
    const pools = { 'default/a': ['10.0.0.1:8000'], 'default/b': ['10.0.0.2:8000'] }
    const { port } = await serveWorld(createWorld({ pools }))
    const { stream, answers } = openStream(port, Metadata.fromHttp2Headers({ 'x-inference-pool': 'default/b' }))
    stream.write({ ...headersMessage({ ':method': 'GET', ':path': '/v1/models' }, true) })
    await vi.waitFor(() => expect(answers).toEqual(['headers x-gateway-destination-endpoint=10.0.0.2:8000 re-route']))
    stream.end()
  })

  test('a stream keeps the snapshot that it began with', async () => {
    const before = createWorld(onePool)
    const after = createWorld({ pools: { 'default/new': ['10.9.9.9:8000'] } })
    const world = { ...before, routing: before.routing }
    const { port } = await serveWorld(world)
    const call = new RawCall(await connectTo(port))
    const [headers, ...bodies] = requestFrames('full duplex', json)
    call.stream.write(headers)
    await delay(20)
    world.routing = after.routing
    call.stream.end(Buffer.concat(bodies))
    await call.result()
    expect(describeAll(call.received)[0]).toBe(answered[0])
  })

  test('nothing sent, nothing answered', async () => {
    const { port, failures } = await serveWorld(createWorld(onePool))
    const call = new RawCall(await connectTo(port))
    call.stream.end()
    expect(await call.result()).toMatchObject({ http: 200, status: 0 })
    expect(failures).toEqual([])
  })
})

describe('a stream that goes wrong ends alone', () => {
  const cases: [name: string, bytes: Buffer, status: number, message: string | RegExp, failure: RegExp][] = [
    [
      'more than the limit in one message',
      Buffer.from([0, 0x02, 0, 0, 0]),
      8,
      'message of 33554432 bytes, more than the limit of 22020096',
      /^too_large: /,
    ],
    ['a compressed message', Buffer.from([1, 0, 0, 0, 0]), 12, /compressed/, /^malformed: /],
    [
      'no ProcessingRequest',
      Buffer.from([0, 0, 0, 0, 2, 0xff, 0xff]),
      3,
      /^malformed ProcessingRequest: /,
      /^malformed: /,
    ],
    ['an empty message', Buffer.from([0, 0, 0, 0, 0]), 3, /without an event/, /^malformed: /],
    [
      'an end in the middle of a message',
      Buffer.from([0, 0, 0, 0, 9, 1]),
      3,
      /in the middle of a message/,
      /^malformed: /,
    ],
    ['an end in the middle of a prefix', Buffer.from([0, 0]), 3, /in the middle of a message/, /^malformed: /],
  ]
  test.each(cases)('%s', async (_name, bytes, status, message, failure) => {
    const { port, exchanges, failures } = await serveWorld(createWorld(onePool))
    const session = await connectTo(port)
    const good = new RawCall(session)
    const [headers, ...bodies] = requestFrames('full duplex', json)
    good.stream.write(headers)
    const bad = new RawCall(session)
    bad.stream.end(bytes)
    const result = await bad.result()
    expect(result).toMatchObject({ http: 200, status })
    expect(result.message).toMatch(message)
    expect(failures).toEqual([expect.stringMatching(failure)])
    good.stream.end(Buffer.concat(bodies))
    expect(await good.result()).toMatchObject({ status: 0 })
    expect(describeAll(good.received)).toEqual(answered)
    await vi.waitFor(() => expect(exchanges.size).toBe(0))
  })

  test('its answers before that still come, and what follows is not read', async () => {
    const { port, exchanges } = await serveWorld(createWorld(onePool))
    const call = new RawCall(await connectTo(port))
    call.stream.write(Buffer.concat([...requestFrames('full duplex', json), Buffer.from([1, 0, 0, 0, 0])]))
    // The client does not end its side.
    expect(await call.result()).toEqual({
      http: 200,
      status: 12,
      message: 'compressed gRPC messages are not supported',
      reset: 0,
    })
    expect(describeAll(call.received)).toEqual(answered)
    await vi.waitFor(() => expect(exchanges.size).toBe(0))
  })

  test('the deadline of the client', async () => {
    const { port, exchanges, failures } = await serveWorld(createWorld(onePool))
    const call = new RawCall(await connectTo(port), undefined, { 'grpc-timeout': '30m' })
    call.stream.write(requestFrames('full duplex', json)[0])
    expect(await call.result()).toEqual({ http: 200, status: 4, message: 'deadline exceeded', reset: 0 })
    expect(failures).toEqual(['deadline: the deadline of the stream has passed'])
    await vi.waitFor(() => expect(exchanges.size).toBe(0))
  })

  test('a deadline after the end is none', async () => {
    const { port, failures } = await serveWorld(createWorld(onePool))
    const call = new RawCall(await connectTo(port), undefined, { 'grpc-timeout': '50m' })
    call.stream.end(Buffer.concat(requestFrames('full duplex', json)))
    expect(await call.result()).toMatchObject({ status: 0 })
    await delay(80)
    expect(failures).toEqual([])
  })

  test('a deadline far away keeps nothing alive when its stream has gone', async () => {
    const { port, exchanges } = await serveWorld(createWorld(onePool))
    const session = await connectTo(port)
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
    const before = timers()
    const calls = Array.from({ length: 50 }, () => new RawCall(session, undefined, { 'grpc-timeout': '1H' }))
    await vi.waitFor(() => expect(exchanges.size).toBe(50))
    for (const call of calls) call.reset()
    await vi.waitFor(() => expect(exchanges.size).toBe(0))
    expect(timers()).toBeLessThan(before + 10)
  })

  test.each([
    ['at a message', 'full duplex'],
    ['at the half-close', 'streamed'],
  ] as const)('a defect of ours, %s: the stack is told to the observer, not to the client', async (_when, mode) => {
    const world = createWorld(onePool)
    const { port, exchanges, failures } = await serveWorld({
      ...world,
      context: {
        ...world.context,
        scheduling: {
          ...world.context.scheduling,
          scheduler: {
            ...world.context.scheduling.scheduler,
            schedule: () => {
              throw new TypeError('oops')
            },
          },
        },
      },
    })
    const call = new RawCall(await connectTo(port))
    const first = headersMessage({ ':method': 'POST', ':path': '/v1/rerank' })
    const last = bodyMessage('{"a":1}', mode === 'full duplex')
    call.stream.end(Buffer.concat([{ ...first, protocol_config: bodyModes[mode] }, last].map(frame)))
    expect(await call.result()).toMatchObject({ status: 13, message: 'internal error' })
    expect(failures).toEqual([expect.stringMatching(/^internal: TypeError: oops\n +at /)])
    await vi.waitFor(() => expect(exchanges.size).toBe(0))
  })
})

describe('clients that break off', () => {
  test.each(['full duplex', 'streamed'] as const)(
    '%s, at any byte: nothing stays behind, nobody is blamed',
    async (mode) => {
      const world = createWorld(onePool)
      const { port, exchanges, failures } = await serveWorld(world)
      const session = await connectTo(port)
      const bytes = Buffer.concat(requestFrames(mode, json))
      for (let cut = 0; cut < bytes.length; cut++) {
        const call = new RawCall(session)
        call.stream.write(bytes.subarray(0, cut))
        await vi.waitFor(() => expect(exchanges.opened).toBe(cut + 1), { interval: 1 })
        // Some while their answer is under way, some before what they sent is read.
        if (cut % 2 === 0) await turn()
        call.reset()
      }
      await vi.waitFor(() => expect(exchanges.size).toBe(0))
      expect(world.endpoints[0].inFlight).toBe(0)
      expect(failures).toEqual([])
      expect(world.refused).toEqual([])
      const call = new RawCall(session)
      call.stream.end(bytes)
      expect(await call.result()).toMatchObject({ status: 0 })
      expect(describeAll(call.received)[0]).toBe(answered[0])
    },
  )

  test('with whatever code', async () => {
    const world = createWorld(onePool)
    const { port, exchanges, failures } = await serveWorld(world)
    const session = await connectTo(port)
    for (let code = 0; code <= 14; code++) {
      const call = new RawCall(session)
      call.stream.write(Buffer.concat(requestFrames('full duplex', json).slice(0, 2)))
      await call.untilReceived(1)
      call.reset(code)
    }
    await vi.waitFor(() => expect(exchanges.size).toBe(0))
    expect(world.endpoints[0].inFlight).toBe(0)
    expect(failures).toEqual([])
  })

  test('a lost connection ends all its streams', async () => {
    const world = createWorld(onePool)
    const { port, exchanges } = await serveWorld(world)
    const session = await connectTo(port)
    for (let i = 0; i < 20; i++) new RawCall(session).stream.write(Buffer.concat(requestFrames('full duplex', json)))
    await vi.waitFor(() => expect(world.endpoints[0].inFlight).toBe(20))
    session.destroy()
    await vi.waitFor(() => expect(exchanges.size).toBe(0))
    expect(world.endpoints[0].inFlight).toBe(0)
  })

  test('20,000 streams on one connection, each ended with RST_STREAM as Envoy does', async () => {
    const world = createWorld(onePool)
    const { port, exchanges, failures } = await serveWorld(world)
    const session = await connectTo(port)
    const goaways: number[] = []
    session.on('goaway', (code) => goaways.push(code))
    const bytes = Buffer.concat(requestFrames('full duplex', ['{"model":"qwen"}']))
    let complete = 0
    const streams = 20_000
    let next = 0
    const worker = async () => {
      while (next++ < streams) {
        const call = new RawCall(session)
        call.stream.write(bytes)
        await call.untilReceived(answerBytes)
        if (call.received.length === answerBytes) complete++
        call.reset()
      }
    }
    const probe = new RawCall(session)
    probe.stream.end(bytes)
    await probe.result()
    const answerBytes = probe.received.length
    await Promise.all(Array.from({ length: 100 }, worker))
    expect(complete).toBe(streams)
    expect(goaways).toEqual([])
    expect(failures).toEqual([])
    await vi.waitFor(() => expect(exchanges.size).toBe(0))
    expect(world.endpoints[0].inFlight).toBe(0)
  }, 60_000)
})

describe('clients that do not read', () => {
  test('an echo that is not taken stops the reading: memory stays bounded, and nothing is lost', async () => {
    const world = createWorld({ ...onePool, limits: { maxBodyBytes: 200 * 2 ** 20 } })
    const { port, exchanges } = await serveWorld(world)
    const session = await connectTo(port)
    const call = new RawCall(session)
    const total = 100 * 2 ** 20
    const chunk = frame(bodyMessage(Buffer.alloc(64 * 1024, ' ')))
    const count = total / (64 * 1024)
    call.stream.write(Buffer.concat(requestFrames('full duplex', ['{"model":"qwen"', '']).slice(0, 2)))
    await call.untilReceived(1)
    call.stream.pause()
    let sent = 0
    const pump = (): void => {
      while (sent < count) {
        sent++
        if (!call.stream.write(chunk)) return void call.stream.once('drain', pump)
      }
      call.stream.end(frame(bodyMessage('}', true)))
    }
    const before = process.memoryUsage()
    pump()
    // Both sides stand still when the windows are full.
    let last = -1
    while (last !== sent) {
      last = sent
      await delay(200)
    }
    const stuck = process.memoryUsage()
    expect(sent).toBeLessThan(count / 4)
    expect(stuck.arrayBuffers + stuck.heapUsed - before.arrayBuffers - before.heapUsed).toBeLessThan(32 * 2 ** 20)
    expect(exchanges.size).toBe(1)

    // Others go on meanwhile.
    const other = new RawCall(session)
    other.stream.end(Buffer.concat(requestFrames('full duplex', json)))
    await other.result()
    expect(describeAll(other.received)).toEqual(answered)

    call.stream.resume()
    expect(await call.result()).toMatchObject({ status: 0 })
    const answers = unframe(call.received)
    const bytes = answers.reduce((sum, answer) => {
      return sum + (answer.request_body?.response?.body_mutation?.streamed_response?.body?.length ?? 0)
    }, 0)
    expect(bytes).toBe('{"model":"qwen"'.length + total + 1)
  }, 60_000)
})

describe('letting go', () => {
  test('streams that nothing depends on end with OK, the others go on', async () => {
    const { port, exchanges } = await serveWorld(createWorld(onePool))
    const session = await connectTo(port)
    const [headers, begin, ...rest] = requestFrames('full duplex', json)
    const resting = new RawCall(session)
    resting.stream.write(Buffer.concat([headers, begin, ...rest]))
    const busy = new RawCall(session)
    busy.stream.write(Buffer.concat([headers, begin]))
    await Promise.all([resting.untilReceived(1), busy.untilReceived(1)])
    exchanges.releaseResting()
    expect(await resting.result()).toEqual({ http: 200, status: 0, message: undefined, reset: 0 })
    expect(describeAll(resting.received)).toEqual(answered)
    busy.stream.write(Buffer.concat(rest))
    busy.stream.end()
    expect(await busy.result()).toMatchObject({ status: 0 })
    expect(describeAll(busy.received)).toEqual(answered)
  })
})

test.each([
  ['1H', 3_600_000],
  ['5M', 300_000],
  ['10S', 10_000],
  ['250m', 250],
  ['1500u', 2],
  ['1n', 1],
  ['0m', 0],
  ['99999999H', undefined],
  ['123456789m', undefined],
  ['10', undefined],
  ['m', undefined],
  ['-1S', undefined],
  ['1s', undefined],
  ['', undefined],
  [undefined, undefined],
])('grpc-timeout %s: %s ms', (value, timeoutMs) => {
  expect(parseTimeoutMs(value)).toBe(timeoutMs)
})
