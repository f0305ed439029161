import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { freePorts } from '../../src/demo/free-ports.ts'
import { GuardedProcess } from '../../src/demo/process.ts'
import { checkHealth } from './health.ts'

const binary = join(import.meta.dirname, '..', '..', 'bin', 'signalbox')

const kubeconfigFor = (port: number) => ({
  apiVersion: 'v1',
  kind: 'Config',
  clusters: [{ name: 'test', cluster: { server: `https://127.0.0.1:${port}` } }],
  users: [{ name: 'test', user: { token: 'test' } }],
  contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
  'current-context': 'test',
})

describe.each(['serve', 'controller'])('signalbox %s, begun without an API server that answers', (command) => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'signalbox-waiting-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  /** @param hungPort where somebody listens; without it nobody does */
  const start = async (hungPort?: number) => {
    const [health, metrics, grpc, nobody] = await freePorts(4)
    const apiPort = hungPort ?? nobody
    const kubeconfig = join(folder, 'kubeconfig')
    await writeFile(kubeconfig, stringify(kubeconfigFor(apiPort)))
    const program = new GuardedProcess({
      name: `signalbox ${command}`,
      command: binary,
      args: [
        ...[command, '--kubernetes', '--kubeconfig', kubeconfig, '--host', '127.0.0.1'],
        ...['--grpc-health-port', String(health), '--metrics-port', String(metrics)],
        ...(command === 'serve' ? ['--grpc-port', String(grpc)] : []),
      ],
    })
    const healthOf = (service: string) => checkHealth(`127.0.0.1:${health}`, service)
    await expect.poll(() => healthOf('liveness'), { timeout: 20_000 }).toBe('SERVING')
    return { program, healthOf }
  }

  test('is alive, not ready, and ends in order when it is told to: nobody listens', async () => {
    const { program, healthOf } = await start()
    await expect.poll(() => program.lastLines()).toContain('ECONNREFUSED')
    expect(await healthOf('readiness')).toBe('NOT_SERVING')
    process.kill(program.pid, 'SIGTERM')
    expect(await program.ended).toBe('exit code 0')
  })

  test('is alive, not ready, and ends in order when it is told to: somebody listens, and is silent', async () => {
    const hung = createServer().listen(0, '127.0.0.1')
    const connected = once(hung, 'connection')
    await once(hung, 'listening')
    const { program, healthOf } = await start((hung.address() as AddressInfo).port)
    await connected
    expect(await healthOf('readiness')).toBe('NOT_SERVING')
    process.kill(program.pid, 'SIGTERM')
    expect(await program.ended).toBe('exit code 0')
    hung.close()
  })
})
