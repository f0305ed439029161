import { create, fromBinary, fromJson, type JsonObject, type Message, toBinary } from '@bufbuild/protobuf'
import { type Any, AnySchema } from '@bufbuild/protobuf/wkt'
import { loadDescriptors } from './descriptors.ts'

/** Messages of Envoy, the part that is read or written here; what else they hold goes with them unseen. */
export type Cluster = Message & {
  name: string
  edsClusterConfig?: { serviceName: string }
  circuitBreakers?: Message & { thresholds: (Message & CircuitBreakerThresholds)[] }
  loadBalancingPolicy?: LoadBalancingPolicy
  metadata?: { filterMetadata: Record<string, JsonObject> }
  typedExtensionProtocolOptions: Record<string, Any>
}

export type LoadBalancingPolicy = Message

type HttpProtocolOptions = Message & {
  upstreamProtocolOptions: OneOf<'explicitHttpConfig', { protocolConfig: { case?: string } }>
}

/** A limit that is not set is Envoy's, 1,024. */
export type CircuitBreakerThresholds = {
  maxConnections?: number
  maxPendingRequests?: number
  maxRequests?: number
  maxRetries?: number
}

export type Listener = Message & { name: string; filterChains: FilterChain[]; defaultFilterChain?: FilterChain }

type FilterChain = { filters: { name: string; configType: OneOf<'typedConfig', Any> }[] }

export type HttpConnectionManager = Message & {
  routeSpecifier: OneOf<'rds', { routeConfigName: string }> | OneOf<'routeConfig', RouteConfiguration>
  httpFilters: HttpFilter[]
  earlyHeaderMutationExtensions: (Message & { name: string })[]
}

export type HttpFilter = Message & { name: string }

export type RouteConfiguration = Message & { name: string; virtualHosts: VirtualHost[] }

export type VirtualHost = Message & {
  name: string
  domains: string[]
  routes: Route[]
  typedPerFilterConfig: Record<string, Any>
}

export type Route = Message & {
  name: string
  match?: Message & { pathSpecifier: OneOf<'prefix' | 'path', string>; headers: { name: string }[] }
  action: OneOf<'route', { clusterSpecifier: OneOf<'cluster', string> | OneOf<'weightedClusters', WeightedCluster> }>
  typedPerFilterConfig: Record<string, Any>
}

type WeightedCluster = { clusters: { name: string }[] }

export type ClusterRequest = Message & {
  cluster?: Cluster
  postClusterContext?: { backendExtensionResources: { unstructuredBytes: Uint8Array }[] }
}

export type ClusterResponse = Message & { cluster?: Cluster }

/** All that Envoy Gateway has made for one Envoy. */
export type Translation = Message & {
  clusters: Cluster[]
  secrets: Message[]
  listeners: Listener[]
  routes: RouteConfiguration[]
}

export type DiscoveryRequest = Message & {
  versionInfo: string
  resourceNames: string[]
  typeUrl: string
  responseNonce: string
  errorDetail?: { message: string }
}

export type DiscoveryResponse = Message & { versionInfo: string; resources: Any[]; typeUrl: string; nonce: string }

type OneOf<Case extends string, Value> = { case: Case; value: Value } | { case: undefined; value?: undefined }

/** Files of protos/ that have all that is spoken here, with what they import. */
export const protoFiles = [
  'envoygateway/extension/service.proto',
  'envoy/extensions/filters/http/ext_proc/v3/ext_proc.proto',
  'envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto',
  'envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation.proto',
  'envoy/extensions/load_balancing_policies/least_request/v3/least_request.proto',
  'envoy/extensions/load_balancing_policies/override_host/v3/override_host.proto',
  'envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.proto',
  'envoy/extensions/transport_sockets/tls/v3/tls.proto',
  'envoy/extensions/upstreams/http/v3/http_protocol_options.proto',
  'envoy/service/endpoint/v3/eds.proto',
]

const registry = loadDescriptors(protoFiles)

/** Reads and writes messages of one type. */
export type MessageType<T extends Message> = {
  /** As google.protobuf.Any names it. */
  readonly typeUrl: string
  decode(bytes: Uint8Array): T
  encode(message: T): Buffer
  /** Fields by their names in the protos, as in Envoy's YAML; an Any has its type under `@type`. */
  from(json: JsonObject): T
  pack(message: T): Any
}

function messageType<T extends Message>(name: string): MessageType<T> {
  const schema = registry.getMessage(name)
  if (schema === undefined) throw new Error(`no message ${name} in protos/`)
  const typeUrl = `type.googleapis.com/${name}`
  return {
    typeUrl,
    decode: (bytes) => fromBinary(schema, bytes) as T,
    encode: (message) => Buffer.from(toBinary(schema, message)),
    from: (json) => fromJson(schema, json, { registry }) as T,
    pack: (message) => create(AnySchema, { typeUrl, value: toBinary(schema, message) }),
  }
}

/** Packs what a JSON object with an `@type` says. */
export const packed = (json: JsonObject): Any => fromJson(AnySchema, json, { registry })

export const messages = {
  cluster: messageType<Cluster>('envoy.config.cluster.v3.Cluster'),
  circuitBreakers: messageType<NonNullable<Cluster['circuitBreakers']>>('envoy.config.cluster.v3.CircuitBreakers'),
  circuitBreakerThresholds: messageType<Message & CircuitBreakerThresholds>(
    'envoy.config.cluster.v3.CircuitBreakers.Thresholds',
  ),
  edsClusterConfig: messageType<Message & { serviceName: string }>('envoy.config.cluster.v3.Cluster.EdsClusterConfig'),
  httpProtocolOptions: messageType<HttpProtocolOptions>('envoy.extensions.upstreams.http.v3.HttpProtocolOptions'),
  loadBalancingPolicy: messageType<LoadBalancingPolicy>('envoy.config.cluster.v3.LoadBalancingPolicy'),
  loadAssignment: messageType<Message>('envoy.config.endpoint.v3.ClusterLoadAssignment'),
  locality: messageType<Message>('envoy.config.endpoint.v3.LocalityLbEndpoints'),
  metadata: messageType<Message & { filterMetadata: Record<string, JsonObject> }>('envoy.config.core.v3.Metadata'),
  overrideHost: messageType<Message & { fallbackPolicy?: LoadBalancingPolicy }>(
    'envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost',
  ),
  connectionManager: messageType<HttpConnectionManager>(
    'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
  ),
  httpFilter: messageType<HttpFilter>('envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'),
  extension: messageType<Message & { name: string }>('envoy.config.core.v3.TypedExtensionConfig'),
  route: messageType<Route>('envoy.config.route.v3.Route'),
  clusterRequest: messageType<ClusterRequest>('envoygateway.extension.PostClusterModifyRequest'),
  clusterResponse: messageType<ClusterResponse>('envoygateway.extension.PostClusterModifyResponse'),
  translateRequest: messageType<Translation>('envoygateway.extension.PostTranslateModifyRequest'),
  translateResponse: messageType<Translation>('envoygateway.extension.PostTranslateModifyResponse'),
  discoveryRequest: messageType<DiscoveryRequest>('envoy.service.discovery.v3.DiscoveryRequest'),
  discoveryResponse: messageType<DiscoveryResponse>('envoy.service.discovery.v3.DiscoveryResponse'),
} as const
