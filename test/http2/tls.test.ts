import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import { selfSignedCertificates } from '../../src/extproc/tls.ts'
import { frameType } from '../../src/http2/frame.ts'
import { RawCall } from '../extproc/serving.ts'
import { goawayOf } from './fake-client.ts'
import { connectRaw, countedEcho, serveHttp2 } from './serving.ts'
import { ends, opens, preface, readFrames, settings } from './wire.ts'

const keyPair = async () => (await selfSignedCertificates()).current

async function serveTls() {
  const counted = countedEcho()
  return { ...counted, ...(await serveHttp2(counted.serve, await keyPair())) }
}

/** A client of node:http2 that verifies nothing. */
async function connectTo(port: number) {
  const session = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false })
  session.on('error', () => {})
  onTestFinished(() => session.destroy())
  await once(session, 'remoteSettings')
  return session
}

async function expectEcho(port: number): Promise<void> {
  const call = new RawCall(await connectTo(port), '/test')
  call.stream.end('still here')
  expect(await call.result()).toMatchObject({ http: 200, status: 0 })
  expect(call.received.toString()).toBe('still here')
}

/** A TLS client that says what it likes, and how it ended. */
function shakeHands(port: number, options: ConnectionOptions = {}) {
  const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
  onTestFinished(() => void socket.destroy())
  const received: Buffer[] = []
  socket.on('data', (bytes: Buffer) => received.push(bytes))
  const refused = new Promise<string | undefined>((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code))
    socket.once('close', () => resolve(undefined))
  })
  /** Whole frames that have come; none while one is on its way. */
  const frames = () => {
    try {
      return readFrames(Buffer.concat(received))
    } catch {
      return []
    }
  }
  return { socket, frames, refused }
}

const secured = (socket: TLSSocket) => once(socket, 'secureConnect')

describe('what is agreed on', () => {
  test('h2, among other protocols', async () => {
    const { port } = await serveTls()
    const { socket } = shakeHands(port, { ALPNProtocols: ['http/1.1', 'h2'] })
    await secured(socket)
    expect(socket.alpnProtocol).toBe('h2')
    await expectEcho(port)
  })

  test('a client that speaks HTTP/1.1 alone is refused by TLS itself', async () => {
    const { port } = await serveTls()
    const { refused, frames } = shakeHands(port, { ALPNProtocols: ['http/1.1'] })
    expect(await refused).toBe('ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL')
    expect(frames()).toEqual([])
    await expectEcho(port)
  })

  test('a client that says nothing of protocols is taken at its word', async () => {
    const { port } = await serveTls()
    const { socket, frames } = shakeHands(port)
    await secured(socket)
    expect(socket.alpnProtocol).toBe(false)
    socket.write(Buffer.concat([preface, settings(), opens(1), ends(1, 'hello')]))
    await expect.poll(() => frames().filter(({ streamId }) => streamId === 1)).toHaveLength(3)
    const [, body] = frames().filter(({ streamId }) => streamId === 1)
    expect(body).toMatchObject({ type: frameType.data, payload: Buffer.from('hello') })
  })

  test('a client that speaks HTTP/1.1 over TLS is told what is wrong, and cut', async () => {
    const { port } = await serveTls()
    const { socket, frames, refused } = shakeHands(port)
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
    expect(await refused).toBeUndefined()
    expect(goawayOf(frames())).toMatchObject({ code: 1, reason: 'the client does not speak HTTP/2' })
    await expectEcho(port)
  })

  test('plain text is cut', async () => {
    const { port } = await serveTls()
    const socket = await connectRaw(port)
    socket.resume().write(preface)
    await once(socket, 'close')
    await expectEcho(port)
  })

  test('a new certificate is for new connections; those that are open go on', async () => {
    const { server, port } = await serveTls()
    const shown = async () => {
      const { socket } = shakeHands(port, { ALPNProtocols: ['h2'] })
      await secured(socket)
      expect(socket.alpnProtocol).toBe('h2')
      return socket.getPeerCertificate().fingerprint256
    }
    const before = await shown()
    const call = new RawCall(await connectTo(port), '/test')
    call.stream.write('before ')
    await call.untilReceived(7)
    server.setKeyPair(await keyPair())
    expect(await shown()).not.toBe(before)
    call.stream.end('after')
    expect(await call.result()).toMatchObject({ status: 0 })
    expect(call.received.toString()).toBe('before after')
  })
})

test('large answers arrive whole, though the socket is slower than the server', async () => {
  const { port } = await serveTls()
  const body = Buffer.alloc(3_000_000, 'some body ')
  const session = await connectTo(port)
  const calls = [1, 2, 3].map(() => new RawCall(session, '/test'))
  for (const { stream } of calls) stream.end(body)
  for (const call of calls) {
    expect(await call.result()).toMatchObject({ status: 0, reset: 0 })
    expect(call.received.equals(body)).toBe(true)
  }
})

describe('going', () => {
  test('a shutdown is announced, and the streams that were on their way are served', async () => {
    const { server, port } = await serveTls()
    const session = await connectTo(port)
    const goaway = once(session, 'goaway')
    const open = new RawCall(session, '/test')
    open.stream.write('open, ')
    await open.untilReceived(6)
    server.announceShutdown()
    const late = new RawCall(session, '/test')
    expect((await goaway).slice(0, 2)).toEqual([0, 2 ** 31 - 1])
    late.stream.end('late')
    open.stream.end('too')
    expect(await late.result()).toMatchObject({ http: 200, status: 0 })
    expect(await open.result()).toMatchObject({ http: 200, status: 0 })
    expect([late.received.toString(), open.received.toString()]).toEqual(['late', 'open, too'])
    await expectEcho(port)
  })

  /** Connected, and accepted: what connects later is served already. */
  async function connectAccepted(port: number) {
    const socket = await connectRaw(port)
    await expectEcho(port)
    return socket
  }

  test('a handshake that is under way while the server closes leads to a goodbye', async () => {
    const { server, port } = await serveTls()
    const slow = await connectAccepted(port)
    const closed = server.close()
    const { socket, frames, refused } = shakeHands(port, { socket: slow, ALPNProtocols: ['h2'] })
    await secured(socket)
    expect(await refused).toBeUndefined()
    expect(goawayOf(frames())).toMatchObject({ code: 0, lastStreamId: 0 })
    await closed
  })

  test('a handshake that never begins is cut with the rest', async () => {
    const { server, port } = await serveTls()
    const silent = await connectAccepted(port)
    const cut = once(silent, 'close')
    const closed = server.close()
    server.destroy()
    await Promise.all([closed, cut])
  })
})
