import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pino from 'pino'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { extProcConfig } from '../../src/extension/ext-proc.ts'
import { createHooks, type HookSettings } from '../../src/extension/hooks.ts'
import { type Cluster, messages, type Route, type Translation } from '../../src/extension/messages.ts'
import { bytesOf, gatewayCluster, jsonOf, poolObject, route, settled, withUnknownField } from './envoy-json.ts'

const discovery = { host: 'extension.test', port: 9005, authority: undefined }
const settings: HookSettings = { discovery, extProc: { host: 'signalbox.test', port: 9002, tls: true } }

function hooksWithLog(changes: Partial<HookSettings> = {}) {
  const lines: { level: number; msg: string; [field: string]: unknown }[] = []
  const log = pino({ level: 'info' }, { write: (line) => lines.push(JSON.parse(line)) })
  return { hooks: createHooks({ ...settings, ...changes }, log), lines }
}

/** What is made of a cluster whose rule names these backends; undefined where it is to stay as it is. */
function modified(cluster: Cluster, pools: object[], { hooks } = hooksWithLog()): Cluster | undefined {
  const request = messages.clusterRequest.from({
    post_cluster_context: { backend_extension_resources: pools as never },
  })
  request.cluster = cluster
  return hooks.postClusterModify(request).cluster
}

const poolCluster = (name: string, ...pools: string[]) =>
  modified(
    gatewayCluster(name),
    pools.map((pool) => poolObject(pool)),
  )!

/** What Envoy Gateway sends at the end: a listener and its virtual hosts. */
function translation(
  clusters: Cluster[],
  hosts: { name: string; routes: Route[] }[],
  filters = ['jwt_authn', 'router'],
): Translation {
  const manager = messages.connectionManager.from({
    rds: { route_config_name: 'default/gateway/http' },
    http_filters: filters.map((name) => ({ name: `envoy.filters.http.${name}` })),
  })
  const listenerOf = (name: string, routes: string) => ({
    name,
    default_filter_chain: {
      filters: [
        {
          name: 'envoy.filters.network.http_connection_manager',
          typed_config: {
            '@type': messages.connectionManager.typeUrl,
            ...jsonOf(manager),
            rds: { route_config_name: routes },
          },
        },
      ],
    },
  })
  const request = messages.translateRequest.from({
    secrets: [{ name: 'certificate' }],
    listeners: [listenerOf('gateway', 'default/gateway/http'), listenerOf('other', 'default/other/http')],
    routes: [
      { name: 'default/gateway/http', virtual_hosts: hosts.map(({ name }) => ({ name, domains: [name] })) },
      { name: 'default/other/http', virtual_hosts: [{ name: 'other', domains: ['*'] }] },
    ],
  })
  request.clusters = clusters
  for (const [i, { routes }] of hosts.entries()) request.routes[0].virtualHosts[i].routes = routes
  withUnknownField(request.listeners[0])
  withUnknownField(request.routes[0].virtualHosts[0])
  return request
}

/** The HTTP side of a listener. */
function managerOf({ listeners }: Translation, index = 0) {
  const { configType } = listeners[index].defaultFilterChain!.filters[0]
  return messages.connectionManager.decode(configType.value!.value)
}

/** Changed by the hook, which may change what it is given. */
const translated = (request: Translation, { hooks } = hooksWithLog()) =>
  hooks.postTranslateModify(messages.translateRequest.decode(messages.translateRequest.encode(request)))

const template = parse(readFileSync(join(import.meta.dirname, '../../envoy/full-duplex.yaml'), 'utf8'))
const templateManager = template.static_resources.listeners[0].filter_chains[0].filters[0].typed_config

