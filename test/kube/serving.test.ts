import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse, parseAllDocuments, stringify } from 'yaml'
import { freePorts } from '../../src/demo/free-ports.ts'
import { GuardedProcess, untilReady } from '../../src/demo/process.ts'
import { kinds } from '../../src/kubernetes/kinds.ts'
import { type Sim, startSim } from '../../src/sim/sim.ts'
import { envoy } from '../e2e/envoy.ts'
import { load } from '../e2e/load.ts'
import type { KubeApi } from '../real/kube-api.ts'
import { isSkipped, put, putPod, startCluster } from './cluster.ts'
import { checkHealth } from './health.ts'

const root = join(import.meta.dirname, '..', '..')

/** Addresses of the pods of each model, all with the port of the pools in examples/two-models. */
const pods = {
  qwen: ['127.0.1.1', '127.0.1.2', '127.0.1.3'],
  'deepseek-r1': ['127.0.1.11', '127.0.1.12'],
}
const modelPort = 8000
const adapters = ['travel-helper-v1', 'travel-helper-v2']

/** Addresses of the replicas of Signalbox, which share their ports. */
const replicaAddresses = ['127.0.2.1', '127.0.2.2']

/** As long as an outage may be in the promise that is tested. */
const outageMs = 30_000

type Ports = { readonly grpc: number; readonly health: number; readonly metrics: number }

function startReplica(
  host: string,
  kubeconfig: string,
  { grpc, health, metrics }: Ports,
  flags: readonly string[] = [],
): GuardedProcess {
  return new GuardedProcess({
    name: `signalbox serve on ${host}`,
    command: join(root, 'bin', 'signalbox'),
    args: [
      'serve',
      '--kubernetes',
      `--kubeconfig=${kubeconfig}`,
      '--secure-serving=false',
      `--host=${host}`,
      `--grpc-port=${grpc}`,
      `--grpc-health-port=${health}`,
      `--metrics-port=${metrics}`,
      ...flags,
    ],
  })
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host, () => resolve(true))
    socket.on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}

