import type { Any } from '@bufbuild/protobuf/wkt'
import type { Logger } from 'pino'
import { extProcFilterName, laterFilters, turnOnExtProc } from './ext-proc.ts'
import { messages, packed, type Route, type VirtualHost } from './messages.ts'

/** Pools behind each cluster, by its name. */
export type PoolClusters = ReadonlyMap<string, readonly string[]>

const ownPrefix = 'signalbox/'

/**
 * Leads all requests of a virtual host with routes to pools through Signalbox; another one stays as it is.
 * @returns whether it has such routes
 */
export function equipVirtualHost(host: VirtualHost, pools: PoolClusters, log: Logger): boolean {
  const routesOfUser = host.routes.filter(({ name }) => !name.startsWith(ownPrefix))
  const poolRoutes = routesOfUser.filter((route) => poolsBehind(route, pools).length > 0)
  if (poolRoutes.length === 0) return false
  // What a request is routed by is known after the filter has run, so it runs whichever route comes first.
  turnOnExtProc(host)
  // Where no route asks for a model, the first match is the last, and its pool is the one to pick from.
  if (!poolRoutes.some(asksForModel)) {
    for (const route of poolRoutes) {
      const behind = poolsBehind(route, pools)
      if (behind.length === 1) turnOnExtProc(route, behind[0])
    }
  }
  host.routes = routesOfUser.some(takesAll) ? routesOfUser : [...routesOfUser, ...lastRoutes(host, poolRoutes, log)]
  guardLaterRoutes(host, log)
  return true
}

function poolsBehind({ action }: Route, pools: PoolClusters): readonly string[] {
  if (action.case !== 'route') return []
  const { clusterSpecifier: to } = action.value
  if (to.case === 'cluster') return pools.get(to.value) ?? []
  if (to.case !== 'weightedClusters') return []
  return [...new Set(to.value.clusters.flatMap(({ name }) => pools.get(name) ?? []))]
}

const modelHeader = 'x-gateway-model-name'

const asksForModel = ({ match }: Route): boolean =>
  match?.headers.some(({ name }) => name.toLowerCase() === modelHeader) === true

/** Path `/` and no other condition, not even one that is not known here. */
function takesAll({ match }: Route): boolean {
  if (match === undefined || match.$unknown !== undefined) return false
  return match.pathSpecifier.case === 'prefix' && match.pathSpecifier.value === '/' && match.headers.length === 0
}

/**
 * For models that nobody serves and paths that lead nowhere. They are also what nearly every request matches at first, while
 * its model is not known, and Envoy turns filters on by the first match: so they have the filters of the routes to pools.
 */
function lastRoutes(host: VirtualHost, poolRoutes: readonly Route[], log: Logger): Route[] {
  const filters = sharedFilters(host, poolRoutes, log)
  return [
    directResponse('no-such-model', [{ name: modelHeader, present_match: true }], {
      message: 'The model `%REQ(X-GATEWAY-MODEL-NAME)%` does not exist.',
      type: 'invalid_request_error',
      param: 'model',
      code: 'model_not_found',
    }),
    directResponse('no-such-path', [], {
      message: 'Nothing is served at %REQ(:PATH)%.',
      type: 'invalid_request_error',
      param: null,
      code: 'not_found',
    }),
  ].map((route) => Object.assign(route, { typedPerFilterConfig: { ...filters } }))
}

type OpenAiError = { message: string; type: string; param: string | null; code: string }

const directResponse = (name: string, headers: { name: string; present_match: boolean }[], error: OpenAiError): Route =>
  messages.route.from({
    name: `${ownPrefix}${name}`,
    match: { prefix: '/', headers },
    direct_response: { status: 404, body_format: { json_format: { error } } },
    response_headers_to_add: [{ header: { key: 'content-type', value: 'application/json' } }],
  })

/** Filters that decide who may ask, before a model is known: one that is on for some routes must not be left out for all. */
const accessFilters = ['api_key_auth', 'basic_auth', 'csrf', 'ext_authz', 'jwt_authn', 'oauth2'].map(
  (name) => `envoy.filters.http.${name}`,
)
const controlsAccess = (name: string): boolean => accessFilters.some((filter) => name.startsWith(filter))

/**
 * A request that a later route takes at first, such as a rule of the user's for all paths, goes to an earlier one when its
 * model is known, and access control has acted by then. So the later one asks for what the earlier ones ask for.
 */
function guardLaterRoutes(host: VirtualHost, log: Logger): void {
  const asked: Record<string, Any> = {}
  for (const route of host.routes) {
    const own = route.typedPerFilterConfig
    if (asksForModel(route)) {
      // No request has its model yet when it comes in, so none takes this one at first.
      for (const name of Object.keys(own).filter(controlsAccess)) asked[name] ??= own[name]
      continue
    }
    const filters = Object.keys(asked).filter((name) => !(name in own))
    if (filters.length === 0) continue
    for (const name of filters) own[name] = asked[name]
    log.warn(
      { virtualHost: host.name, route: route.name, filters },
      'a route that requests match before their model is known gets the access control of the routes by model; attach the policy to the Gateway',
    )
  }
}

/**
 * What the routes to pools say of filters, where all say the same. Where they differ, a filter after ours is only turned on,
 * as the final route has the say; and access control is that of the first.
 */
function sharedFilters(host: VirtualHost, routes: readonly Route[], log: Logger): Record<string, Any> {
  const shared: Record<string, Any> = {}
  const names = new Set(routes.flatMap((route) => Object.keys(route.typedPerFilterConfig)))
  // Which pool a route leads to is said of that route alone.
  names.delete(extProcFilterName)
  for (const name of names) {
    const configs = routes.flatMap(({ typedPerFilterConfig }) => typedPerFilterConfig[name] ?? [])
    if (configs.length === routes.length && configs.every((config) => haveSameContent(config, configs[0]))) {
      shared[name] = configs[0]
    } else if (laterFilters.some((filter) => name.startsWith(filter))) {
      shared[name] = turnedOn
    } else if (controlsAccess(name)) {
      shared[name] = configs[0]
      log.warn(
        { virtualHost: host.name, filter: name },
        'routes to pools differ in access control, which acts before the model is known: the first one holds for all; attach the policy to the Gateway',
      )
    } else {
      log.warn(
        { virtualHost: host.name, filter: name },
        'routes to pools differ in a filter that acts before the model is known: it is off for requests by model; attach the policy to the Gateway',
      )
    }
  }
  return shared
}

/** As the filter is configured in the listener. */
const turnedOn = packed({ '@type': 'type.googleapis.com/envoy.config.route.v3.FilterConfig', config: {} })

const haveSameContent = (a: Any, b: Any): boolean =>
  a.typeUrl === b.typeUrl && Buffer.compare(Buffer.from(a.value), Buffer.from(b.value)) === 0
