import type { Generated } from '../compiled.ts'

/** One way into a service, for people. */
type Way = {
  /** '' for any. */
  readonly host: string
  /** What else a request must have: a path, a model. */
  readonly match: string
  /** What it comes to. */
  readonly to: string
}

/** What an object does, in short: a line each for its hosts, and below them for what goes where. */
export function describeObject(object: Generated): readonly string[] {
  switch (object.kind) {
    case 'Service':
      return [describeService(object.spec as ServiceSpec)]
    case 'SecurityPolicy':
      return describePolicy(object.spec as PolicySpec)
    case 'Ingress':
      return describeWays(ingressWays(object.spec as IngressSpec))
    case 'VirtualService':
      return describeWays(virtualServiceWays(object.spec as VirtualServiceSpec))
    case 'HTTPRoute':
      return describeWays(routeWays(object.spec as RouteSpec))
  }
}

type ServiceSpec = {
  readonly type: string
  readonly externalName?: string
  readonly ports?: readonly { readonly port: number; readonly targetPort: number | string }[]
}

function describeService({ type, externalName, ports = [] }: ServiceSpec): string {
  const leads = externalName ?? ports.map(({ port, targetPort }) => `port ${port} → ${targetPort}`).join(', ')
  return `${type} ${leads}`
}

type PolicySpec = {
  readonly targetRefs: readonly { readonly kind: string; readonly name: string }[]
  readonly apiKeyAuth?: { readonly credentialRefs: readonly { readonly name: string }[] }
  readonly basicAuth?: { readonly users: { readonly name: string } }
}

function describePolicy({ targetRefs, apiKeyAuth, basicAuth }: PolicySpec): readonly string[] {
  const keys = apiKeyAuth?.credentialRefs.map(({ name }) => `API key of Secret ${name}`) ?? []
  const users = basicAuth === undefined ? [] : [`basic auth of Secret ${basicAuth.users.name}`]
  return [...keys, ...users, ...targetRefs.map(({ kind, name }) => `  for ${kind} ${name}`)]
}

type IngressSpec = {
  readonly rules: readonly {
    readonly host: string
    readonly http: {
      readonly paths: readonly {
        readonly path: string
        readonly backend: { readonly service: { readonly name: string; readonly port: { readonly number: number } } }
      }[]
    }
  }[]
}

function ingressWays({ rules }: IngressSpec): readonly Way[] {
  return rules.flatMap(({ host, http }) =>
    http.paths.map(({ path, backend: { service } }) => {
      return { host, match: path, to: `${service.name}:${service.port.number}` }
    }),
  )
}

type VirtualServiceSpec = {
  readonly http: readonly {
    readonly match: readonly {
      readonly authority: { readonly regex: string }
      readonly uri?: { readonly prefix?: string; readonly exact?: string }
    }[]
    readonly rewrite?: { readonly uri: string }
    readonly headers: { readonly request: { readonly set: Readonly<Record<string, string>> } }
  }[]
}

function virtualServiceWays({ http }: VirtualServiceSpec): readonly Way[] {
  return http.flatMap(({ match, rewrite, headers }) =>
    match.map(({ authority, uri }) => ({
      host: hostOf(authority.regex),
      match: uri?.prefix ?? uri?.exact ?? '/',
      // All go to the local gateway, which looks at the host.
      to: headers.request.set.Host + written(rewrite?.uri),
    })),
  )
}

/** The host that a pattern was made of. */
function hostOf(regex: string): string {
  return regex
    .replace('(\\.svc(\\.cluster\\.local)?)?', '.svc.cluster.local')
    .replace('(?::\\d{1,5})?$', '')
    .replace(/^\^/, '')
    .replaceAll('\\.', '.')
}

type RouteSpec = {
  readonly hostnames?: readonly string[]
  readonly rules: readonly {
    readonly matches: readonly {
      readonly path?: { readonly value: string }
      readonly headers?: readonly { readonly value: string }[]
    }[]
    readonly filters?: readonly {
      readonly urlRewrite?: { readonly path: { readonly replacePrefixMatch: string } }
    }[]
    readonly backendRefs: readonly { readonly name: string; readonly port: number }[]
  }[]
}

function routeWays({ hostnames = [''], rules }: RouteSpec): readonly Way[] {
  return hostnames.flatMap((host) =>
    rules.flatMap(({ matches, filters = [], backendRefs }) => {
      const rewrite = filters.find(({ urlRewrite }) => urlRewrite !== undefined)?.urlRewrite
      const to = `${backendRefs.map(({ name, port }) => `${name}:${port}`).join(', ')}${written(rewrite?.path.replacePrefixMatch)}`
      return matches.map(({ path, headers = [] }) => {
        const models = headers.map(({ value }) => `model ${JSON.stringify(value)}`)
        return { host, match: [...(path === undefined ? [] : [path.value]), ...models].join(' '), to }
      })
    }),
  )
}

const written = (prefix: string | undefined): string => (prefix === undefined ? '' : ` as ${prefix}`)

/** Hosts that have the same ways share them. */
function describeWays(ways: readonly Way[]): readonly string[] {
  const linesByHost = new Map<string, Set<string>>()
  for (const { host, match, to } of ways) {
    const lines = linesByHost.get(host) ?? new Set()
    linesByHost.set(host, lines.add(`  ${match} → ${to}`))
  }
  const hostsByLines = Map.groupBy(linesByHost.keys(), (host) => [...linesByHost.get(host)!].join('\n'))
  return [...hostsByLines].flatMap(([lines, hosts]) => [
    ...hosts.map((host) => host || 'any host'),
    ...lines.split('\n'),
  ])
}
