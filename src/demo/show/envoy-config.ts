import { parse } from 'yaml'

export type EnvoySide = {
  /** Of its listener. */
  readonly port: number
  /** Ports of its model servers on 127.0.0.1. */
  readonly servers: readonly number[]
  /** The ext_proc port of its Signalbox; without one Envoy spreads requests over the servers in turn. */
  readonly extProcPort: number | undefined
}

// biome-ignore lint/suspicious/noExplicitAny: a configuration, changed at a few places that the tests name
type Configuration = any

/**
 * A configuration for several sides beside each other, each with a listener and a cluster of its own, made from
 * envoy/full-duplex.yaml: what that file sets holds on all sides alike.
 * @param template the text of that file
 */
export function envoyConfig(template: string, sides: readonly EnvoySide[], adminPort: number): string {
  const { admin, static_resources } = parse(template) as Configuration
  const [listener] = static_resources.listeners
  const clusterNamed = (name: string) => static_resources.clusters.find((each: Configuration) => each.name === name)
  admin.address.socket_address.port_value = adminPort
  const clusters: Configuration[] = []
  const listeners = sides.map(({ port, servers, extProcPort }, side) => {
    clusters.push(fleet(clusterNamed('qwen-pool'), `fleet-${side}`, servers, extProcPort !== undefined))
    if (extProcPort !== undefined) {
      clusters.push(withAddresses(clusterNamed('signalbox'), `signalbox-${side}`, [extProcPort]))
    }
    return listenerOf(listener, side, port, extProcPort !== undefined)
  })
  return JSON.stringify({ admin, static_resources: { listeners, clusters } })
}

function listenerOf(template: Configuration, side: number, port: number, isPicked: boolean): Configuration {
  const listener = structuredClone(template)
  listener.name = `side-${side}`
  listener.address.socket_address.port_value = port
  const manager = listener.filter_chains[0].filters[0].typed_config
  manager.stat_prefix = listener.name
  delete manager.access_log
  const [extProc, router] = manager.http_filters
  manager.http_filters = isPicked ? [extProc, router] : [router]
  const settings = extProc.typed_config
  settings.grpc_service.envoy_grpc.cluster_name = `signalbox-${side}`
  // Signalbox sees the answers: when they end, their tokens and their first token.
  settings.processing_mode.response_body_mode = 'STREAMED'
  settings.metadata_options.receiving_namespaces.untyped.push('signalbox')
  const [host] = manager.route_config.virtual_hosts
  host.routes = [
    { match: { prefix: '/' }, route: { cluster: `fleet-${side}`, timeout: '86400s', idle_timeout: '86400s' } },
  ]
  return listener
}

function fleet(template: Configuration, name: string, ports: readonly number[], isPicked: boolean): Configuration {
  const cluster = withAddresses(template, name, ports)
  if (isPicked) return cluster
  delete cluster.load_balancing_policy
  return { ...cluster, lb_policy: 'ROUND_ROBIN' }
}

function withAddresses(template: Configuration, name: string, ports: readonly number[]): Configuration {
  const addresses = ports.map((port_value) => ({
    endpoint: { address: { socket_address: { address: '127.0.0.1', port_value } } },
  }))
  return {
    ...structuredClone(template),
    name,
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: addresses }] },
  }
}
