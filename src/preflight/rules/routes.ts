import type { ServedListener } from '../attachment.ts'
import type { RouteEntry } from '../inventory.ts'
import { comparePaths, matchesPath } from '../path-match.ts'
import { isBaseModelMatch, isCatchAll, isModelMatch, modelHeadersOf, pickerOf, type Survey } from '../picker.ts'
import type { Found, Rule } from '../rule.ts'
import type { RouteMatch, RouteRule } from '../schema.ts'

type Matched = {
  readonly route: RouteEntry
  readonly hosts: readonly string[]
  readonly index: number
  readonly rule: RouteRule
  readonly match: RouteMatch
}

/** Every match of every rule on a listener. */
const matchesOn = (listener: ServedListener): Matched[] =>
  listener.routes.flatMap((route) => {
    const hosts = hostsOf(route, listener)
    return route.value.spec.rules.flatMap((rule, index) =>
      rule.matches.map((match) => ({ route, hosts, index, rule, match })),
    )
  })

/** Envoy looks for rules among those of one host name only, the most exact one that there is. */
const hostsOf = ({ value }: RouteEntry, { hostname = '*' }: ServedListener): readonly string[] =>
  value.spec.hostnames.length === 0 ? [hostname] : value.spec.hostnames

const shareHost = (a: Matched, b: Matched): boolean => a.hosts.some((host) => b.hosts.includes(host))

/** @param where ` for HOST`, or nothing */
export const missingCatchAllText = (where: string) => ({
  message: `matches on the model header alone${where}: a request without it is 404 before its body is read`,
  remedy: `add a rule${where} for the path prefix / without headers, which answers 404 to what no rule wants`,
})

/** Envoy runs filters only for a request that some route matches, and a request has no model header before it was read. */
const missingCatchAll: Rule = {
  id: 'missing-catch-all',
  severity: 'error',
  *find(survey) {
    for (const listener of survey.pickedListeners) {
      const matched = matchesOn(listener)
      for (const route of listener.routes) {
        const byModel = matched.find((each) => each.route === route && isModelMatch(each.match))
        if (byModel === undefined) continue
        const ways = matched.filter(
          (each) => each.match.headers.length === 0 && mayCarryModel(each.match) && shareHost(byModel, each),
        )
        const host = byModel.hosts.find((each) => !ways.some(({ hosts }) => hosts.includes(each)))
        if (host !== undefined) {
          const where = host === '*' ? '' : ` for ${host}`
          yield { entry: route, path: ['spec', 'rules'], ...missingCatchAllText(where) }
        } else if (!ways.some((each) => pickerOf(survey, each.route, each.rule, listener) !== undefined)) {
          const [way] = ways
          const message =
            'takes requests without a model header, and the EnvoyExtensionPolicy that holds here has no ext_proc: their bodies are never read'
          yield {
            entry: way.route,
            path: ['spec', 'rules', way.index],
            message,
            remedy: 'attach the policy to the Gateway, or to this route as well',
          }
        }
      }
    }
  },
}

/** Paths of the requests that a model is read from. */
const inferencePaths = [
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/responses',
  '/v1/embeddings',
  '/v1/messages',
  '/v1/conversations',
]

const catchAllOutranks: Rule = {
  id: 'catch-all-outranks',
  severity: 'error',
  *find(survey) {
    for (const listener of survey.pickedListeners) {
      const matched = matchesOn(listener)
      const byModel = matched.filter(({ match }) => isModelMatch(match))
      for (const other of matched.filter((each) => !isModelMatch(each.match))) {
        const { route, index, match } = other
        const covered = inferencePaths.filter((path) => covers(match, path))
        const loser = byModel.find(
          (each) =>
            shareHost(other, each) && outranks(match, each.match) && covered.some((path) => covers(each.match, path)),
        )
        if (loser === undefined) continue
        const [{ value }] = modelHeadersOf(loser.match)
        yield {
          entry: route,
          path: ['spec', 'rules', index],
          message: `goes before the rule for the model ${value} in HTTPRoute ${loser.route.key}: paths count before headers, and ${pathText(match)} goes before ${pathText(loser.match)}`,
          remedy: 'give it the path prefix /, or the rules of models the same path',
        }
      }
    }
  },
}