describe('a cluster of pools', () => {
  test('follows the picked endpoint as envoy/full-duplex.yaml does', () => {
    const { load_balancing_policy } = template.static_resources.clusters[0]
    expect(jsonOf(poolCluster('rule/0', 'qwen')).load_balancing_policy).toEqual(
      settled('envoy.config.cluster.v3.LoadBalancingPolicy', load_balancing_policy),
    )
  })

  test('asks this service for its endpoints, by the names of its pools', () => {
    const { eds_cluster_config } = jsonOf(poolCluster('rule/0', 'qwen', 'deepseek', 'qwen'))
    expect(eds_cluster_config).toMatchObject({
      service_name: 'default/deepseek,default/qwen',
      eds_config: { api_config_source: { grpc_services: [{ google_grpc: { target_uri: 'extension.test:9005' } }] } },
    })
  })

  test('verifies this service where it has a certificate, by IPv6 address, too', () => {
    const log = hooksWithLog({ discovery: { host: 'fd00::1', port: 9005, authority: 'PEM' } })
    const { eds_cluster_config } = jsonOf(modified(gatewayCluster('rule/0'), [poolObject('qwen')], log)!)
    expect(eds_cluster_config.eds_config.api_config_source.grpc_services[0].google_grpc).toMatchObject({
      target_uri: '[fd00::1]:9005',
      channel_credentials: { ssl_credentials: { root_certs: { inline_string: 'PEM' } } },
    })
  })

  test('keeps what else it has, even where protos/ does not know it', () => {
    const cluster = poolCluster('rule/0', 'qwen')
    expect(jsonOf(cluster)).toMatchObject({ name: 'rule/0', type: 'EDS', connect_timeout: '10s' })
    expect(bytesOf(cluster).includes('not in protos/')).toBe(true)
  })

  test("a load balancer of the user's takes the requests without a pick", () => {
    const cluster = gatewayCluster('rule/0')
    cluster.loadBalancingPolicy = messages.loadBalancingPolicy.from({
      policies: [{ typed_extension_config: { name: 'envoy.load_balancing_policies.maglev' } }],
    })
    const { policies } = jsonOf(modified(cluster, [poolObject('qwen')])!).load_balancing_policy
    expect(policies[0].typed_extension_config.typed_config.fallback_policy.policies).toEqual([
      { typed_extension_config: { name: 'envoy.load_balancing_policies.maglev' } },
    ])
  })

  test("limits of the user's stay; those of Envoy are lifted", () => {
    const cluster = gatewayCluster('rule/0')
    cluster.circuitBreakers = messages.circuitBreakers.from({ thresholds: [{ max_requests: 2 }] })
    expect(jsonOf(modified(cluster, [poolObject('qwen')])!).circuit_breakers.thresholds).toEqual([
      { max_connections: 100_000, max_pending_requests: 100_000, max_requests: 2, max_retries: 1000 },
    ])
  })

  test.each([
    { appProtocol: undefined, config: { http_protocol_options: {} } },
    { appProtocol: 'kubernetes.io/h2c', config: { http2_protocol_options: {} } },
  ])('speaks HTTP as its pool says: $appProtocol', ({ appProtocol, config }) => {
    const cluster = modified(gatewayCluster('rule/0'), [poolObject('qwen', { spec: { appProtocol } })])!
    const [options] = Object.values(jsonOf(cluster).typed_extension_protocol_options)
    expect(options).toMatchObject({ explicit_http_config: config })
  })

  test('speaks HTTP/2 with its pool whatever else a policy says of connections, and minds that', () => {
    const cluster = gatewayCluster('rule/0')
    const type = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
    cluster.typedExtensionProtocolOptions[type] = messages.httpProtocolOptions.pack(
      messages.httpProtocolOptions.from({
        common_http_protocol_options: { idle_timeout: '60s' },
        explicit_http_config: { http_protocol_options: {} },
      }),
    )
    const made = modified(cluster, [poolObject('qwen', { spec: { appProtocol: 'kubernetes.io/h2c' } })])!
    expect(jsonOf(made).typed_extension_protocol_options[type]).toMatchObject({
      common_http_protocol_options: { idle_timeout: '60s' },
      explicit_http_config: { http2_protocol_options: {} },
    })
  })

  test('made twice is made once', () => {
    const once = poolCluster('rule/0', 'qwen')
    const before = bytesOf(once)
    expect(bytesOf(modified(once, [poolObject('qwen')])!)).toEqual(before)
  })

  test.each([
    ['no backend', []],
    ['another kind', [poolObject('qwen', { kind: 'Bucket' })]],
    ['a pool of the future', [poolObject('qwen', { apiVersion: 'inference.networking.k8s.io/v9' })]],
  ])('%s: it stays as it is', (_, resources) => {
    const log = hooksWithLog()
    expect(modified(gatewayCluster('rule/0'), resources, log)).toBeUndefined()
    expect(log.lines).toEqual([])
  })

  test.each([
    ['no JSON', { unstructured_bytes: Buffer.from('{').toString('base64') }],
    ['without a name', poolObject('qwen', { metadata: { namespace: 'default' } })],
  ])('a pool that is %s is told, and the other one counts', (_, broken) => {
    const log = hooksWithLog()
    const cluster = modified(gatewayCluster('rule/0'), [broken, poolObject('qwen')], log)!
    expect(jsonOf(cluster).eds_cluster_config.service_name).toBe('default/qwen')
    expect(log.lines.map(({ msg }) => msg)).toEqual(["a pool from Envoy Gateway can't be read"])
  })
})

