import { asFinding, type Finding } from '../preflight/finding.ts'
import { missingCatchAllText } from '../preflight/rules/routes.ts'
import type { ExplainedEndpoint, ExplainedFinding, Explanation } from './explanation.ts'
import { short } from './summary.ts'
import type { Surroundings } from './surroundings.ts'

type Case = Omit<Explanation, 'summary' | 'findings'>

/** Something that can be wrong with a request, or around it. One that can't know says nothing. */
type Look = (explanation: Case, surroundings: Surroundings) => Iterable<ExplainedFinding>

/** Names in a message; what is more is told as a number. */
const maxNamed = 3
/** Problems of resources that are told; `signalbox check` has all. */
const maxInvalid = 5

/** What is wrong with the request or around it, errors first. Each thing is told once. */
export function findingsOf(explanation: Case, surroundings: Surroundings): readonly ExplainedFinding[] {
  const unique = new Map<string, ExplainedFinding>()
  for (const look of looks) {
    for (const found of look(explanation, surroundings)) {
      const key = `${found.id} ${found.place}`
      if (!unique.has(key)) unique.set(key, found)
    }
  }
  return [...unique.values()].sort((a, b) => rank(a) - rank(b))
}

const rank = ({ severity }: Finding): number => (severity === 'error' ? 0 : 1)

const finding = (
  id: string,
  severity: Finding['severity'],
  place: string | undefined,
  message: string,
  remedy: string,
): ExplainedFinding => ({ id, severity, place: place ?? '', path: '', message, remedy })

const refusalsByBody = ['invalid_json', 'invalid_multipart', 'invalid_encoding', 'invalid_grpc', 'model_invalid']

const theBody: Look = function* ({ answer, body, model, request, outcome }) {
  const code = answer?.code
  if (code === 'model_missing') {
    yield finding('model-missing', 'error', 'request', answer!.message, 'name the model in the body: {"model": "…", …}')
  } else if (code !== undefined && refusalsByBody.includes(code)) {
    yield finding('invalid-body', 'error', 'request', answer!.message, 'mend the body')
  } else if (code === 'body_too_large' || code === 'model_too_late') {
    const remedy = 'send less, put "model" first in the body, or raise --max-body-bytes and --max-held-bytes'
    yield finding('body-limit', 'error', 'request', answer!.message, remedy)
  } else if (code === 'unsupported_encoding') {
    yield finding('unsupported-encoding', 'error', 'request', answer!.message, 'send it without Content-Encoding')
  } else if (outcome === 'route' && model === undefined && body.kind === 'opaque') {
    const message = `the body is no JSON that models are asked in (${request.contentType ?? 'no Content-Type'}): it is not read`
    yield finding('body-not-read', 'warning', 'request', message, 'send JSON with Content-Type: application/json')
  }
}

const theName: Look = function* ({ model, answer, outcome, pool, nearNames }) {
  if (model === undefined) return
  const isRefused = answer?.code === 'model_not_found'
  const goesNowhere = outcome === 'route' && pool === undefined
  if (!isRefused && !goesNowhere && nearNames.length === 0) return
  const message = `no InferenceModel, rewrite or route names "${model.asked}"`
  const near = nearNames.map((name) => `"${name}"`).join(', ')
  const remedy = `${near === '' ? '' : `ask for ${near}, or `}add an InferenceModel with modelName: ${model.asked}`
  yield finding('unknown-model', isRefused ? 'error' : 'warning', 'request', message, remedy)
}

const theHint: Look = function* ({ answer, request, priority }) {
  if (answer?.code === 'pool_not_found') {
    const remedy = 'create the pool, or mend x-inference-pool in the initial metadata of the ext_proc filter'
    yield finding('pool-not-found', 'error', 'request', answer.message, remedy)
  }
  const untrusted = request.hints.filter(({ isTrusted }) => !isTrusted).map(({ name }) => name)
  if (untrusted.length > 0) {
    const message = `${listed(untrusted)} of the client ${untrusted.length === 1 ? 'does' : 'do'} not count here`
    yield finding(
      'hint-not-trusted',
      'warning',
      'request',
      message,
      'serve with --trust-client-hints if clients may ask for that',
    )
  }
  const objective = request.hints.find(({ name, isTrusted }) => isTrusted && name.endsWith('-inference-objective'))
  if (objective !== undefined && priority !== undefined && priority.why !== 'objective') {
    const message = `${objective.name} names no InferenceObjective of this pool: it is as if it were not there`
    yield finding(
      'unknown-objective',
      'warning',
      'request',
      message,
      "name an objective whose poolRef is the request's pool",
    )
  }
}

