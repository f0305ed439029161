import { writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePorts } from '../../src/demo/free-ports.ts'
import { GuardedProcess, untilReady } from '../../src/demo/process.ts'
import { modelName } from './resources.ts'
import type { Server } from './server.ts'

/** A listener of Envoy that sends each request through ext_proc servers, one after the other, to a model server. */
export type Gateway = { readonly name: string; readonly url: string; readonly servers: readonly Server[] }

export type Gateways = { readonly gateways: readonly Gateway[]; readonly envoyPid: number; stop(): Promise<void> }

const upstreamProgram = fileURLToPath(new URL('upstream.ts', import.meta.url))

/** Starts one real Envoy with a gateway for each chain, and the model server behind them. */
export async function startGateways(
  envoyBinary: string,
  chains: readonly { name: string; servers: readonly Server[] }[],
  directory: string,
): Promise<Gateways> {
  const [upstreamPort, adminPort, ...ports] = await freePorts(2 + chains.length)
  const listeners = chains.map((chain, i) => listener(chain.name, ports[i], chain.servers))
  const servers = new Set(chains.flatMap((chain) => chain.servers))
  const clusters = [cluster('upstream', `127.0.0.1:${upstreamPort}`), ...Array.from(servers, extProcCluster)]
  const configuration = join(directory, 'envoy.json')
  writeFileSync(
    configuration,
    JSON.stringify({ admin: { address: socket(`127.0.0.1:${adminPort}`) }, static_resources: { listeners, clusters } }),
  )

  const upstream = new GuardedProcess({
    name: 'upstream',
    command: process.execPath,
    args: [upstreamProgram, String(upstreamPort)],
  })
  const envoy = new GuardedProcess({
    name: 'envoy',
    command: envoyBinary,
    // Without a base id of its own Envoy refuses to run beside another.
    args: ['--config-path', configuration, '--use-dynamic-base-id', '--log-level', 'warn'],
  })
  const stop = async () => {
    await envoy.stop()
    await upstream.stop()
  }
  try {
    await untilReady(upstream, () => answersOk(`http://127.0.0.1:${upstreamPort}/`))
    await untilReady(envoy, () => answersOk(`http://127.0.0.1:${adminPort}/ready`))
  } catch (error) {
    await stop()
    throw error
  }
  const gateways = chains.map(({ name, servers }, i) => ({ name, servers, url: `http://127.0.0.1:${ports[i]}` }))
  return { gateways, envoyPid: envoy.pid, stop }
}

function answersOk(url: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    get(url, (answer) => {
      answer.resume()
      resolve(answer.statusCode === 200)
    }).on('error', reject)
  })
}

/** The `typed_config` of an Envoy extension. */
const typed = (type: string, fields: object = {}) => ({ '@type': `type.googleapis.com/envoy.${type}`, ...fields })

function socket(address: string) {
  const { hostname, port } = new URL(`http://${address}`)
  return { socket_address: { address: hostname, port_value: Number(port) } }
}

function listener(name: string, port: number, servers: readonly Server[]): object {
  const chooses = servers.length > 0
  // Where a server is to name the model, only a request that got the name's header finds the upstream.
  const byModel = { name: 'x-gateway-model-name', string_match: { exact: modelName } }
  const toUpstream = { match: { prefix: '/', headers: chooses ? [byModel] : [] }, route: { cluster: 'upstream' } }
  const notFound = { match: { prefix: '/' }, direct_response: { status: 404 } }
  return {
    name,
    address: socket(`127.0.0.1:${port}`),
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typed_config: typed('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
              stat_prefix: 'gateway',
              route_config: { virtual_hosts: [{ name: 'models', domains: ['*'], routes: [toUpstream, notFound] }] },
              http_filters: [
                ...servers.map(extProcFilter),
                {
                  name: 'envoy.filters.http.router',
                  typed_config: typed('extensions.filters.http.router.v3.Router'),
                },
              ],
            }),
          },
        ],
      },
    ],
  }
}

function extProcFilter({ name }: Server): object {
  return {
    name: `envoy.filters.http.ext_proc/${name}`,
    typed_config: typed('extensions.filters.http.ext_proc.v3.ExternalProcessor', {
      grpc_service: { envoy_grpc: { cluster_name: name } },
      message_timeout: '30s',
      processing_mode: {
        request_header_mode: 'SEND',
        request_body_mode: 'FULL_DUPLEX_STREAMED',
        request_trailer_mode: 'SEND',
        response_header_mode: 'SKIP',
      },
    }),
  }
}

function cluster(name: string, address: string): object {
  return {
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socket(address) } }] }],
    },
  }
}

function extProcCluster({ name, address }: Server): object {
  const protocol = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
  return {
    ...cluster(name, address),
    typed_extension_protocol_options: {
      [protocol]: typed('extensions.upstreams.http.v3.HttpProtocolOptions', {
        explicit_http_config: { http2_protocol_options: {} },
      }),
    },
  }
}
