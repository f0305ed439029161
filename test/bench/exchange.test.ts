import { Server, ServerCredentials, type ServiceClientConstructor } from '@grpc/grpc-js'
import { afterEach, describe, expect, test } from 'vitest'
import { defaultLoad, drive, type Load } from '../../bench/driver.ts'
import { loadProtos } from '../../protos/load.ts'

type Message = { request_headers?: object; request_body?: { body?: Buffer; end_of_stream?: boolean } }
type Call = { write(answer: object): void; end(): void; on(event: string, listener: (message: Message) => void): void }
type Behaviour = (message: Message, answer: (message: object) => void) => void

let server: Server | undefined
afterEach(() => server?.forceShutdown())

/** A server that answers each message as `behaviour` says; gives its address. */
async function serve(behaviour: Behaviour): Promise<string> {
  // biome-ignore lint/suspicious/noExplicitAny: a GrpcObject is a tree of packages without types
  const { ExternalProcessor } = (loadProtos().grpc as any).envoy.service.ext_proc.v3
  server = new Server()
  server.addService((ExternalProcessor as ServiceClientConstructor).service, {
    Process(call: Call) {
      call.on('data', (message) => behaviour(message, (answer) => call.write(answer)))
      call.on('end', () => call.end())
    },
  })
  return new Promise((resolve, reject) => {
    server!.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(`127.0.0.1:${port}`),
    )
  })
}

const decision = {
  header_mutation: { set_headers: [{ header: { key: 'X-Gateway-Model-Name', raw_value: Buffer.from('qwen') } }] },
}
const streamed = (body: Buffer, end_of_stream: boolean) => ({
  request_body: { response: { body_mutation: { streamed_response: { body, end_of_stream } } } },
})
const echo: Behaviour = ({ request_headers, request_body }, answer) => {
  if (request_headers) answer({ request_headers: { response: decision } })
  if (request_body) answer(streamed(request_body.body ?? Buffer.alloc(0), request_body.end_of_stream ?? false))
}

const load: Omit<Load, 'address'> = { ...defaultLoad, bodyBytes: 5000, chunkBytes: 1000, requests: 3, concurrency: 2 }

describe('full duplex', () => {
  test('an exact echo counts', async () => {
    const result = await drive({ ...load, address: await serve(echo) })
    expect(result.failures).toEqual({})
    expect(result.requestsPerSecond).toBeGreaterThan(0)
    expect(result.total.p50Ms).toBeGreaterThanOrEqual(result.decision.p50Ms)
  })

  test('the same JSON in other bytes counts, too', async () => {
    const received: Buffer[] = []
    const behaviour: Behaviour = ({ request_headers, request_body }, answer) => {
      if (request_headers) answer({ request_headers: { response: decision } })
      if (request_body) received.push(request_body.body!)
      if (!request_body?.end_of_stream) return
      const { model, messages } = JSON.parse(Buffer.concat(received.splice(0)).toString())
      answer(streamed(Buffer.from(JSON.stringify({ messages, model }, null, 1)), true))
    }
    const result = await drive({ ...load, concurrency: 1, address: await serve(behaviour) })
    expect(result.failures).toEqual({})
  })

  const faults: [string, Behaviour, RegExp][] = [
    [
      'a byte that changed',
      (message, answer) => {
        const body = message.request_body?.body && Buffer.from(message.request_body.body)
        if (body) body[body.length >> 1] ^= 1
        echo(body ? { request_body: { ...message.request_body, body } } : message, answer)
      },
      /not the one that came: 5000 bytes for 5000/,
    ],
    [
      'a body answer before the headers answer',
      ({ request_body }, answer) => {
        if (!request_body) return
        answer(streamed(Buffer.from('x'), false))
        answer({ request_headers: { response: decision } })
      },
      /headers answer came after a body answer/,
    ],
    [
      'a second headers answer',
      (message, answer) => {
        echo(message, answer)
        if (message.request_headers) echo(message, answer)
      },
      /second headers answer/,
    ],
    [
      'no decision',
      (message, answer) => (message.request_headers ? answer({ request_headers: {} }) : echo(message, answer)),
      /neither model name nor endpoint/,
    ],
    [
      'an answer that only other modes have',
      (message, answer) => (message.request_body ? answer({ request_body: {} }) : echo(message, answer)),
      /without streamed_response/,
    ],
    [
      'an immediate response',
      (_message, answer) =>
        answer({ immediate_response: { status: { code: 'TooManyRequests' }, body: Buffer.from('shed') } }),
      /immediate response TooManyRequests: shed/,
    ],
  ]
  test.each(faults)('%s is a failure', async (_name, behaviour, reason) => {
    const { failures, requestsPerSecond } = await drive({ ...load, address: await serve(behaviour) })
    expect(Object.keys(failures)).toEqual([expect.stringMatching(reason)])
    expect(Object.values(failures)).toEqual([load.requests])
    expect(requestsPerSecond).toBe(0)
  })
})

describe('streamed', () => {
  const acknowledge: Behaviour = ({ request_headers, request_body }, answer) => {
    if (request_headers) answer({ request_headers: { response: decision } })
    if (request_body) answer({ request_body: {} })
  }

  test('an acknowledgement a chunk leaves the body as it was', async () => {
    const result = await drive({ ...load, mode: 'streamed', address: await serve(acknowledge) })
    expect(result.failures).toEqual({})
  })

  test('more acknowledgements than chunks are a failure', async () => {
    const twice: Behaviour = (message, answer) => {
      acknowledge(message, answer)
      if (message.request_body) acknowledge(message, answer)
    }
    // The second chunk would come long after both acknowledgements of the first.
    const oneByOne = { ...load, mode: 'streamed', requests: 1, gapMs: 5000 } as const
    const { failures } = await drive({ ...oneByOne, address: await serve(twice) })
    expect(Object.keys(failures)).toEqual(['more body answers than chunks'])
  })
})

test('buffered: the body goes when the headers are answered, and its answer decides', async () => {
  const order: string[] = []
  const behaviour: Behaviour = ({ request_headers, request_body }, answer) => {
    order.push(request_headers ? 'headers' : `${request_body!.body!.length} bytes`)
    if (request_headers) answer({ request_headers: {} })
    else answer({ request_body: { response: decision } })
  }
  const result = await drive({ ...load, mode: 'buffered', requests: 1, address: await serve(behaviour) })
  expect(result.failures).toEqual({})
  expect(order).toEqual(['headers', '5000 bytes'])
})
