import { once } from 'node:events'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { credentials, type ServiceClientConstructor, type ServiceError } from '@grpc/grpc-js'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { loadProtos } from '../../protos/load.ts'
import { Health } from '../../src/extproc/health.ts'
import {
  type CertificatePair,
  type Certificates,
  folderCertificates,
  selfSignedCertificates,
} from '../../src/extproc/tls.ts'
import { serveMethods } from './serving.ts'

/** What a client that verifies nothing is shown: the certificate's SHA-256, and the protocol that was agreed on. */
function handshake(port: number): Promise<{ fingerprint: string; protocol: string | false | null }> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] }, () => {
      resolve({ fingerprint: socket.getPeerCertificate().fingerprint256, protocol: socket.alpnProtocol })
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

async function serveHealth(certificates: Certificates): Promise<number> {
  const { port } = await serveMethods(new Health().methods, certificates)
  return port
}

describe('self-signed', () => {
  test('@grpc/grpc-js, which is told to verify nothing, is served', async () => {
    const port = await serveHealth(await selfSignedCertificates())
    // biome-ignore lint/suspicious/noExplicitAny: a GrpcObject is a tree of packages without types
    const HealthClient = (loadProtos().grpc as any).grpc.health.v1.Health as ServiceClientConstructor
    const trusting = credentials.createSsl(null, null, null, { rejectUnauthorized: false })
    const client = new HealthClient(`127.0.0.1:${port}`, trusting, { 'grpc.ssl_target_name_override': 'localhost' })
    onTestFinished(() => client.close())
    const status = await new Promise((resolve, reject) => {
      client.Check({ service: 'liveness' }, (error: ServiceError | null, response: { status: string }) =>
        error === null ? resolve(response.status) : reject(error),
      )
    })
    expect(status).toBe('SERVING')
    expect((await handshake(port)).protocol).toBe('h2')
  })

  test('a shutdown is announced on encrypted connections, too, and streams that come all the same are served', async () => {
    const { server, port } = await serveMethods(new Health().methods, await selfSignedCertificates())
    const session = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false })
    onTestFinished(() => session.destroy())
    await once(session, 'remoteSettings')
    const goaway = once(session, 'goaway')
    server.announceShutdown()
    const headers = { ':method': 'POST', ':path': '/grpc.health.v1.Health/Check', 'content-type': 'application/grpc' }
    const [answer] = await once(session.request(headers).end(Buffer.alloc(5)), 'response')
    expect(answer[':status']).toBe(200)
    expect((await goaway).slice(0, 2)).toEqual([0, 2 ** 31 - 1])
  })

  test('each process has its own, good for years', async () => {
    const [one, other] = await Promise.all([selfSignedCertificates(), selfSignedCertificates()])
    expect(one.current.cert).not.toBe(other.current.cert)
    const port = await serveHealth(one)
    const notAfter = await new Promise<string>((resolve) => {
      const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
        resolve(socket.getPeerCertificate().valid_to)
        socket.destroy()
      })
    })
    expect(Date.parse(notAfter) - Date.now()).toBeGreaterThan(9 * 365 * 86_400_000)
  })

  test('plain text does not get through, and harms nobody', async () => {
    const port = await serveHealth(await selfSignedCertificates())
    const session = connectHttp2(`http://127.0.0.1:${port}`)
    session.on('error', () => {})
    await new Promise<void>((resolve) => session.once('close', () => resolve()))
    expect((await handshake(port)).protocol).toBe('h2')
  })
})

