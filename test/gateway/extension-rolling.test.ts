import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { Client } from '../../src/demo/client.ts'
import { freePorts } from '../../src/demo/free-ports.ts'
import { chatBody } from '../../src/demo/probe.ts'
import { GuardedProcess, untilReady } from '../../src/demo/process.ts'
import { extProcCluster, insertExtProc } from '../../src/extension/ext-proc.ts'
import { messages } from '../../src/extension/messages.ts'
import { startSim } from '../../src/sim/sim.ts'
import { envoy } from '../e2e/envoy.ts'
import { pool } from '../e2e/scene.ts'
import { jsonOf } from '../extension/envoy-json.ts'
import { socketAddress, startBareEnvoy } from './extension-envoy.ts'

/** Of requests at the same time. */
const clients = 16

type Ports = { readonly grpc: number; readonly health: number; readonly metrics: number }

/** The cluster of the replicas on these ports, as Envoy has it where one name leads to all of them. */
function replicasCluster(ports: readonly number[]) {
  const cluster = jsonOf(extProcCluster({ host: '127.0.0.1', port: ports[0], tls: false }))
  const endpoints = ports.map((port) => ({ endpoint: { address: socketAddress(port) } }))
  return { ...cluster, load_assignment: { cluster_name: cluster.name, endpoints: [{ lb_endpoints: endpoints }] } }
}

/** The filter as it is until discovery says more. */
function extProcFilter() {
  const manager = messages.connectionManager.from({ http_filters: [{ name: 'envoy.filters.http.router' }] })
  insertExtProc(manager, { host: '127.0.0.1', port: 1, authority: undefined })
  const [{ name, config_discovery }] = jsonOf(manager).http_filters
  return { name, typed_config: config_discovery.default_config }
}

describe.skipIf(envoy === undefined)('two replicas of the ext_proc service and a dead one behind a real Envoy', () => {
  const ends: (() => unknown)[] = []
  let folder: string
  let ports: Ports[]
  let replicas: GuardedProcess[]
  let url: string

  async function startReplica({ grpc, health, metrics }: Ports): Promise<GuardedProcess> {
    const program = new GuardedProcess({
      name: 'signalbox serve',
      command: join(import.meta.dirname, '..', '..', 'bin', 'signalbox'),
      args: [
        'serve',
        `--resources=${join(folder, 'pool.yaml')}`,
        `--endpoints=${join(folder, 'endpoints.yaml')}`,
        '--secure-serving=false',
        '--host=127.0.0.1',
        `--grpc-port=${grpc}`,
        `--grpc-health-port=${health}`,
        `--metrics-port=${metrics}`,
      ],
    })
    await untilReady(program, async () => (await fetch(`http://127.0.0.1:${metrics}/metrics`)).ok)
    return program
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'signalbox-rolling-'))
    ends.push(() => rm(folder, { recursive: true, force: true }))
    const server = await startSim({ model: 'qwen' })
    ends.push(() => server.close())
    const endpoint = {
      name: 'qwen',
      namespace: 'default',
      address: '127.0.0.1',
      port: server.port,
      labels: { app: 'model' },
    }
    await writeFile(join(folder, 'pool.yaml'), stringify(pool))
    await writeFile(join(folder, 'endpoints.yaml'), stringify({ endpoints: [endpoint] }))
    const [deadPort, ...free] = await freePorts(7)
    ports = [0, 1].map((i) => ({ grpc: free[3 * i], health: free[3 * i + 1], metrics: free[3 * i + 2] }))
    replicas = await Promise.all(ports.map(startReplica))
    ends.push(() => Promise.all(replicas.map((replica) => replica.stop())))

    const endpoints = [{ lb_endpoints: [{ endpoint: { address: socketAddress(server.port) } }] }]
    const servers = { name: 'pool', type: 'STATIC', load_assignment: { cluster_name: 'pool', endpoints } }
    const replicaPorts = [...ports.map(({ grpc }) => grpc), deadPort]
    const clusters = [servers, replicasCluster(replicaPorts)]
    const running = await startBareEnvoy({ clusters, filters: [extProcFilter()] })
    ends.push(() => running.stop())
    url = running.url
  })
  afterAll(async () => {
    for (const end of ends.reverse()) await end()
  })

  test('all requests go to those that are well', async () => {
    const client = new Client(url, clients)
    const ask = async () => (await client.send({ path: '/v1/chat/completions', body: chatBody('qwen') })).status
    const statuses = async () => new Set(await Promise.all(Array.from({ length: 30 }, ask)))
    await expect.poll(statuses).toEqual(new Set([200]))
    client.close()
  })

  test('one after the other started anew under load: no request fails', async () => {
    const { statuses, stop } = askOn()
    /** Requests of which a replica has read the model since it was started. */
    const servedBy = async ({ metrics }: Ports) => {
      const page = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text()
      return Number(/^bbr_success_total (\d+)$/m.exec(page)?.[1])
    }
    try {
      for (const [i, replica] of replicas.entries()) {
        process.kill(replica.pid, 'SIGTERM')
        expect(await replica.ended).toBe('exit code 0')
        replicas[i] = await startReplica(ports[i])
        // As a rollout goes on when the new Pod is ready: Envoy knows it.
        await expect.poll(() => servedBy(ports[i])).toBeGreaterThan(0)
      }
    } finally {
      await stop()
    }
    expect([...statuses.keys()]).toEqual([200])
    expect(statuses.get(200)).toBeGreaterThan(1000)
  })

  test('one killed under load: only what it had in hand fails', async () => {
    const { statuses, stop } = askOn()
    const served = () => statuses.get(200) ?? 0
    const failed = () => [...statuses].reduce((sum, [status, count]) => (status === 200 ? sum : sum + count), 0)
    const serveMore = (count: number) => {
      const servedBefore = served()
      return expect.poll(served, { timeout: 60_000 }).toBeGreaterThan(servedBefore + count)
    }
    let failedAtFirst = 0
    try {
      await expect.poll(served).toBeGreaterThan(500)
      process.kill(replicas[0].pid, 'SIGKILL')
      await replicas[0].ended
      await serveMore(500)
      failedAtFirst = failed()
      await serveMore(1500)
    } finally {
      await stop()
    }
    // What each client was asking, and what a few ask before Envoy has heard of the end; then nothing any more.
    expect(failedAtFirst).toBeLessThanOrEqual(2 * clients)
    expect(failed()).toBe(failedAtFirst)
  })

  /** Keeps asking until it is stopped, and counts the answers by status. */
  function askOn() {
    const client = new Client(url, clients)
    const statuses = new Map<number, number>()
    let isOver = false
    const keepAsking = async () => {
      while (!isOver) {
        const { status } = await client.send({ path: '/v1/chat/completions', body: chatBody('qwen') })
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
      }
    }
    const traffic = Promise.all(Array.from({ length: clients }, keepAsking))
    const stop = async () => {
      isOver = true
      await traffic
      client.close()
    }
    return { statuses, stop }
  }
})
