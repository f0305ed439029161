import { listenersOf } from '../preflight/attachment.ts'
import type { RouteEntry } from '../preflight/inventory.ts'
import { comparePaths, matchesPath, matchesWhole } from '../preflight/path-match.ts'
import type { Survey } from '../preflight/picker.ts'
import { pathText } from '../preflight/rules/routes.ts'
import type { RouteMatch, RouteRule } from '../preflight/schema.ts'
import { type ClientRequest, headerOf, hostOf } from './client-request.ts'
import type { ExplainedHeaders, ExplainedRoute, ExplainedRule } from './explanation.ts'

/** One match of one rule, for one of the host names of its route. */
type Candidate = {
  readonly route: RouteEntry
  readonly host: string
  readonly index: number
  readonly rule: RouteRule
  readonly match: RouteMatch
}

/** Whether the request fits; undefined where it can't be known. */
type Verdict = boolean | undefined

/**
 * What the HTTPRoutes make of a request: of one host name, the most exact one that there is, the match that goes first by the rules of
 * the Gateway API (path, method, number of headers, number of query parameters, then the oldest route, its name, the order).
 * It is asked twice: as the request comes, when filters are chosen by it, and with the headers that were set.
 * @returns undefined where there are no HTTPRoutes
 */
export function matchRoutes(
  survey: Survey,
  client: ClientRequest,
  sent: ExplainedHeaders | undefined,
): ExplainedRoute | undefined {
  const all = candidatesOf(survey)
  if (all.length === 0) return undefined
  const notes = new Set<string>()
  const ofHost = onHost(all, hostOf(client), notes)
  const before = fitting(ofHost, client, notes)
  const after = sent && fitting(ofHost, withHeaders(client, sent), notes)
  const [last, ...others] = distinct(after ?? [])
  const first = before.at(0)
  return {
    ...(first === undefined ? {} : { first: describeRule(first) }),
    ...(last === undefined ? {} : { last: describeRule(last) }),
    others: others.map(describeRule),
    notes: [...notes],
  }
}

function candidatesOf(survey: Survey): Candidate[] {
  return survey.routes.flatMap((route) => {
    const listeners = listenersOf(survey, route)
    // A route without a Gateway that is known is taken as one on any host.
    const ofListeners = listeners.length === 0 ? ['*'] : listeners.map(({ hostname = '*' }) => hostname)
    const { hostnames, rules } = route.value.spec
    const hosts = new Set(hostnames.length === 0 ? ofListeners : hostnames)
    return [...hosts].flatMap((host) =>
      rules.flatMap((rule, index) =>
        rule.matches.map((match) => ({ route, host: host.toLowerCase(), index, rule, match })),
      ),
    )
  })
}

/** Envoy looks for rules among those of one host name only, the most exact one that there is. */
function onHost(all: readonly Candidate[], host: string | undefined, notes: Set<string>): readonly Candidate[] {
  const names = [...new Set(all.map((each) => each.host))].sort(compareHosts)
  const [only] = names
  if (host === undefined && names.length > 1) {
    notes.add(`the request names no host: it is taken for one to ${only}`)
    return all.filter((each) => each.host === only)
  }
  const fit = names.find((name) => host === undefined || fitsHost(name, host))
  return all.filter((each) => each.host === fit)
}

const fitsHost = (name: string, host: string): boolean =>
  name === '*' || name === host || (name.startsWith('*.') && host.endsWith(name.slice(1)))

/** Exact names first, then wildcards, longer ones first. */
const compareHosts = (a: string, b: string): number =>
  Number(a.startsWith('*')) - Number(b.startsWith('*')) || b.length - a.length || (a < b ? -1 : 1)

function fitting(candidates: readonly Candidate[], client: ClientRequest, notes: Set<string>): Candidate[] {
  const fit = candidates.filter((each) => {
    const verdict = fits(each.match, client)
    if (verdict === undefined)
      notes.add(`HTTPRoute ${each.route.key} rule ${each.index + 1} has an expression that Envoy alone can read`)
    return verdict === true
  })
  return fit.toSorted(compareCandidates)
}

function compareCandidates(a: Candidate, b: Candidate): number {
  return (
    comparePaths(a.match.path, b.match.path) ||
    Number(b.match.method !== undefined) - Number(a.match.method !== undefined) ||
    b.match.headers.length - a.match.headers.length ||
    b.match.queryParams.length - a.match.queryParams.length ||
    (a.route.createdAtMs === b.route.createdAtMs ? 0 : a.route.createdAtMs - b.route.createdAtMs) ||
    (a.route.key === b.route.key ? a.index - b.index : a.route.key < b.route.key ? -1 : 1)
  )
}

function fits({ path, method, headers, queryParams }: RouteMatch, client: ClientRequest): Verdict {
  const [bare, query = ''] = client.path.split('?', 2)
  const params = new URLSearchParams(query)
  return all([
    method === undefined || method === client.method,
    matchesPath(path, bare),
    ...headers.map(({ type, name, value }) => fitsValue(type, value, headerOf(client, name.toLowerCase()))),
    ...queryParams.map(({ type, name, value }) => fitsValue(type, value, params.get(name) ?? undefined)),
  ])
}

function fitsValue(type: string, value: string, found: string | undefined): Verdict {
  if (found === undefined) return false
  return type === 'RegularExpression' ? matchesWhole(value, found) : found === value
}

/** False when one is false; else undefined when one can't be known. */
function all(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes(false)) return false
  return verdicts.includes(undefined) ? undefined : true
}

/** The request as Envoy looks at it when it chooses the route again. */
function withHeaders(client: ClientRequest, { set, removed }: ExplainedHeaders): ClientRequest {
  const changed = new Set([...removed, ...set.map(([name]) => name)])
  return { ...client, headers: [...client.headers.filter(([name]) => !changed.has(name)), ...set] }
}

/** A rule with several matches that fit is one rule. */
function distinct(candidates: readonly Candidate[]): Candidate[] {
  const rules = new Map<RouteRule, Candidate>()
  for (const each of candidates) if (!rules.has(each.rule)) rules.set(each.rule, each)
  return [...rules.values()]
}

function describeRule({ route, index, rule, match }: Candidate): ExplainedRule {
  return {
    resource: `HTTPRoute ${route.key}`,
    place: route.resource.origin.place(['spec', 'rules', index]),
    rule: index,
    matches: matchText(match),
    backends: rule.backendRefs.map(({ kind, namespace = route.namespace, name, weight }) => ({
      name: `${kind} ${namespace}/${name}`,
      weight,
    })),
  }
}

function matchText(match: RouteMatch): string {
  const headers = match.headers.map(({ name, value }) => `${name}: ${value}`)
  const params = match.queryParams.map(({ name, value }) => `${name}=${value}`)
  return [pathText(match), ...headers, ...params].join(', ')
}