describe('a folder, as a Secret is mounted', () => {
  async function pair(): Promise<CertificatePair> {
    return (await selfSignedCertificates()).current
  }

  function temporaryFolder(): string {
    const folder = mkdtempSync(join(tmpdir(), 'signalbox-tls-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    return folder
  }

  function writePair(folder: string, { cert, key }: CertificatePair): void {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'tls.crt'), cert)
    writeFileSync(join(folder, 'tls.key'), key)
  }

  /** Kubernetes puts the files in a folder of their own, and swaps the link to it. */
  function mountSecret(folder: string, version: string, content: CertificatePair): void {
    writePair(join(folder, `..${version}`), content)
    symlinkSync(`..${version}`, join(folder, '..data_tmp'))
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
  }

  async function open(folder: string) {
    const problems: string[] = []
    const certificates = folderCertificates(folder, (problem) => problems.push(problem))
    onTestFinished(() => certificates.close())
    const port = await serveHealth(certificates)
    return { certificates, port, problems, shown: async () => (await handshake(port)).fingerprint }
  }

  test('files that are replaced are shown to the next connection', async () => {
    const folder = temporaryFolder()
    writePair(folder, await pair())
    const { certificates, shown, problems } = await open(folder)
    const before = await shown()
    const renewed = await pair()
    writePair(folder, renewed)
    await vi.waitFor(async () => expect(await shown()).not.toBe(before), 3000)
    expect(certificates.current).toEqual(renewed)
    expect(problems).toEqual([])
  })

  test('a swapped ..data link is a change', async () => {
    const folder = temporaryFolder()
    mountSecret(folder, '2026_01', await pair())
    for (const name of ['tls.crt', 'tls.key']) symlinkSync(join('..data', name), join(folder, name))
    const { certificates, shown, problems } = await open(folder)
    for (const version of ['2026_02', '2026_03']) {
      const before = await shown()
      const renewed = await pair()
      mountSecret(folder, version, renewed)
      await vi.waitFor(async () => expect(await shown()).not.toBe(before), 3000)
      expect(certificates.current).toEqual(renewed)
    }
    expect(problems).toEqual([])
  })

  test.each([
    ['a key that does not fit', async () => ({ cert: (await pair()).cert, key: (await pair()).key })],
    ['a certificate that is none', async () => ({ ...(await pair()), cert: 'no certificate' })],
    ['an empty key', async () => ({ ...(await pair()), key: '' })],
  ])('%s: said, and the last good one stays until there is a better', async (_name, broken) => {
    const folder = temporaryFolder()
    writePair(folder, await pair())
    const { shown, problems } = await open(folder)
    const before = await shown()
    writePair(folder, await broken())
    await vi.waitFor(() => expect(problems).toHaveLength(1), 3000)
    expect(problems[0]).toContain(`the certificate in ${folder} can't be used, the last good one stays: `)
    expect(await shown()).toBe(before)
    writePair(folder, await pair())
    await vi.waitFor(async () => expect(await shown()).not.toBe(before), 3000)
    expect(problems).toHaveLength(1)
  })

  test('files that vanish are said', async () => {
    const folder = temporaryFolder()
    writePair(folder, await pair())
    const { shown, problems } = await open(folder)
    const before = await shown()
    rmSync(join(folder, 'tls.key'))
    await vi.waitFor(() => expect(problems[0]).toContain('ENOENT'), 3000)
    expect(await shown()).toBe(before)
  })

  test('the same files written again are no change', async () => {
    const folder = temporaryFolder()
    const content = await pair()
    writePair(folder, content)
    const { certificates } = await open(folder)
    const changes: CertificatePair[] = []
    certificates.onChange((changed) => changes.push(changed))
    writePair(folder, content)
    const renewed = await pair()
    await new Promise((resolve) => setTimeout(resolve, 300))
    writePair(folder, renewed)
    await vi.waitFor(() => expect(changes.length).toBeGreaterThan(0), 3000)
    expect(changes).toEqual([renewed])
  })

  test('no good pair at the start is an error', async () => {
    const folder = temporaryFolder()
    expect(() => folderCertificates(folder, () => {})).toThrow('ENOENT')
    writePair(folder, { ...(await pair()), key: 'x' })
    expect(() => folderCertificates(folder, () => {})).toThrow()
  })
})
