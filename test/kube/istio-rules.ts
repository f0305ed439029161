/** networking.istio.io/v1beta1, as far as it is generated. */
export type VirtualServiceSpec = {
  readonly hosts: readonly string[]
  readonly gateways: readonly string[]
  readonly http: readonly HttpRoute[]
}

type HttpRoute = {
  readonly match: readonly Match[]
  readonly rewrite?: { readonly uri: string }
  readonly route: readonly {
    readonly destination: { readonly host: string; readonly port: { readonly number: number } }
    readonly weight: number
  }[]
  readonly headers: { readonly request: { readonly set: Readonly<Record<string, string>> } }
}

type Match = {
  readonly uri?: { readonly prefix?: string; readonly exact?: string }
  readonly authority: { readonly regex: string }
  readonly gateways: readonly string[]
}

const maxRegexLength = 1024
const label = /^[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$/

/** Regular expressions of the matches. */
export const regexesOf = ({ http }: VirtualServiceSpec): string[] =>
  http.flatMap(({ match }) => match.map(({ authority }) => authority.regex))

/**
 * What Istio's admission webhook would refuse or warn of beyond the CRD, as far as a generated VirtualService could have it
 * (https://github.com/istio/istio/tree/master/pkg/config/validation); empty when it takes it. That regular expressions are RE2
 * is left to Envoy.
 */
export function istioProblems(spec: VirtualServiceSpec): string[] {
  const { hosts, gateways, http } = spec
  const matches = http.flatMap(({ match }) => match.map((each) => JSON.stringify(each)))
  return [
    ...(hosts.length === 0 ? ['no host'] : []),
    ...hosts.filter((host) => !isDomain(host)).map((host) => `host ${host}`),
    ...hosts.filter((host, index) => hosts.indexOf(host) !== index).map((host) => `host ${host} twice`),
    ...gateways.filter((gateway) => !isGatewayName(gateway)).map((gateway) => `gateway ${gateway}`),
    ...regexesOf(spec)
      .filter((regex) => regex === '' || regex.length > maxRegexLength)
      .map((regex) => `regex ${regex}`),
    ...matches.filter((match, index) => matches.indexOf(match) !== index).map((match) => `match ${match} twice`),
    ...http.flatMap((route, index) => routeProblems(route, gateways).map((problem) => `http[${index}]: ${problem}`)),
  ]
}

function routeProblems({ match, rewrite, route, headers }: HttpRoute, gateways: readonly string[]): string[] {
  const problems: string[] = []
  if (match.length === 0) problems.push('no match: it would hide all that come later')
  for (const { uri, gateways: own } of match) {
    if (uri !== undefined && [uri.prefix, uri.exact].filter(Boolean).length !== 1) problems.push('uri')
    // Istio takes it, and the match does nothing.
    for (const gateway of own) if (!gateways.includes(gateway)) problems.push(`gateway ${gateway} of the match alone`)
  }
  if (rewrite?.uri === '') problems.push('empty rewrite')
  if (route.reduce((sum, { weight }) => sum + weight, 0) !== 100) problems.push('weights')
  for (const { destination } of route) {
    if (!isDomain(destination.host)) problems.push(`destination ${destination.host}`)
    if (!(destination.port.number >= 1 && destination.port.number <= 65_535)) problems.push('port')
  }
  for (const name of Object.keys(headers.request.set)) if (!/^[-\w]+$/.test(name)) problems.push(`header ${name}`)
  return problems
}

const isDomain = (host: string): boolean => host.length <= 255 && host.split('.').every((part) => label.test(part))

/** A name in its own namespace, `namespace/name`, or `mesh`. */
function isGatewayName(text: string): boolean {
  const parts = text.split('/')
  const name = parts.at(-1)!
  return parts.length <= 2 && isDomain(name) && (parts.length === 1 || label.test(parts[0]))
}
