import type { Any } from '@bufbuild/protobuf/wkt'
import { type DiscoveryAddress, discoverySource } from './discovery-source.ts'
import { type CircuitBreakerThresholds, type Cluster, type LoadBalancingPolicy, messages, packed } from './messages.ts'

/** A pool that an HTTPRoute rule sends requests to. */
export type PoolBackend = {
  /** `namespace/name` */
  readonly key: string
  /** Its servers speak HTTP/2 without TLS (spec.appProtocol: kubernetes.io/h2c). */
  readonly speaksHttp2: boolean
}

/** The namespace of cluster metadata in which a cluster's pools stand, for the end of the translation to see. */
const metadataNamespace = 'signalbox'
const httpOptions = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'

/**
 * In the place of Envoy's own limits of 1,024: Signalbox holds back what the servers can't take, and so many long answers are
 * no overload.
 */
const noLimits: CircuitBreakerThresholds = {
  maxConnections: 100_000,
  maxPendingRequests: 100_000,
  maxRequests: 100_000,
  maxRetries: 1000,
}

/**
 * Makes a cluster of Envoy Gateway's one that follows the picked endpoint among those of the pools. The policies of the user
 * stay: a load balancer takes the requests without a pick, circuit breakers and protocol options count when there are any.
 */
export function makePoolCluster(cluster: Cluster, pools: readonly PoolBackend[], discovery: DiscoveryAddress): void {
  const isMade = poolsOf(cluster).length > 0
  const keys = [...new Set(pools.map(({ key }) => key))].sort()
  cluster.metadata ??= messages.metadata.from({})
  cluster.metadata.filterMetadata[metadataNamespace] = { pools: keys }
  cluster.edsClusterConfig = messages.edsClusterConfig.from({
    service_name: resourceName(keys),
    eds_config: discoverySource(discovery),
  })
  if (!isMade) cluster.loadBalancingPolicy = followPick(cluster.loadBalancingPolicy)
  liftLimits(cluster)
  const speaksHttp2 = pools.some((pool) => pool.speaksHttp2)
  const options = cluster.typedExtensionProtocolOptions
  options[httpOptions] ??= packed({
    '@type': `type.googleapis.com/${httpOptions}`,
    // Python model servers close a connection that idles for 5 s; leaving first avoids the race.
    common_http_protocol_options: { idle_timeout: '4s' },
    explicit_http_config: { http_protocol_options: {} },
  })
  if (speaksHttp2) options[httpOptions] = overHttp2(options[httpOptions])
}

/** Envoy Gateway does not know what pools speak: options that a policy needs, for a timeout say, are for HTTP/1. */
function overHttp2({ value }: Any): Any {
  const options = messages.httpProtocolOptions.decode(value)
  const protocol = messages.httpProtocolOptions.from({ explicit_http_config: { http2_protocol_options: {} } })
  if (options.upstreamProtocolOptions.value?.protocolConfig.case !== 'http2ProtocolOptions') {
    options.upstreamProtocolOptions = protocol.upstreamProtocolOptions
  }
  return messages.httpProtocolOptions.pack(options)
}

/** Limits of the user's stay; those that nobody has set are lifted. */
export function liftLimits(cluster: Cluster): void {
  cluster.circuitBreakers ??= messages.circuitBreakers.from({})
  const { thresholds } = cluster.circuitBreakers
  if (thresholds.length === 0) thresholds.push(messages.circuitBreakerThresholds.from({}))
  for (const each of thresholds) Object.assign(each, { ...noLimits, ...each })
}

/** Keys of the pools behind a cluster; none for one that is not of pools. */
export function poolsOf({ metadata }: Cluster): readonly string[] {
  const { pools } = metadata?.filterMetadata[metadataNamespace] ?? {}
  return Array.isArray(pools) ? pools.map(String) : []
}

/** What Envoy asks the discovery service for, and what the service reads from it. */
const resourceName = (keys: readonly string[]): string => keys.join(',')
export const poolKeysIn = (resource: string): readonly string[] => resource.split(',')

/** The server that Signalbox picked, if it is one of the cluster; without a pick the cluster's own balancing. */
function followPick(fallback: LoadBalancingPolicy | undefined): LoadBalancingPolicy {
  const override = messages.overrideHost.from({
    // Metadata first, as only Signalbox can write it.
    override_host_sources: [
      { metadata: { key: 'envoy.lb', path: [{ key: 'x-gateway-destination-endpoint' }] } },
      { header: 'x-gateway-destination-endpoint' },
    ],
    // Where Envoy notes which server it took, for Signalbox to see with the response headers.
    selected_host_key: { key: 'envoy.lb', path: [{ key: 'x-gateway-destination-endpoint-served' }] },
  })
  override.fallbackPolicy = fallback ?? messages.loadBalancingPolicy.from(leastRequest)
  const policy = messages.loadBalancingPolicy.from({
    policies: [{ typed_extension_config: { name: 'envoy.load_balancing_policies.override_host' } }],
  }) as LoadBalancingPolicy & { policies: { typedExtensionConfig: { typedConfig: unknown } }[] }
  policy.policies[0].typedExtensionConfig.typedConfig = messages.overrideHost.pack(override)
  return policy
}

const leastRequest = {
  policies: [
    {
      typed_extension_config: {
        name: 'envoy.load_balancing_policies.least_request',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest',
        },
      },
    },
  ],
}