describe('a translation with routes to pools', () => {
  const request = () =>
    translation(
      [gatewayCluster('service'), poolCluster('rule/0', 'qwen')],
      [
        { name: 'models', routes: [route('qwen', 'rule/0')] },
        { name: 'plain', routes: [route('plain', 'service')] },
      ],
    )

  test('has the filter before the router, off by itself, in the listener of those routes', () => {
    const { httpFilters } = managerOf(translated(request()))
    expect(httpFilters.map(({ name }) => name)).toEqual([
      'envoy.filters.http.jwt_authn',
      'envoy.filters.http.ext_proc/signalbox',
      'envoy.filters.http.router',
    ])
    expect(jsonOf(httpFilters[1]).disabled).toBe(true)
    expect(jsonOf(managerOf(translated(request()), 1))).toEqual(jsonOf(managerOf(request(), 1)))
  })

  test.each([
    { filters: ['router'], place: 0 },
    { filters: ['jwt_authn', 'ext_proc/of-a-user', 'local_ratelimit', 'router'], place: 2 },
    { filters: ['rbac', 'ratelimit/of-a-route', 'router'], place: 0 },
  ])('among $filters the filter is number $place', ({ filters, place }) => {
    const hosts = [{ name: 'models', routes: [route('qwen', 'rule/0')] }]
    const { httpFilters } = managerOf(translated(translation([poolCluster('rule/0', 'qwen')], hosts, filters)))
    expect(httpFilters.findIndex(({ name }) => name.endsWith('/signalbox'))).toBe(place)
    expect(httpFilters).toHaveLength(filters.length + 1)
  })

  test('the filter is that of envoy/full-duplex.yaml, until discovery says more', () => {
    const { http_filters } = templateManager
    const { '@type': typeUrl, ...expected } = structuredClone(http_filters[0].typed_config)
    expected.grpc_service.envoy_grpc.cluster_name = 'signalbox-ext-proc'
    expected.metadata_options.receiving_namespaces.untyped.push('signalbox')
    const { default_config, type_urls } = jsonOf(managerOf(translated(request())).httpFilters[1]).config_discovery
    expect(type_urls).toEqual([typeUrl])
    const { '@type': _, ...actual } = default_config
    expect(actual).toEqual(settled('envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor', expected))
  })

  test("clients' copies of what Signalbox says go before any filter, as in envoy/full-duplex.yaml", () => {
    const [extension] = managerOf(translated(request())).earlyHeaderMutationExtensions
    const { mutations } = jsonOf(extension).typed_config
    expect(mutations).toEqual(templateManager.early_header_mutation_extensions[0].typed_config.mutations)
  })

  test('the filter is on for the virtual hosts with such routes alone', () => {
    const [models, plain] = jsonOf(translated(request()).routes[0]).virtual_hosts
    expect(Object.keys(models.typed_per_filter_config)).toEqual(['envoy.filters.http.ext_proc/signalbox'])
    expect(plain).toEqual(jsonOf(request().routes[0]).virtual_hosts[1])
  })

  test('what no route takes is 404, as clients of OpenAI read it', () => {
    const [, model, path] = jsonOf(translated(request()).routes[0].virtualHosts[0]).routes
    expect(model).toMatchObject({
      match: { prefix: '/', headers: [{ name: 'x-gateway-model-name', present_match: true }] },
      direct_response: { status: 404, body_format: { json_format: { error: { code: 'model_not_found' } } } },
      response_headers_to_add: [{ header: { key: 'content-type', value: 'application/json' } }],
    })
    expect(path).toMatchObject({
      match: { prefix: '/' },
      direct_response: { status: 404, body_format: { json_format: { error: { code: 'not_found' } } } },
    })
  })

  test('a virtual host whose user takes the rest keeps its own end', () => {
    const routes = [route('qwen', 'rule/0'), route('rest', 'service', { prefix: '/' })]
    const hosts = [{ name: 'models', routes }]
    const { virtualHosts } = translated(translation([poolCluster('rule/0', 'qwen')], hosts)).routes[0]
    expect(virtualHosts[0].routes.map(({ name }) => name)).toEqual(['qwen', 'rest'])
  })

  test('a route with a condition that is not known here does not take the rest', () => {
    const rest = route('rest', 'service', { prefix: '/' })
    withUnknownField(rest.match!)
    const hosts = [{ name: 'models', routes: [route('qwen', 'rule/0'), rest] }]
    const { virtualHosts } = translated(translation([poolCluster('rule/0', 'qwen')], hosts)).routes[0]
    expect(virtualHosts[0].routes).toHaveLength(4)
  })

  test('one replica that is well gets all requests, however many are not', () => {
    const cluster = jsonOf(translated(request()).clusters.at(-1)!)
    expect(cluster.common_lb_config).toEqual({ healthy_panic_threshold: { value: 1 } })
  })

  test('the cluster of the ext_proc service has no limits, is asked for its health, and takes any certificate', () => {
    const cluster = jsonOf(translated(request()).clusters.at(-1)!)
    expect(cluster).toMatchObject({
      name: 'signalbox-ext-proc',
      type: 'STRICT_DNS',
      circuit_breakers: { thresholds: [{ max_requests: 100_000 }] },
      health_checks: [{ grpc_health_check: { service_name: 'envoy.service.ext_proc.v3.ExternalProcessor' } }],
      transport_socket: { typed_config: { sni: 'signalbox.test' } },
    })
    expect(JSON.stringify(cluster)).toContain('signalbox.test')
  })

  test.each([
    ['10.0.0.1', 'STATIC'],
    ['fd00::1', 'STATIC'],
    ['10.test', 'STRICT_DNS'],
  ])('%s is found by %s, without TLS where there is none', (host, type) => {
    const log = hooksWithLog({ extProc: { host, port: 9002, tls: false } })
    const cluster = jsonOf(translated(request(), log).clusters.at(-1)!)
    expect(cluster.type ?? 'STATIC').toBe(type)
    expect(cluster).not.toHaveProperty('transport_socket')
  })

  test('fields that protos/ does not have stay, at every depth', () => {
    const bytes = bytesOf(translated(request()))
    const count = (text: Buffer) => text.toString('latin1').split('not in protos/').length - 1
    expect(count(bytes)).toBe(count(bytesOf(request())))
  })

  test('equipped twice is equipped once', () => {
    const once = translated(request())
    const again = messages.translateRequest.from({})
    Object.assign(again, {
      clusters: once.clusters,
      secrets: once.secrets,
      listeners: once.listeners,
      routes: once.routes,
    })
    expect(jsonOf(translated(again))).toEqual(jsonOf(once))
  })

  test('a route that leads to no pool of its own by model is told its pool', () => {
    const pools = [poolCluster('rule/0', 'qwen'), poolCluster('rule/1', 'a', 'b')]
    const routes = [route('one', 'rule/0', { prefix: '/one' }), route('two', 'rule/1', { prefix: '/two' })]
    const log = hooksWithLog()
    const { virtualHosts } = translated(translation(pools, [{ name: 'models', routes }]), log).routes[0]
    const [one, two, ...last] = jsonOf(virtualHosts[0]).routes
    expect(log.lines).toEqual([])
    for (const each of last) expect(each).not.toHaveProperty('typed_per_filter_config')
    expect(Object.values(one.typed_per_filter_config)).toMatchObject([
      { overrides: { grpc_initial_metadata: [{ key: 'x-inference-pool', value: 'default/qwen' }] } },
    ])
    expect(two).not.toHaveProperty('typed_per_filter_config')
  })

  test('a route without a model in it is told no pool where another one asks for models', () => {
    const pools = [poolCluster('rule/0', 'qwen'), poolCluster('rule/1', 'deepseek')]
    const routes = [route('deepseek', 'rule/1'), route('rest', 'rule/0', { prefix: '/' })]
    const { virtualHosts } = translated(translation(pools, [{ name: 'models', routes }])).routes[0]
    expect(jsonOf(virtualHosts[0]).routes[1]).not.toHaveProperty('typed_per_filter_config')
  })

  test('routes of which only some come along are a warning with the remedy', () => {
    const log = hooksWithLog()
    const clusters = messages.translateRequest.from({})
    clusters.clusters = [poolCluster('rule/0', 'qwen')]
    expect(translated(clusters, log).clusters).toHaveLength(2)
    expect(log.lines.map(({ msg }) => msg)).toEqual([expect.stringContaining('includeAll')])
  })
})

