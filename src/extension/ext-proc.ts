import type { Any } from '@bufbuild/protobuf/wkt'
import { extProcService } from '../extproc/health.ts'
import type { ModeSetting } from '../extproc/processing-mode.ts'
import { outputHeaders } from '../request/control-headers.ts'
import { usageNamespace } from '../response/usage-metadata.ts'
import { type DiscoveryAddress, discoverySource } from './discovery-source.ts'
import { type Cluster, type HttpConnectionManager, type HttpFilter, messages, packed } from './messages.ts'
import { liftLimits } from './pool-cluster.ts'

/** `signalbox serve`, as Envoys reach it. */
export type ExtProc = {
  readonly host: string
  readonly port: number
  /** TLS with whatever certificate it shows; as endpoint pickers are spoken with, whose certificates are self-signed. */
  readonly tls: boolean
}

export const extProcFilterName = 'envoy.filters.http.ext_proc/signalbox'
/** Envoy's gRPC client sends it as the authority, which may have no slash. */
const clusterName = 'signalbox-ext-proc'
const removalName = 'envoy.http.early_header_mutation.header_mutation/signalbox'
const types = 'type.googleapis.com/envoy.extensions'
const processorType = `${types}.filters.http.ext_proc.v3.ExternalProcessor`
const perRouteType = `${types}.filters.http.ext_proc.v3.ExtProcPerRoute`

/** The cluster of the ext_proc service: one HTTP/2 connection a worker and server, one stream a request. */
export function extProcCluster({ host, port, tls }: ExtProc): Cluster {
  const cluster = messages.cluster.from({
    name: clusterName,
    type: isAddress(host) ? 'STATIC' : 'STRICT_DNS',
    dns_lookup_family: 'V4_PREFERRED',
    connect_timeout: '1s',
    // One that drains says so, long before DNS does.
    health_checks: [
      {
        interval: '1s',
        no_traffic_interval: '5s',
        timeout: '1s',
        unhealthy_threshold: 2,
        healthy_threshold: 1,
        grpc_health_check: { service_name: extProcService },
      },
    ],
    ignore_health_on_host_removal: true,
    // One of three that is well gets all requests; with Envoy's 50 % the others would get theirs, too. None: all are tried.
    common_lb_config: { healthy_panic_threshold: { value: 1 } },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': `${types}.upstreams.http.v3.HttpProtocolOptions`,
        explicit_http_config: {
          // A processor that is gone without a word (a frozen process, a lost node) is noticed in 15 s.
          http2_protocol_options: { connection_keepalive: { interval: '10s', timeout: '5s' } },
        },
      },
    },
    load_assignment: {
      cluster_name: clusterName,
      endpoints: [
        { lb_endpoints: [{ endpoint: { address: { socket_address: { address: host, port_value: port } } } }] },
      ],
    },
    ...(tls && {
      transport_socket: {
        name: 'envoy.transport_sockets.tls',
        typed_config: {
          '@type': `${types}.transport_sockets.tls.v3.UpstreamTlsContext`,
          ...(!isAddress(host) && { sni: host }),
        },
      },
    }),
  })
  // A stream stays open as long as its request, so 1,024 would be a limit on requests in flight.
  liftLimits(cluster)
  return cluster
}

const isAddress = (host: string): boolean => /^[\d.]+$|:/.test(host)

/**
 * The filter, off but for the virtual hosts that {@link turnOnExtProc} names. What it sends of answers depends on the resources
 * and comes by discovery: a change of the listener would end the connections of clients after a while.
 */
function extProcFilter(discovery: DiscoveryAddress): HttpFilter {
  return messages.httpFilter.from({
    name: extProcFilterName,
    disabled: true,
    config_discovery: {
      config_source: discoverySource(discovery),
      type_urls: [processorType],
      default_config: processor('NONE', 'SKIP'),
      apply_default_config_without_warming: true,
    },
  })
}

