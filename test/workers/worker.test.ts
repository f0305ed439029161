import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { connect } from 'node:tls'
import pino from 'pino'
import { afterEach, describe, expect, test } from 'vitest'
import { emptyCatalog } from '../../src/catalog/catalog.ts'
import { type CertificatePair, selfSignedCertificates } from '../../src/extproc/tls.ts'
import type { FromWorker } from '../../src/workers/messages.ts'
import { type StartMessage, Worker } from '../../src/workers/worker.ts'
import { serviceOptions } from '../service-options.ts'

let workers: Worker[] = []

afterEach(() => {
  for (const worker of workers) worker.told({ kind: 'drain' })
  workers = []
})

/** A worker in this process, and what it tells. */
function newWorker(given: { port?: number; certificate?: CertificatePair } = {}) {
  const told: FromWorker[] = []
  const exits: number[] = []
  const channel = {
    send: (message: FromWorker) => void told.push(message),
    exit: (code: number) => void exits.push(code),
  }
  const start: StartMessage = {
    kind: 'start',
    options: { ...serviceOptions, workers: 2, host: '127.0.0.1', grpcPort: given.port ?? 0, drainTimeoutMs: 1 },
    workerName: '1',
    logLevel: 'silent',
    certificate: given.certificate,
    snapshot: { catalog: emptyCatalog, endpoints: [] },
    news: { scrapes: [], loads: [], lessons: [], longestIntervalMs: 1000 },
    isReady: true,
  }
  const worker = new Worker(start, channel, pino({ level: 'silent' }))
  workers.push(worker)
  const portOf = () => told.flatMap((message) => (message.kind === 'serving' ? message.port : []))[0]
  return { worker, told, exits, portOf }
}

describe('a worker', () => {
  test('tells when it serves, answers that it is well, and ends when it is drained', async () => {
    const { worker, told, exits } = newWorker()
    await worker.start()
    worker.told({ kind: 'ping' })
    expect(told).toEqual([{ kind: 'serving', port: expect.any(Number) }, { kind: 'pong' }])
    worker.told({ kind: 'drain' })
    await expect.poll(() => exits).toEqual([0])
  })

  test('that is drained before it serves ends', async () => {
    const { worker, exits } = newWorker()
    worker.told({ kind: 'drain' })
    await expect.poll(() => exits).toEqual([0])
  })

  test('says why it can not serve, and ends', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { worker, told, exits } = newWorker({ port: (other.address() as AddressInfo).port })
    await worker.start()
    expect(told).toEqual([{ kind: 'failed', message: expect.stringContaining('EADDRINUSE'), syscall: 'listen' }])
    expect(exits).toEqual([1])
    other.close()
  })

  test('explains a request by what it knows, and says why it can not', async () => {
    const { worker, told } = newWorker()
    const client = { method: 'POST', path: '/v1/completions', headers: [], body: Buffer.from('{"model":"qwen"}') }
    worker.told({ kind: 'explain', id: 7, client })
    await expect.poll(() => told.at(-1)).toMatchObject({ kind: 'explained', id: 7, explanation: { outcome: 'route' } })
    worker.told({ kind: 'explain', id: 8, client: { ...client, body: undefined as unknown as Buffer } })
    await expect
      .poll(() => told.at(-1))
      .toMatchObject({ kind: 'explained', id: 8, explanation: undefined, failure: expect.any(String) })
  })

  test('sends its page of metrics in whole lines, the last piece of which says so', async () => {
    const { worker, told } = newWorker()
    worker.told({ kind: 'collect', names: undefined })
    await expect.poll(() => told.at(-1)).toMatchObject({ kind: 'page', isLast: true })
    const pieces = told.flatMap((message) => (message.kind === 'page' && !message.isLast ? message.text : []))
    expect(pieces.join('')).toContain('\nsignalbox_open_exchanges 0\n')
    expect(pieces.every((piece) => piece.endsWith('\n'))).toBe(true)
  })

  test('serves the certificate that it was sent, and the next one from then on', async () => {
    const [first, second] = await Promise.all([selfSignedCertificates(), selfSignedCertificates()])
    const { worker, portOf } = newWorker({ certificate: first.current })
    await worker.start()
    const served = async () => {
      const socket = connect({ host: '127.0.0.1', port: portOf(), rejectUnauthorized: false, ALPNProtocols: ['h2'] })
      await once(socket, 'secureConnect')
      const { raw } = socket.getPeerCertificate()
      socket.destroy()
      return raw.toString('base64')
    }
    const base64Of = ({ cert }: CertificatePair) => cert.replaceAll(/-----[^-]+-----|\s/g, '')
    expect(await served()).toBe(base64Of(first.current))
    worker.told({ kind: 'certificate', pair: second.current })
    expect(await served()).toBe(base64Of(second.current))
  })
})