export const pathText = ({ path: { type, value }, method }: RouteMatch): string =>
  `${pathWords[type] ?? 'the path'} ${value}${method === undefined ? '' : ` with ${method}`}`

const pathWords: Readonly<Record<string, string>> = { PathPrefix: 'the prefix', RegularExpression: 'the expression' }

const mayCarryModel = (match: RouteMatch): boolean => inferencePaths.some((path) => covers(match, path) !== false)

/** Undefined where it can't be known: an expression in Envoy's syntax that is none in JavaScript's. */
function covers({ path: { type, value }, method }: RouteMatch, path: string): boolean | undefined {
  return method !== undefined && method !== 'POST' ? false : matchesPath({ type, value }, path)
}

/** What decides between equals is left out: by then a header that is asked for counts. */
const outranks = ({ path: a }: RouteMatch, { path: b }: RouteMatch): boolean => comparePaths(a, b) < 0

const modelWithoutRoute: Rule = {
  id: 'model-without-route',
  severity: 'warning',
  *find(survey) {
    const rules = survey.routes
      .filter(({ value }) => value.spec.parentRefs.length > 0)
      .flatMap(({ value }) => value.spec.rules)
    const matches = rules.flatMap((rule) => rule.matches.map((match) => ({ rule, match })))
    const byModel = matches.filter(({ match }) => isModelMatch(match))
    const hasCatchAll = matches.some(({ rule, match }) => isCatchAll(match) && rule.backendRefs.length > 0)
    // Whoever has no such rules routes in another way.
    if (byModel.length === 0 || hasCatchAll) return
    // Which models have a base is said in ConfigMaps that are not looked at here.
    if (matches.some(({ match }) => isBaseModelMatch(match))) return
    for (const model of survey.models) {
      const { modelName } = model.value.spec
      if (survey.isUnread('HTTPRoute', model.namespace)) continue
      if (byModel.some(({ match }) => modelHeadersOf(match).some((header) => mayEqual(header, modelName)))) continue
      yield {
        entry: model,
        path: ['spec', 'modelName'],
        message: `no HTTPRoute has a rule for ${JSON.stringify(modelName)}: its requests get what unknown models get`,
        remedy: `add a rule that matches the header X-Gateway-Model-Name: ${modelName}`,
      }
    }
  },
}

/** An expression may match anything: Envoy's syntax is not JavaScript's. */
const mayEqual = ({ type, value }: { readonly type: string; readonly value: string }, name: string): boolean =>
  type !== 'Exact' || value === name

const missingPool: Rule = {
  id: 'missing-pool',
  severity: 'error',
  *find(survey) {
    for (const route of survey.routes) yield* missingPoolsOf(survey, route)
  },
}

function* missingPoolsOf(survey: Survey, route: RouteEntry): Generator<Found> {
  for (const [index, { backendRefs }] of route.value.spec.rules.entries()) {
    for (const [at, { group, kind, namespace = route.namespace, name }] of backendRefs.entries()) {
      if (kind !== 'InferencePool' || survey.isUnread(kind, namespace)) continue
      const ofNamespace = survey.pools.filter((pool) => pool.namespace === namespace)
      // Files that hold no pools of that namespace are a part of something else.
      if (!survey.isCluster && ofNamespace.length === 0) continue
      const ofName = ofNamespace.filter((pool) => pool.name === name)
      if (ofName.some(({ resource }) => resource.apiVersion.startsWith(`${group}/`))) continue
      const elsewhere = ofName.length === 0 ? '' : `, there is one of ${ofName[0].resource.apiVersion}`
      yield {
        entry: route,
        path: ['spec', 'rules', index, 'backendRefs', at, 'name'],
        message: `there is no InferencePool ${namespace}/${name} of ${group === '' ? 'the core group' : group}${elsewhere}: requests of this rule are 500`,
        remedy: ofName.length === 0 ? 'create it, or name one that there is' : 'name its group',
      }
    }
  }
}

export const routeRules = [missingCatchAll, catchAllOutranks, modelWithoutRoute, missingPool]
