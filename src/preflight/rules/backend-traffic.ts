import { durationMs } from '../../scheduling/go-duration.ts'
import { type Effective, policyOfRule, type ServedListener } from '../attachment.ts'
import { isEnvoyGateway } from '../envoy-gateway.ts'
import type { RouteEntry } from '../inventory.ts'
import { isModelMatch, type Survey } from '../picker.ts'
import type { Found, Rule } from '../rule.ts'
import { backendTrafficPolicy, type RouteRule } from '../schema.ts'

const kind = 'BackendTrafficPolicy'

/** A rule that leads requests for a model to its servers, on a listener of Envoy Gateway, and the policy that holds there. */
type ModelRule = {
  readonly route: RouteEntry
  readonly index: number
  readonly rule: RouteRule
  readonly listener: ServedListener
  readonly effective: Effective | undefined
}

function* modelRules(survey: Survey): Generator<ModelRule> {
  for (const listener of survey.listeners) {
    // Who has attached such policies has Envoy Gateway.
    if (!survey.pickedListeners.includes(listener) && !isEnvoyGateway(survey, listener.gateway)) continue
    for (const route of listener.routes) {
      if (survey.isUnread(kind, route.namespace) || survey.isUnread(kind, listener.gateway.namespace)) continue
      for (const [index, rule] of route.value.spec.rules.entries()) {
        if (rule.backendRefs.length === 0 || !rule.matches.some(isModelMatch)) continue
        const effective = policyOfRule(survey, kind, route, rule.name, listener)
        yield { route, index, rule, listener, effective }
      }
    }
  }
}

const specOf = (effective: Effective | undefined) => backendTrafficPolicy.safeParse(effective?.spec ?? {}).data

/** Where to set what a policy lacks: in itself, or for the whole Gateway when there is none. */
function lacking({ effective, listener }: ModelRule, path: readonly string[], message: string, remedy: string): Found {
  const { policy, parent } = effective ?? {}
  const isReplacement = parent !== undefined && policy?.value.spec.mergeType === undefined
  const why = isReplacement ? `, and this policy takes the place of ${kind} ${parent.key} as a whole` : ''
  return policy === undefined
    ? { entry: listener.gateway, path: [], message: `has no ${kind}: ${message}`, remedy: `set ${remedy} in one` }
    : {
        entry: policy,
        path: ['spec', ...path],
        message: `is not set${why}: ${message}`,
        remedy: `set ${remedy}${isReplacement ? ', or mergeType: StrategicMerge to keep what the other says' : ''}`,
      }
}

const endpointHeader = 'x-gateway-destination-endpoint'

const endpointOverride: Rule = {
  id: 'endpoint-override',
  severity: 'warning',
  *find(survey) {
    // Without pools nothing is picked: a body router.
    if (survey.pools.length === 0) return
    for (const found of modelRules(survey)) {
      const { rule, listener, effective } = found
      const isToPools = rule.backendRefs.every((backend) => backend.kind === 'InferencePool')
      if (isToPools || !survey.pickedListeners.includes(listener)) continue
      const sources = specOf(effective)?.loadBalancer.endpointOverride.extractFrom
      if (sources === undefined || sources.some(({ header }) => header?.toLowerCase() === endpointHeader)) continue
      const path = ['loadBalancer', 'endpointOverride']
      const message = 'Envoy balances by itself, and the endpoint that was picked counts for nothing'
      yield lacking(found, path, message, `loadBalancer.endpointOverride.extractFrom to [{header: ${endpointHeader}}]`)
    }
  },
}

/** Shorter than this an answer of many tokens is cut, milliseconds. */
const shortestRequestMs = 300_000

/** The timeout of the rule goes before that of the policy; of two in a rule the later one counts for the whole answer. */
const requestTimeout: Rule = {
  id: 'request-timeout',
  severity: 'warning',
  *find(survey) {
    for (const found of modelRules(survey)) {
      const { route, index, rule, effective } = found
      const field = (['backendRequest', 'request'] as const).find((each) => rule.timeouts[each] !== undefined)
      if (field !== undefined) {
        const timeout = rule.timeouts[field]!
        if (!isShort(timeout)) continue
        yield { entry: route, path: ['spec', 'rules', index, 'timeouts', field], ...cut(timeout) }
        continue
      }
      const spec = specOf(effective)
      const timeout = spec?.timeout.http.requestTimeout
      const path = ['timeout', 'http', 'requestTimeout']
      if (spec !== undefined && timeout === undefined) {
        yield lacking(found, path, 'Envoy cuts an answer after 15 s', 'timeout.http.requestTimeout to 24h')
      } else if (effective !== undefined && timeout !== undefined && isShort(timeout)) {
        const owner =
          effective.policy.value.spec.timeout === undefined ? (effective.parent ?? effective.policy) : effective.policy
        yield { entry: owner, path: ['spec', ...path], ...cut(timeout) }
      }
    }
  },
}

/** 0s is no limit. */
function isShort(timeout: string): boolean {
  const ms = durationMs(timeout)
  return ms !== undefined && ms > 0 && ms < shortestRequestMs
}

const cut = (timeout: string) => ({
  message: `is ${timeout}: a longer answer is cut while it streams`,
  remedy: 'set it to 24h, or 0s for no limit',
})

export const backendTrafficRules = [endpointOverride, requestTimeout]
