import { type ClientReadableStream, credentials, type ServiceClientConstructor, type ServiceError } from '@grpc/grpc-js'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { loadProtos } from '../../protos/load.ts'
import { Health } from '../../src/extproc/health.ts'
import { connectTo, RawCall, serveMethods } from './serving.ts'

type Status = 'UNKNOWN' | 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN'
type Response = { status: Status }

// biome-ignore lint/suspicious/noExplicitAny: a GrpcObject is a tree of packages without types
const HealthClient = (loadProtos().grpc as any).grpc.health.v1.Health as ServiceClientConstructor

const extProc = 'envoy.service.ext_proc.v3.ExternalProcessor'

async function serveHealth() {
  const health = new Health()
  const { server, port } = await serveMethods(health.methods)
  const client = new HealthClient(`127.0.0.1:${port}`, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  })
  onTestFinished(() => client.close())
  return {
    health,
    server,
    port,
    check: (service: string) =>
      new Promise<Status>((resolve, reject) => {
        client.Check({ service }, (error: ServiceError | null, response: Response) =>
          error === null ? resolve(response.status) : reject(error),
        )
      }),
    list: () =>
      new Promise<Record<string, Response>>((resolve, reject) => {
        client.List({}, (error: ServiceError | null, response: { statuses: Record<string, Response> }) =>
          error === null ? resolve(response.statuses) : reject(error),
        )
      }),
    watch(service: string) {
      const stream: ClientReadableStream<Response> = client.Watch({ service })
      const seen: Status[] = []
      stream.on('data', ({ status }: Response) => seen.push(status))
      const ended = new Promise<number>((resolve) => stream.on('error', ({ code }: ServiceError) => resolve(code)))
      return { stream, seen, ended }
    },
  }
}

describe('Check', () => {
  test.each(['', 'readiness', extProc, 'inference-extension'])(
    '"%s" serves between setReady(true) and setReady(false)',
    async (service) => {
      const { health, check } = await serveHealth()
      expect(await check(service)).toBe('NOT_SERVING')
      health.setReady(true)
      expect(await check(service)).toBe('SERVING')
      health.setReady(false)
      expect(await check(service)).toBe('NOT_SERVING')
    },
  )

  test('"liveness" always serves', async () => {
    const { health, check } = await serveHealth()
    expect(await check('liveness')).toBe('SERVING')
    health.setReady(true)
    health.setReady(false)
    expect(await check('liveness')).toBe('SERVING')
  })

  test('another name is NOT_FOUND', async () => {
    const { check } = await serveHealth()
    await expect(check('readyness')).rejects.toMatchObject({ code: 5, details: 'unknown service readyness' })
  })
})

describe('Watch', () => {
  test('tells the status now, and every change once', async () => {
    const { health, watch } = await serveHealth()
    const [ready, live] = [watch(extProc), watch('liveness')]
    await vi.waitFor(() => expect([ready.seen, live.seen]).toEqual([['NOT_SERVING'], ['SERVING']]))
    health.setReady(true)
    health.setReady(true)
    await vi.waitFor(() => expect(ready.seen).toEqual(['NOT_SERVING', 'SERVING']))
    health.setReady(false)
    await vi.waitFor(() => expect(ready.seen).toEqual(['NOT_SERVING', 'SERVING', 'NOT_SERVING']))
    expect(live.seen).toEqual(['SERVING'])
  })

  test('a name that is not known is watched as SERVICE_UNKNOWN', async () => {
    const { watch } = await serveHealth()
    const { seen } = watch('nothing')
    await vi.waitFor(() => expect(seen).toEqual(['SERVICE_UNKNOWN']))
  })

  test('one that a client has ended is told no more, the others are', async () => {
    const { health, watch } = await serveHealth()
    const [gone, stays] = [watch(''), watch('')]
    await vi.waitFor(() => expect([gone.seen, stays.seen]).toEqual([['NOT_SERVING'], ['NOT_SERVING']]))
    gone.stream.cancel()
    await gone.ended
    health.setReady(true)
    await vi.waitFor(() => expect(stays.seen).toEqual(['NOT_SERVING', 'SERVING']))
    expect(gone.seen).toEqual(['NOT_SERVING'])
  })

  test('ends as UNAVAILABLE when the server closes, so that it can', async () => {
    const { health, server, watch } = await serveHealth()
    const { seen, ended } = watch('readiness')
    await vi.waitFor(() => expect(seen).toEqual(['NOT_SERVING']))
    health.close()
    expect(await ended).toBe(14)
    await server.close()
  })
})

test('List tells all of them', async () => {
  const { health, list } = await serveHealth()
  const names = ['', 'liveness', 'readiness', extProc, 'inference-extension']
  const ready = (status: Status) => Object.fromEntries(names.map((name) => [name, { status }]))
  expect(await list()).toEqual({ ...ready('NOT_SERVING'), liveness: { status: 'SERVING' } })
  health.setReady(true)
  expect(await list()).toEqual(ready('SERVING'))
})

describe('requests that are none', () => {
  const path = '/grpc.health.v1.Health/Check'
  const requests: [string, Buffer, number][] = [
    ['nothing', Buffer.alloc(0), 3],
    ['half a prefix', Buffer.alloc(3), 3],
    ['less than it says', Buffer.from([0, 0, 0, 0, 9, 10]), 3],
    ['two of them', Buffer.alloc(10), 3],
    ['no protobuf', Buffer.from([0, 0, 0, 0, 2, 10, 9]), 3],
    ['a compressed one', Buffer.from([1, 0, 0, 0, 0]), 12],
    ['a megabyte', Buffer.alloc(1_000_000), 3],
  ]
  test.each(requests)('%s', async (_name, bytes, status) => {
    const { port, check } = await serveHealth()
    const call = new RawCall(await connectTo(port), path)
    call.stream.end(bytes)
    expect(await call.result()).toMatchObject({ http: 200, status })
    expect(await check('liveness')).toBe('SERVING')
  })

  test('fields of later versions are passed over', async () => {
    const { port } = await serveHealth()
    const call = new RawCall(await connectTo(port), path)
    call.stream.end(Buffer.from([0, 0, 0, 0, 12, 0x10, 5, 10, 8, ...Buffer.from('liveness')]))
    expect(await call.result()).toMatchObject({ status: 0 })
    expect(call.received).toEqual(Buffer.from([0, 0, 0, 0, 2, 8, 1]))
  })

  test('a client that breaks off', async () => {
    const { port, check } = await serveHealth()
    const call = new RawCall(await connectTo(port), path)
    call.stream.write(Buffer.alloc(3))
    call.reset()
    expect(await check('liveness')).toBe('SERVING')
  })
})