describe('filters that are on for routes to pools', () => {
  const jwt = 'envoy.filters.http.jwt_authn'
  const limit = 'envoy.filters.http.local_ratelimit'
  const config = (text: string) => messages.httpFilter.pack(messages.httpFilter.from({ name: text }))

  function lastRoute(configs: Record<string, string>[]) {
    const routes = configs.map((filters, i) => {
      const one = route(`model-${i}`, 'rule/0')
      for (const [name, text] of Object.entries(filters)) one.typedPerFilterConfig[name] = config(text)
      return one
    })
    const log = hooksWithLog()
    const hosts = [{ name: 'models', routes }]
    const { virtualHosts } = translated(translation([poolCluster('rule/0', 'qwen')], hosts), log).routes[0]
    const { typedPerFilterConfig } = virtualHosts[0].routes.at(-1)!
    return { filters: Object.keys(typedPerFilterConfig), config: typedPerFilterConfig, warnings: log.lines.length }
  }

  test('are on for what is known of a request before its model, where all routes say the same', () => {
    expect(
      lastRoute([
        { [jwt]: 'a', [limit]: 'b' },
        { [jwt]: 'a', [limit]: 'b' },
      ]),
    ).toMatchObject({
      filters: [jwt, limit],
      warnings: 0,
    })
  })

  test('access control of one route holds for all, with a warning', () => {
    expect(lastRoute([{}, { [jwt]: 'a' }])).toMatchObject({ filters: [jwt], warnings: 1 })
    const differing = lastRoute([{ [jwt]: 'a' }, { [jwt]: 'b' }])
    expect(differing).toMatchObject({ filters: [jwt], warnings: 1 })
    expect([...differing.config[jwt].value]).toEqual([...config('a').value])
  })

  test('access control of routes by model holds for a rule for all paths, too, with a warning', () => {
    const byModel = route('model', 'rule/0')
    byModel.typedPerFilterConfig = { [jwt]: config('a'), [limit]: config('b') }
    const before = route('before', 'service', { prefix: '/longer' })
    const rest = route('rest', 'service', { prefix: '/' })
    const log = hooksWithLog()
    const hosts = [{ name: 'models', routes: [before, byModel, rest] }]
    const { virtualHosts } = translated(translation([poolCluster('rule/0', 'qwen')], hosts), log).routes[0]
    expect(virtualHosts[0].routes.map(({ typedPerFilterConfig }) => Object.keys(typedPerFilterConfig))).toEqual([
      [],
      [jwt, limit],
      [jwt],
    ])
    expect(log.lines).toMatchObject([{ level: 40, route: 'rest', filters: [jwt] }])
  })

  test('a rule for all paths with access control of its own keeps it', () => {
    const byModel = route('model', 'rule/0')
    byModel.typedPerFilterConfig = { [jwt]: config('a') }
    const rest = route('rest', 'service', { prefix: '/' })
    rest.typedPerFilterConfig = { [jwt]: config('own') }
    const hosts = [{ name: 'models', routes: [byModel, rest] }]
    const { virtualHosts } = translated(translation([poolCluster('rule/0', 'qwen')], hosts)).routes[0]
    expect([...virtualHosts[0].routes[1].typedPerFilterConfig[jwt].value]).toEqual([...config('own').value])
  })

  test('a filter that acts when the route is known is turned on, and the route decides', () => {
    const { filters, config: made } = lastRoute([{ [limit]: 'a' }, {}])
    expect(filters).toEqual([limit])
    expect(made[limit].typeUrl).toBe('type.googleapis.com/envoy.config.route.v3.FilterConfig')
  })

  test('another filter of one route is left to it, with a warning that it does not act', () => {
    expect(lastRoute([{ 'envoy.filters.http.lua': 'a' }, {}])).toMatchObject({ filters: [], warnings: 1 })
  })
})

test('a translation without pools comes back as it went in', () => {
  const request = translation([gatewayCluster('service')], [{ name: 'plain', routes: [route('plain', 'service')] }])
  const { clusters, secrets, listeners, routes } = translated(request)
  expect(clusters.map(bytesOf)).toEqual(request.clusters.map(bytesOf))
  expect(secrets.map(bytesOf)).toEqual(request.secrets.map(bytesOf))
  expect(listeners.map(bytesOf)).toEqual(request.listeners.map(bytesOf))
  expect(routes.map(bytesOf)).toEqual(request.routes.map(bytesOf))
})

test('the filter shows of answers what the resources need', () => {
  const mode = [
    { field: 'response_body_mode', value: 'STREAMED', why: 'a model is renamed' },
    { field: 'response_trailer_mode', value: 'SEND', why: 'ends are counted' },
  ]
  const { name, typed_config } = jsonOf(messages.extension.decode(extProcConfig('filter', mode).value))
  expect(name).toBe('filter')
  expect(typed_config.processing_mode).toMatchObject({ response_body_mode: 'STREAMED', response_trailer_mode: 'SEND' })
})
