import { once } from 'node:events'
import {
  type AddressInfo,
  connect as connectSocket,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { beginResponse, endWithStatus, type GrpcMethod, GrpcServer } from '../../src/extproc/grpc-server.ts'
import { connectTo, RawCall, serveMethods } from './serving.ts'

/** Sends back what comes, and ends when the client does. */
const echo: GrpcMethod = (stream) => {
  beginResponse(stream)
  return {
    data(chunk, start, end) {
      stream.write(chunk.subarray(start, end))
      stream.flush()
    },
    end: () => endWithStatus(stream, 0),
    closed() {},
  }
}

/** Answers at once and reads nothing. */
const atOnce =
  (answer: (stream: Parameters<GrpcMethod>[0]) => void): GrpcMethod =>
  (stream) => {
    answer(stream)
    return { data() {}, end() {}, closed() {} }
  }

const serveEcho = () => serveMethods(new Map([['/test.Echo/Echo', echo]]))

async function expectEcho(port: number): Promise<void> {
  const call = new RawCall(await connectTo(port), '/test.Echo/Echo')
  call.stream.end('still here')
  expect(await call.result()).toMatchObject({ http: 200, status: 0 })
  expect(call.received.toString()).toBe('still here')
}

/** A TCP connection on which a client says what it likes, closed when the test is over. */
async function connectRaw(port: number): Promise<Socket> {
  const socket = connectSocket(port, '127.0.0.1')
  socket.on('error', () => {})
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  return socket
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port

describe('calls', () => {
  test('a method that is there', async () => {
    const { port } = await serveEcho()
    await expectEcho(port)
  })

  test('a method that is not there: UNIMPLEMENTED, whether the client has ended or not', async () => {
    const { port } = await serveEcho()
    const session = await connectTo(port)
    const ended = new RawCall(session, '/test.Echo/Nothing')
    ended.stream.end(Buffer.alloc(100_000))
    const open = new RawCall(session, '/test.Echo/Nothing%20here')
    open.stream.write('x')
    expect(await ended.result()).toMatchObject({ http: 200, status: 12, message: 'no method /test.Echo/Nothing' })
    expect(await open.result()).toMatchObject({ http: 200, status: 12, reset: 0 })
  })

  test.each([
    ['another content type', { 'content-type': 'application/json' }],
    ['none', { 'content-type': '' }],
    ['another method', { ':method': 'GET' }],
  ])('%s is no gRPC: 415', async (_name, headers) => {
    const { port } = await serveEcho()
    const call = new RawCall(await connectTo(port), '/test.Echo/Echo', headers)
    call.stream.end()
    expect(await call.result()).toMatchObject({ http: 415, status: undefined })
  })

  test('content types with a suffix are gRPC', async () => {
    const { port } = await serveEcho()
    const headers = { 'content-type': 'application/grpc+proto' }
    const call = new RawCall(await connectTo(port), '/test.Echo/Echo', headers)
    call.stream.end('x')
    expect(await call.result()).toMatchObject({ http: 200, status: 0 })
  })

  test('the message of a status arrives as it was meant', async () => {
    const text = '100 % of "models" müssen\nsein: 模型'
    const { port } = await serveMethods(
      new Map([['/test.Echo/Fail', atOnce((stream) => endWithStatus(stream, 3, text))]]),
    )
    const call = new RawCall(await connectTo(port), '/test.Echo/Fail')
    call.stream.end()
    expect(await call.result()).toMatchObject({ status: 3, message: text })
  })

  test('ending twice, or after a reset, is nothing', async () => {
    const calls: Parameters<GrpcMethod>[0][] = []
    const end = atOnce((stream) => {
      calls.push(stream)
      endWithStatus(stream, 0)
      endWithStatus(stream, 13)
    })
    const { port } = await serveMethods(new Map([['/test.Echo/End', end]]))
    const call = new RawCall(await connectTo(port), '/test.Echo/End')
    call.stream.end()
    expect(await call.result()).toMatchObject({ status: 0 })
    expect(() => endWithStatus(calls[0], 13)).not.toThrow()
  })

  test('large answers arrive whole before the status, though the client has not ended', async () => {
    const bytes = 5_000_000
    const flood = atOnce((stream) => {
      beginResponse(stream)
      stream.write(Buffer.alloc(bytes))
      endWithStatus(stream, 5, 'that was it')
    })
    const { port } = await serveMethods(new Map([['/test.Echo/Flood', flood]]))
    const call = new RawCall(await connectTo(port), '/test.Echo/Flood')
    call.stream.write('x')
    expect(await call.result()).toEqual({ http: 200, status: 5, message: 'that was it', reset: 0 })
    expect(call.received.length).toBe(bytes)
  })
})

describe('clients that talk nonsense lose their connection, and nobody else does', () => {
  const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])
  const nonsense: [string, Buffer][] = [
    ['bytes that are no HTTP', Buffer.alloc(1000, 0xff)],
    ['HTTP/1.1', Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n')],
    ['a TLS hello', Buffer.from('16030100a5010000a10303', 'hex')],
    ['a frame that is too large', Buffer.concat([Buffer.from(preface), settings, Buffer.alloc(9, 0xff)])],
    [
      'headers that are no HPACK',
      Buffer.concat([Buffer.from(preface), settings, Buffer.from('000004010500000001ffffffff', 'hex')]),
    ],
    [
      'data on a stream that is not open',
      Buffer.concat([Buffer.from(preface), settings, Buffer.from('00000100000000000941', 'hex')]),
    ],
    [
      'a frame on a stream of the server',
      Buffer.concat([Buffer.from(preface), settings, Buffer.from('000004030000000002000000ff', 'hex')]),
    ],
  ]
  test.each(nonsense)('%s', async (_name, bytes) => {
    const { port } = await serveEcho()
    const session = await connectTo(port)
    const open = new RawCall(session, '/test.Echo/Echo')
    open.stream.write('before ')
    await open.untilReceived(7)
    const socket = await connectRaw(port)
    socket.resume()
    socket.write(bytes)
    await once(socket, 'close')
    open.stream.end('after')
    expect(await open.result()).toMatchObject({ status: 0 })
    expect(open.received.toString()).toBe('before after')
    await expectEcho(port)
  })

  test('half a preface and silence takes nothing from others', async () => {
    const { port } = await serveEcho()
    const socket = await connectRaw(port)
    socket.write(preface.slice(0, 10))
    await expectEcho(port)
    socket.resetAndDestroy()
    await expectEcho(port)
  })
})

describe('announcing a shutdown', () => {
  test('streams that were on their way are served, and clients take other connections', async () => {
    const { server, port } = await serveEcho()
    const session = await connectTo(port)
    const goaway = once(session, 'goaway')
    const open = new RawCall(session, '/test.Echo/Echo')
    open.stream.write('open, ')
    await open.untilReceived(6)
    server.announceShutdown()
    // Sent before the client has read of it.
    const late = new RawCall(session, '/test.Echo/Echo')
    const [code, lastStream] = await goaway
    expect([code, lastStream]).toEqual([0, 2 ** 31 - 1])
    late.stream.end('late')
    open.stream.end('too')
    expect(await late.result()).toMatchObject({ http: 200, status: 0 })
    expect(await open.result()).toMatchObject({ http: 200, status: 0 })
    expect([late.received.toString(), open.received.toString()]).toEqual(['late', 'open, too'])
    await expectEcho(port)
  })

  test('it comes between frames, however much is under way', async () => {
    for (let round = 0; round < 20; round++) {
      const { server, port } = await serveEcho()
      const session = await connectTo(port)
      const body = Buffer.alloc(300_000 + round * 1000, round)
      const calls = Array.from({ length: 10 }, () => new RawCall(session, '/test.Echo/Echo'))
      for (const { stream } of calls) stream.end(body)
      await calls[round % 10].untilReceived(1 + round * 15_000)
      server.announceShutdown()
      for (const call of calls) {
        expect(await call.result()).toMatchObject({ http: 200, status: 0 })
        expect(call.received.equals(body)).toBe(true)
      }
    }
  })
})

describe('closing', () => {
  test('clients are told to go, streams that are open go on to their end', async () => {
    const { server, port } = await serveEcho()
    const session = await connectTo(port)
    const goaway = once(session, 'goaway')
    const call = new RawCall(session, '/test.Echo/Echo')
    call.stream.write('before ')
    await call.untilReceived(7)
    let isClosed = false
    const closed = server.close().then(() => (isClosed = true))
    const [code] = await goaway
    expect(code).toBe(0)
    await expect(connectRaw(port)).rejects.toThrow('ECONNREFUSED')
    expect(isClosed).toBe(false)
    call.stream.end('after')
    expect(await call.result()).toMatchObject({ status: 0 })
    expect(call.received.toString()).toBe('before after')
    await closed
  })

  test('idle connections do not hold it up', async () => {
    const { server, port } = await serveEcho()
    const session = await connectTo(port)
    const ended = once(session, 'close')
    await server.close()
    await ended
  })

  test('cut: what is still open is lost', async () => {
    const { server, port } = await serveEcho()
    const call = new RawCall(await connectTo(port), '/test.Echo/Echo')
    call.stream.write('x')
    await call.untilReceived(1)
    const closed = server.close()
    server.destroy()
    await closed
    expect((await call.result()).status).toBeUndefined()
  })
})

describe('listening', () => {
  test('the port that was asked for', async () => {
    const { port } = await serveEcho()
    expect(port).toBeGreaterThan(0)
  })

  test('a port that is taken is an error', async () => {
    const taken = createTcpServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    onTestFinished(() => void taken.close())
    await expect(new GrpcServer(new Map(), undefined).listen(portOf(taken), '127.0.0.1')).rejects.toMatchObject({
      code: 'EADDRINUSE',
    })
  })
})