const spoofedHeader: Look = function* ({ request, route }) {
  const { spoofedHeaders } = request
  if (spoofedHeaders.length === 0) return
  const [is, names] = spoofedHeaders.length === 1 ? ['it is', 'a name'] : ['they are', 'names']
  const message = `the client sends ${listed(spoofedHeaders)}, ${names} that only Signalbox and Envoy set: ${is} removed, without effect`
  const remedy = `a client names its model in the body; ${dropHeaders}`
  yield finding('spoofed-header', 'error', 'request', message, remedy)
  if (route?.first === undefined || route.last === undefined || route.first.place === route.last.place) return
  const first = `${route.first.resource} rule ${route.first.rule + 1} (${route.first.matches})`
  const until = `with that header Envoy takes the request for ${first} at first: its filters and policies count until the model is known`
  yield finding('spoofed-route', 'warning', route.first.place, until, dropHeaders)
}

const dropHeaders =
  'have the Gateway drop such headers before any route sees them: headers.earlyRequestHeaders.remove of a ClientTrafficPolicy'

const theRoute: Look = function* ({ route, sent }, { gateways }) {
  if (route === undefined || gateways === undefined) return
  const { survey, traps } = gateways
  // Where no Gateway is known to have them, routes may be there for their weights alone.
  const isKnown = survey.listeners.length > 0
  const attached = survey.routes.find(({ value }) => value.status.parents.length > 0)
  if (!isKnown && attached === undefined) return
  const severity = isKnown ? 'error' : 'warning'
  if (route.first === undefined) {
    if (traps.some(({ id }) => id === 'missing-catch-all')) return
    const { key, resource } = attached ?? survey.routes[0]
    const { message, remedy } = missingCatchAllText('')
    const text = trapMessage(`HTTPRoute ${key}`, 'spec.rules', message)
    yield finding('missing-catch-all', severity, resource.origin.place(['spec', 'rules']), text, remedy)
  } else if (sent !== undefined && route.last === undefined) {
    const message = 'with the headers that were set no rule matches: 404 by Envoy'
    const remedy = 'add a rule for the model, and one for the path prefix / without headers'
    yield finding('no-route', severity, route.first.place, message, remedy)
  }
}

const noEndpoints: Look = function* ({ pool, endpointCount, answer }, { known }) {
  if (pool === undefined || endpointCount > 0 || (answer?.code !== 'no_endpoint' && answer?.code !== 'no_server'))
    return
  const declared = known.compiled.catalog.pools.get(pool.key)
  const labels = pool.selector.join(', ')
  const all = known.endpoints
  if (all === undefined) {
    const message = 'no endpoints are known here'
    const remedy = 'say where the model servers are: --endpoints FILE, --kubernetes, or --server of a running Signalbox'
    yield finding('endpoints-unknown', 'error', pool.place, message, remedy)
    return
  }
  const [namespace] = pool.key.split('/')
  const here = all.filter((each) => each.namespace === namespace)
  const has = here.slice(0, maxNamed).map(({ name, labels: own }) => `${name} has ${textOf(own)}`)
  const more = here.length > maxNamed ? `, and ${here.length - maxNamed} more` : ''
  const there = here.length === 0 ? 'there are none in this namespace' : `${has.join('; ')}${more}`
  const message = `${pool.resource} selects no endpoint: none in ${namespace} has the labels ${labels} (${there})`
  const elsewhere = declared === undefined ? undefined : elsewhereOf(all, declared.selector, namespace)
  const remedy =
    elsewhere === undefined
      ? 'make spec.selector of the pool and the labels of the ready Pods the same'
      : `the pool has to be in the namespace of its Pods: ${elsewhere} has such`
  yield finding('pool-without-endpoints', 'error', pool.place, message, remedy)
}

function elsewhereOf(
  all: NonNullable<Surroundings['known']['endpoints']>,
  selector: readonly (readonly [string, string])[],
  namespace: string,
): string | undefined {
  const fits = (labels: Readonly<Record<string, string>>) => selector.every(([label, value]) => labels[label] === value)
  return all.find((each) => each.namespace !== namespace && fits(each.labels))?.namespace
}

const textOf = (labels: Readonly<Record<string, string>>): string => {
  const text = Object.entries(labels).map(([label, value]) => `${label}=${value}`)
  return text.length === 0 ? 'no labels' : text.join(', ')
}

const filteredOut: Look = function* ({ answer, endpointCount, profiles, pool, endpoints, request }) {
  if (answer?.code !== 'no_endpoint' || endpointCount === 0) return
  if (endpoints.every(({ isOutsideSubset }) => isOutsideSubset) || profiles.length === 0) {
    const message = `none of the ${endpointCount} endpoints of the pool is in the subset that the proxy allows (${listed(request.subset ?? [])})`
    yield finding(
      'subset-excludes-all',
      'error',
      pool?.place,
      message,
      'see what sets envoy.lb.subset_hint, or serve with --disable-endpoint-subset-filter',
    )
    return
  }
  const [{ filters, name }] = profiles
  const last = filters.at(-1)
  if (last === undefined || last.removed.length === 0) return
  const message = `${last.plugin} of the profile ${name} takes away the last of ${endpointCount} endpoints`
  const remedy = 'see its parameters'
  yield finding('filtered-out', 'error', pool?.place, message, remedy)
}