describe.skipIf(isSkipped || envoy === undefined)(
  'two replicas that read a real API server, behind a real Envoy',
  () => {
    const ends: (() => Promise<unknown>)[] = []
    let api: KubeApi
    let ports: Ports
    let url: string
    const replicas = new Map<string, GuardedProcess>()

    const startOne = async (host: string) => {
      const replica = startReplica(host, api.kubeconfig, ports)
      replicas.set(host, replica)
      await untilReady(replica, () => accepts(host, ports.grpc))
    }

    beforeAll(async () => {
      api = await startCluster()
      ends.push(() => api.stop())
      await applyExamples(api)
      for (const [model, addresses] of Object.entries(pods)) {
        for (const [index, ip] of addresses.entries()) {
          const sim: Sim = await startSim({
            model,
            adapters: model === 'qwen' ? adapters : [],
            host: ip,
            port: modelPort,
          })
          ends.push(() => sim.close())
          await putPod(api, { name: `${model}-${index}`, labels: { app: model } }, { ip })
        }
      }
      const [grpc, health, metrics, gateway, admin] = await freePorts(5)
      ports = { grpc, health, metrics }
      ends.push(() => Promise.all([...replicas.values()].map((replica) => replica.stop())))
      await Promise.all(replicaAddresses.map(startOne))

      const folder = await mkdtemp(join(tmpdir(), 'signalbox-serving-'))
      ends.push(() => rm(folder, { recursive: true, force: true }))
      const file = join(folder, 'envoy.yaml')
      const template = parse(await readFile(join(root, 'envoy', 'full-duplex.yaml'), 'utf8'), { merge: true })
      const configuration = moved(template, ports, gateway, admin)
      await writeFile(file, stringify(configuration, { aliasDuplicateObjects: false }))
      const program = new GuardedProcess({
        name: 'envoy',
        command: envoy!,
        args: ['-c', file, '--disable-hot-restart', '--concurrency', '2', '--log-level', 'warning'],
      })
      ends.push(() => program.stop())
      await untilReady(program, async () => (await fetch(`http://127.0.0.1:${admin}/ready`)).ok)
      url = `http://127.0.0.1:${gateway}`
    })
    afterAll(async () => {
      for (const end of ends.reverse()) await end()
    })

    /** Requests go on while `work` is done, and a moment longer. */
    const underTraffic = async (work: () => Promise<void>) => {
      const stop = new AbortController()
      const traffic = load(url, Number.POSITIVE_INFINITY, 8, stop.signal)
      try {
        await work()
        await sleep(1000)
      } finally {
        stop.abort()
      }
      const { requests, failures, seconds } = await traffic
      console.log(`${requests} requests, ${Math.round(requests / seconds)} a second`)
      return { requests, failures: Object.fromEntries(failures) }
    }

    test('no request fails while the API server is gone for 30 s', async () => {
      const { requests, failures } = await underTraffic(async () => {
        await api.interrupt()
        await sleep(outageMs)
        await api.resume()
      })
      expect(failures).toEqual({})
      expect(requests).toBeGreaterThan(500)
    })

    test('no request fails while the replicas are restarted one after the other', async () => {
      const { requests, failures } = await underTraffic(async () => {
        for (const host of replicaAddresses) {
          process.kill(replicas.get(host)!.pid, 'SIGTERM')
          expect(await replicas.get(host)!.ended).toBe('exit code 0')
          await startOne(host)
        }
      })
      expect(failures).toEqual({})
      expect(requests).toBeGreaterThan(500)
    })

    test('of two replicas that elect a leader one is ready, and the other is within 15 s of a kill', async () => {
      const flags = ['--pool-name=qwen-pool', '--ha-enable-leader-election']
      const hosts = ['127.0.3.1', '127.0.3.2']
      const standing = hosts.map((host) => startReplica(host, api.kubeconfig, ports, flags))
      ends.push(() => Promise.all(standing.map((replica) => replica.stop())))
      const healthOf = (service: string) =>
        Promise.all(hosts.map((host) => checkHealth(`${host}:${ports.health}`, service)))
      await expect.poll(() => healthOf('liveness'), { timeout: 20_000 }).toEqual(['SERVING', 'SERVING'])
      await expect.poll(async () => (await healthOf('readiness')).toSorted()).toEqual(['NOT_SERVING', 'SERVING'])

      const leader = (await healthOf('readiness')).indexOf('SERVING')
      const other = 1 - leader
      process.kill(standing[leader].pid, 'SIGKILL')
      await expect.poll(async () => (await healthOf('readiness'))[other], { timeout: 15_000 }).toBe('SERVING')

      // At an orderly end the lease is given back at once.
      standing[leader] = startReplica(hosts[leader], api.kubeconfig, ports, flags)
      await expect.poll(async () => (await healthOf('readiness'))[leader], { timeout: 20_000 }).toBe('NOT_SERVING')
      process.kill(standing[other].pid, 'SIGTERM')
      await expect.poll(async () => (await healthOf('readiness'))[leader], { timeout: 15_000 }).toBe('SERVING')
    })
  },
)

/** Applies examples/two-models, in which nothing is made for a test. */
async function applyExamples(api: KubeApi): Promise<void> {
  for (const name of ['pools', 'models', 'routes']) {
    const text = await readFile(join(root, 'examples', 'two-models', `${name}.yaml`), 'utf8')
    for (const document of parseAllDocuments(text)) {
      const object = document.toJS()
      const kind = Object.values(kinds).find(
        (each) => each.apiVersion === object.apiVersion && each.kind === object.kind,
      )
      await put(api, kind!, object)
    }
  }
}

// biome-ignore lint/suspicious/noExplicitAny: an Envoy configuration, read where envoy/full-duplex.yaml has it
type Yaml = any

/** envoy/full-duplex.yaml with the addresses of this test. */
function moved(template: Yaml, ports: Ports, gatewayPort: number, adminPort: number): Yaml {
  const { admin, static_resources: fixed } = template
  admin.address.socket_address.port_value = adminPort
  fixed.listeners[0].address.socket_address.port_value = gatewayPort
  const endpoint = (address: string, port_value: number) => ({
    endpoint: { address: { socket_address: { address, port_value } } },
  })
  const addresses: Readonly<Record<string, Yaml[]>> = {
    'qwen-pool': pods.qwen.map((ip) => endpoint(ip, modelPort)),
    'deepseek-pool': pods['deepseek-r1'].map((ip) => endpoint(ip, modelPort)),
    'all-pools': Object.values(pods).flatMap((ips) => ips.map((ip) => endpoint(ip, modelPort))),
    signalbox: replicaAddresses.map((ip) => endpoint(ip, ports.grpc)),
  }
  for (const cluster of fixed.clusters) cluster.load_assignment.endpoints[0].lb_endpoints = addresses[cluster.name]
  return template
}
