import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../../src/demo/free-ports.ts'
import { GuardedProcess, untilReady } from '../../src/demo/process.ts'
import { messages } from '../../src/extension/messages.ts'
import { envoy } from '../e2e/envoy.ts'

export const socketAddress = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } })

/** An Envoy alone, without Envoy Gateway: one listener, all requests of which go to the first of the clusters. */
export type EnvoyParts = {
  readonly clusters: readonly { readonly name: string }[]
  /** Before the router. */
  readonly filters?: readonly object[]
}

export type RunningEnvoy = { readonly url: string; stop(): Promise<void> }

/** Starts it with resources as this service makes them, in JSON. */
export async function startBareEnvoy({ clusters, filters = [] }: EnvoyParts): Promise<RunningEnvoy> {
  const [port, adminPort] = await freePorts(2)
  const routes = [{ match: { prefix: '/' }, route: { cluster: clusters[0].name } }]
  const router = { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' }
  const manager = {
    '@type': messages.connectionManager.typeUrl,
    stat_prefix: 'gateway',
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes }] },
    http_filters: [...filters, { name: 'envoy.filters.http.router', typed_config: router }],
  }
  const chain = { filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }] }
  const bootstrap = {
    node: { id: 'test', cluster: 'test' },
    admin: { address: socketAddress(adminPort) },
    static_resources: {
      listeners: [{ name: 'gateway', address: socketAddress(port), filter_chains: [chain] }],
      clusters,
    },
  }
  const folder = await mkdtemp(join(tmpdir(), 'signalbox-envoy-'))
  const file = join(folder, 'envoy.json')
  await writeFile(file, JSON.stringify(bootstrap))
  const args = ['-c', file, '--disable-hot-restart', '--concurrency', '2', '--log-level', 'error']
  const program = new GuardedProcess({ name: 'envoy', command: envoy!, args })
  const stop = async () => {
    await program.stop()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await untilReady(program, async () => (await fetch(`http://127.0.0.1:${adminPort}/ready`)).ok)
  } catch (error) {
    await stop()
    throw error
  }
  return { url: `http://127.0.0.1:${port}`, stop }
}