/** The configuration of the filter (envoy.config.core.v3.TypedExtensionConfig), whatever it is called in the listener. */
export function extProcConfig(name: string, mode: readonly ModeSetting[]): Any {
  const settingOf = (field: string) => mode.find((setting) => setting.field === field)!.value
  const typed_config = processor(settingOf('response_body_mode'), settingOf('response_trailer_mode'))
  return messages.extension.pack(messages.extension.from({ name, typed_config }))
}

/**
 * Until health checks notice that one of several replicas has died, a stream that cannot connect to it begins at another.
 * Nothing was sent then, so nothing happens twice. Envoy's default of a second before each try would be too slow.
 */
const retryPolicy = {
  retry_on: 'connect-failure',
  num_retries: 4,
  retry_back_off: { base_interval: '0.025s', max_interval: '0.25s' },
  retry_host_predicate: [
    {
      name: 'envoy.retry_host_predicates.previous_hosts',
      typed_config: { '@type': `${types}.retry.host.previous_hosts.v3.PreviousHostsPredicate` },
    },
  ],
  host_selection_retry_max_attempts: 5,
}

const processor = (responseBody: string, responseTrailers: string) => ({
  '@type': processorType,
  // The stream lives as long as the request, so no limit on its time.
  grpc_service: { envoy_grpc: { cluster_name: clusterName }, timeout: '0s', retry_policy: retryPolicy },
  // Without a decision there is no right server to send a request to: fail closed, and say 503, not 500.
  failure_mode_allow: false,
  status_on_error: { code: 'ServiceUnavailable' },
  // How long Envoy waits for one answer. Longer than a request may wait in a queue.
  message_timeout: '60s',
  processing_mode: {
    request_header_mode: 'SEND',
    request_body_mode: 'FULL_DUPLEX_STREAMED',
    request_trailer_mode: 'SEND',
    response_header_mode: 'SEND',
    response_body_mode: responseBody,
    response_trailer_mode: responseTrailers,
  },
  // The picked server arrives as metadata, which no client can forge. Envoy drops namespaces not named here.
  metadata_options: {
    receiving_namespaces: { untyped: ['envoy.lb', usageNamespace] },
    forwarding_namespaces: { untyped: ['envoy.lb'] },
  },
})

/**
 * Filters of Envoy Gateway that come after it, in Envoy Gateway's order: they see the route that the model leads to. Those
 * before it, such as authentication, see what a request matches without a model.
 */
export const laterFilters = ['rbac', 'local_ratelimit', 'ratelimit', 'bandwidth_limit', 'compressor', 'router'].map(
  (name) => `envoy.filters.http.${name}`,
)

/** Puts the filter in its place, and takes clients' copies of {@link outputHeaders} away before any filter. */
export function insertExtProc(manager: HttpConnectionManager, discovery: DiscoveryAddress): void {
  const filters = manager.httpFilters.filter(({ name }) => name !== extProcFilterName)
  const next = filters.findIndex(({ name }) => laterFilters.some((later) => name.startsWith(later)))
  manager.httpFilters = filters.toSpliced(next, 0, extProcFilter(discovery))
  if (manager.earlyHeaderMutationExtensions.some(({ name }) => name === removalName)) return
  manager.earlyHeaderMutationExtensions.push(
    messages.extension.from({
      name: removalName,
      typed_config: {
        '@type': `${types}.http.early_header_mutation.header_mutation.v3.HeaderMutation`,
        mutations: outputHeaders.map((remove) => ({ remove })),
      },
    }),
  )
}

/** Turns the filter on for a virtual host, or for a route, whose pool it is told. */
export function turnOnExtProc(target: { typedPerFilterConfig: Record<string, Any> }, poolKey?: string): void {
  const metadata = poolKey === undefined ? [] : [{ key: 'x-inference-pool', value: poolKey }]
  target.typedPerFilterConfig[extProcFilterName] = packed({
    '@type': perRouteType,
    overrides: { grpc_initial_metadata: metadata },
  })
}
