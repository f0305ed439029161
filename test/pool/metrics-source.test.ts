import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { afterEach, expect, it } from 'vitest'
import { selfSignedCertificates } from '../../src/extproc/tls.ts'
import { type MetricsSource, metricsPlace, openMetricsSource } from '../../src/pool/metrics-source.ts'
import { ManualClock, settled } from './manual-clock.ts'

const clock = new ManualClock()
const limits = { timeoutMs: 1_000, maxPageBytes: 100_000, idleConnectionMs: 50 }
const opened: { server: Server; source: MetricsSource }[] = []

afterEach(() => {
  for (const { server, source } of opened.splice(0)) {
    source.close()
    server.closeAllConnections()
    server.close()
  }
})

/** A model server on an ephemeral port and the source of its pages. */
async function serve(answer: RequestListener, host = '127.0.0.1') {
  const sockets: Socket[] = []
  const server = createServer(answer).on('connection', (socket) => sockets.push(socket))
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  const { port } = server.address() as AddressInfo
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  const source = openMetricsSource(address, clock, limits)
  opened.push({ server, source })
  return { source, sockets, address, server }
}

async function until(condition: () => boolean) {
  while (!condition()) await settled()
}

it('asks for /metrics as text and gives the whole page', async () => {
  const seen: unknown[] = []
  const { source, address } = await serve((request, response) => {
    seen.push([request.method, request.url, request.headers.accept, request.headers.host])
    response.write('a'.repeat(70_000))
    setImmediate(() => response.end('b'))
  })
  const page = await source.fetch()
  expect(page.toString()).toBe(`${'a'.repeat(70_000)}b`)
  expect(seen).toEqual([['GET', '/metrics', 'text/plain;version=0.0.4', address]])
})

it('keeps one connection for all fetches', async () => {
  const { source, sockets } = await serve((_request, response) => response.end('up 1\n'))
  for (let i = 0; i < 5; i += 1) expect((await source.fetch()).toString()).toBe('up 1\n')
  expect(sockets.length).toBe(1)
})

it('connects anew when the server has closed the connection', async () => {
  const { source, sockets } = await serve((_request, response) =>
    response.setHeader('connection', 'close').end('up 1\n'),
  )
  await source.fetch()
  await source.fetch()
  expect(sockets.length).toBe(2)
})

it.skipIf(networkInterfaces().lo?.some(({ family }) => family === 'IPv6') !== true)(
  'takes IPv6 addresses',
  async () => {
    const { source } = await serve((_request, response) => response.end('up 1\n'), '::1')
    expect((await source.fetch()).toString()).toBe('up 1\n')
  },
)

it('gives an empty page as an empty page', async () => {
  const { source } = await serve((_request, response) => response.end())
  expect(await source.fetch()).toHaveLength(0)
})

it('fails on any status but 200, and works again after', async () => {
  let status = 503
  const { source } = await serve((_request, response) => response.writeHead(status).end('up 1\n'))
  await expect(source.fetch()).rejects.toThrow('status 503')
  status = 200
  expect((await source.fetch()).toString()).toBe('up 1\n')
})

it('fails where nobody listens', async () => {
  const { source, server } = await serve(() => {})
  await new Promise((resolve) => server.close(resolve))
  await expect(source.fetch()).rejects.toThrow('ECONNREFUSED')
})

it('fails when no answer has come within the timeout', async () => {
  let asked = false
  const { source } = await serve(() => (asked = true))
  const page = expect(source.fetch()).rejects.toThrow('no page within 1000 ms')
  await until(() => asked)
  await clock.advance(1_000)
  await page
})

it('fails when the page has not ended within the timeout', async () => {
  let begun = false
  const { source, sockets } = await serve((_request, response) => (begun = response.write('up 1\n')))
  const page = expect(source.fetch()).rejects.toThrow('no page within 1000 ms')
  await until(() => begun)
  await clock.advance(1_000)
  await page
  await until(() => sockets[0].destroyed)
})

it('leaves no timer behind', async () => {
  const { source } = await serve((_request, response) => response.end('up 1\n'))
  await source.fetch()
  await until(() => clock.pendingTimers === 0)
})

it('refuses a page over the cap, of declared length or not, and closes the connection', async () => {
  const { source, sockets } = await serve((_request, response) => response.end('a'.repeat(100_001)))
  await expect(source.fetch()).rejects.toThrow('page over 100000 bytes')
  await until(() => sockets[0].destroyed)
  const endless = await serve((_request, response) => {
    const more = () => {
      response.write('a'.repeat(10_000))
      if (!response.destroyed) setImmediate(more)
    }
    more()
  })
  await expect(endless.source.fetch()).rejects.toThrow('page over 100000 bytes')
  await until(() => endless.sockets[0].destroyed)
})

it('takes a page that just fits', async () => {
  const { source } = await serve((_request, response) => response.end('a'.repeat(100_000)))
  expect(await source.fetch()).toHaveLength(100_000)
})

it('fails when the server breaks off in the page', async () => {
  const { source } = await serve((_request, response) => {
    response.writeHead(200, { 'content-length': 1_000 }).write('up 1\n')
    setImmediate(() => response.destroy())
  })
  await expect(source.fetch()).rejects.toThrow('aborted')
})

it('fails a fetch that is under way when it is closed, and lets go of the connection', async () => {
  let asked = false
  const { source, sockets } = await serve(() => (asked = true))
  const page = expect(source.fetch()).rejects.toThrow()
  await until(() => asked)
  source.close()
  await page
  await until(() => sockets[0].destroyed)
})

it('lets go of an idle connection when it is closed', async () => {
  const { source, sockets } = await serve((_request, response) => response.end('up 1\n'))
  await source.fetch()
  source.close()
  await until(() => sockets[0].destroyed)
})

it('fails a fetch that has hardly begun when it is closed', async () => {
  const { source } = await serve((_request, response) => response.end('up 1\n'))
  const page = expect(source.fetch()).rejects.toThrow()
  source.close()
  await page
})

it('closes a connection that nobody uses, and connects anew for the next fetch', async () => {
  const { source, sockets } = await serve((_request, response) => response.end('up 1\n'))
  await source.fetch()
  await once(sockets[0], 'close')
  expect((await source.fetch()).toString()).toBe('up 1\n')
  expect(sockets.length).toBe(2)
})

it('asks at another port for another page', async () => {
  const { address } = await serve((request, response) => response.end(request.url))
  const [host, port] = address.split(':')
  const place = { ...metricsPlace, port: Number(port), path: '/stats?all' }
  const source = openMetricsSource(`${host}:1`, clock, limits, place)
  expect((await source.fetch()).toString()).toBe('/stats?all')
  source.close()
})

it('asks over TLS, and takes any certificate if it may', async () => {
  const { current } = await selfSignedCertificates()
  const server = createTlsServer({ ...current }, (_request, response) => response.end('up 1\n'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const fetchBy = async (insecureSkipVerify: boolean) => {
    const source = openMetricsSource(address, clock, limits, { ...metricsPlace, scheme: 'https', insecureSkipVerify })
    return source.fetch().finally(() => source.close())
  }
  expect((await fetchBy(true)).toString()).toBe('up 1\n')
  await expect(fetchBy(false)).rejects.toThrow('self-signed certificate')
  server.close()
})