const unreachable: Look = function* ({ endpoints, pool }) {
  const gone = endpoints.filter(({ isReachable }) => !isReachable)
  if (gone.length === 0) return
  const message = `${gone.length} of ${endpoints.length} endpoints refuse connections: ${named(gone)}`
  yield finding(
    'endpoint-unreachable',
    'warning',
    pool?.place,
    message,
    'see whether these model servers run, and on the port of the pool',
  )
}

const saturated: Look = function* ({ admission, pool, priority, endpoints, outcome }) {
  if (admission === undefined || endpoints.length === 0) return
  const isHeld = admission.verdict !== 'goes'
  if (!isHeld && !(admission.saturation >= 1)) return
  const known = endpoints.filter(({ metrics }) => metrics !== undefined)
  if (known.length === 0) {
    if (!(admission.saturation >= 1)) return
    const message = `no endpoint of ${pool!.resource} gives its metrics, so that all count as busy`
    const remedy = 'see whether the model servers run, and whether GET /metrics on their port answers'
    yield finding('endpoints-not-scraped', isHeld ? 'error' : 'warning', pool!.place, message, remedy)
    return
  }
  const loads = known.slice(0, maxNamed).map(({ name, metrics }) => {
    return `${name} has ${metrics!.queued} waiting and ${Math.round(100 * metrics!.kvUsage)} % of its KV cache in use`
  })
  const full =
    admission.saturation >= 1
      ? `is full (saturation ${short(admission.saturation)}, full is 1)`
      : 'has no capacity for it'
  const what =
    outcome === 'refused'
      ? 'so the request is refused'
      : isHeld
        ? 'so the request waits'
        : 'and takes requests all the same'
  const message = `${pool!.resource} ${full}, ${what}: ${loads.join('; ')}`
  const shed =
    (priority?.value ?? 0) < 0
      ? '; requests of this priority are the first to be shed: give the model another criticality'
      : ''
  yield finding(
    'pool-saturated',
    isHeld ? 'error' : 'warning',
    pool!.place,
    message,
    `add model servers, or send less${shed}`,
  )
}

const adapterNotLoaded: Look = function* ({ model, endpoints, profiles }) {
  if (model === undefined || profiles.length === 0) return
  const asked = endpoints.filter(({ models }) => models !== undefined)
  const without = asked.filter(({ models }) => !models!.includes(model.target))
  if (without.length === 0) return
  const isPicked = without.some(({ rank }) => rank === 1)
  const all =
    without.length === asked.length
      ? `none of the ${asked.length} endpoints that were asked`
      : `${named(without)} of ${asked.length} endpoints`
  const verb = without.length === asked.length ? 'has' : without.length === 1 ? 'does not have' : 'do not have'
  const there = [...new Set(without.flatMap(({ models }) => models!))]
  const message = `${all} ${verb} "${model.target}" loaded, only ${listed(there)}: the model server answers 404`
  const remedy = `load it there (vLLM: --lora-modules, or POST /v1/load_lora_adapter), or name a target that is loaded`
  yield finding('adapter-not-loaded', isPicked ? 'error' : 'warning', model.source?.place ?? 'request', message, remedy)
}

const claimedTwice: Look = function* ({ model }) {
  for (const { resource, place, why } of model?.losers ?? []) {
    if (resource.split(' ')[0] !== model!.source?.resource.split(' ')[0]) continue
    const message = `${resource} claims "${model!.asked}" as well, and counts for nothing: ${why}`
    yield finding('claimed-twice', 'warning', place, message, 'keep one of them')
  }
}

/** Of the traps around, those that this request falls into; all of those that break every request. */
const knownTraps: Look = function* ({ model, endpointCount }, { gateways }) {
  for (const trap of gateways?.traps ?? []) {
    const isOfRequest =
      trap.severity === 'error' ||
      (trap.id === 'model-without-route' &&
        model !== undefined &&
        trap.message.includes(JSON.stringify(model.asked))) ||
      (['endpoint-override', 'pool-needs-extension'].includes(trap.id) && endpointCount > 0)
    if (isOfRequest) yield trap
  }
}

const invalid: Look = function* (_explanation, { known }) {
  const errors = known.compiled.problems.filter(({ severity }) => severity === 'error')
  for (const problem of errors.slice(0, maxInvalid)) yield asFinding(problem)
}

/** @param path of the field; '' for the whole */
export const trapMessage = (resource: string, path: string, message: string): string =>
  `${resource}${path === '' ? '' : `, ${path}`}: ${message}`

/** In the order in which people should read of them. */
const looks: readonly Look[] = [
  theBody,
  knownTraps,
  theRoute,
  noEndpoints,
  filteredOut,
  adapterNotLoaded,
  saturated,
  spoofedHeader,
  theHint,
  theName,
  unreachable,
  claimedTwice,
  invalid,
]

const named = (endpoints: readonly ExplainedEndpoint[]): string => listed(endpoints.map(({ name }) => name))

function listed(names: readonly string[]): string {
  if (names.length === 0) return 'nothing'
  const shown = names.slice(0, maxNamed).join(', ')
  return names.length > maxNamed ? `${shown} and ${names.length - maxNamed} more` : shown
}
