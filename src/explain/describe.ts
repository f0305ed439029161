import type { Catalog, StickyKey, TargetSplit } from '../catalog/catalog.ts'
import { modelNames } from '../catalog/model-names.ts'
import { slot } from '../extproc/headers.ts'
import { type Endpoint, unknownMetrics } from '../pool/endpoint.ts'
import { outputHeaders, spoofedHeaders } from '../request/control-headers.ts'
import type { InferenceRequest } from '../request/inference-request.ts'
import { objectiveOf, type Route } from '../request/resolve.ts'
import type {
  ExplainedAdmission,
  ExplainedAnswer,
  ExplainedBody,
  ExplainedEndpoint,
  ExplainedModel,
  ExplainedPool,
  ExplainedPriority,
  ExplainedProfile,
  ExplainedRequest,
  Explanation,
  Outcome,
} from './explanation.ts'
import { nearNames } from './near-names.ts'
import { summarize } from './summary.ts'
import type { Decision } from './trial.ts'

/** What a decision was made in. */
export type DecisionScene = {
  readonly catalog: Catalog
  readonly trustsHints: boolean
  /** At that moment, of the pool that was chosen. */
  endpointsOf(poolKey: string): readonly Endpoint[]
  /** How full they are: 1 is full. */
  saturation(endpoints: readonly Endpoint[]): number
  /** Of the clock that metrics are dated by, milliseconds. */
  readonly nowMs: number
  /** Epoch milliseconds. */
  readonly dateMs: number
}

/** Tells a decision as plain data: what the stages themselves know of it. */
export function describe(decision: Decision, scene: DecisionScene): Explanation {
  const { request, told, profiles, scheduled } = decision
  const { route, refusal } = request
  const { catalog } = scene
  const pool = route?.pool
  const endpoints = pool === undefined ? [] : scene.endpointsOf(pool.key)
  const admission =
    decision.admission ??
    (endpoints.length === 0 ? undefined : admissionWithoutQueue(decision, scene.saturation(endpoints)))
  const answer: ExplainedAnswer | undefined =
    told.answer && (refusal === undefined ? told.answer : { ...told.answer, code: refusal.code })
  const picked = scheduled?.endpoints ?? []
  const explanation = {
    at: new Date(scene.dateMs).toISOString(),
    outcome: outcomeOf(decision, admission),
    request: describeRequest(request, scene.trustsHints),
    body: describeBody(request),
    ...(request.model === undefined ? {} : { model: describeModel(request, request.model, route) }),
    ...(route?.pool === undefined ? {} : { pool: describePool(catalog, request, route) }),
    ...(route === undefined ? {} : { priority: describePriority(catalog, request, route) }),
    ...(admission === undefined ? {} : { admission }),
    endpoints: describeEndpoints(request, endpoints, addressesOf(picked), profiles, scene.nowMs),
    endpointCount: endpoints.length,
    profiles,
    ...(told.sent === undefined ? {} : { sent: { ...told.sent, changesBody: request.restoredModel !== undefined } }),
    ...(answer === undefined ? {} : { answer }),
    nearNames: isUnknown(catalog, request, route) ? nearNames(request.model ?? '', modelNames(catalog)) : [],
    notes: [],
    findings: [],
  } satisfies Omit<Explanation, 'summary'>
  return { ...explanation, summary: summarize(explanation) }
}

function outcomeOf({ request, told, scheduled }: Decision, admission: ExplainedAdmission | undefined): Outcome {
  if (request.refusal !== undefined) return 'refused'
  if (told.answer !== undefined) return 'answered'
  if (admission?.verdict === 'waits') return 'waits'
  return (scheduled?.endpoints.length ?? 0) > 0 ? 'endpoint' : 'route'
}

function describeRequest(request: InferenceRequest, isTrusted: boolean): ExplainedRequest {
  const { headers, facts, poolHint, subset } = request
  const control = headers === undefined ? [] : spoofedHeaders(headers, [])
  return {
    ...given('method', headers?.[slot.method]),
    ...given('path', facts.path),
    ...given('contentType', facts.contentType),
    ...given('declaredBytes', facts.declaredBytes),
    ...given('poolHint', poolHint),
    ...given('subset', subset),
    spoofedHeaders: control.filter((name) => outputHeaders.includes(name)),
    hints: control.filter((name) => !outputHeaders.includes(name)).map((name) => ({ name, isTrusted })),
  }
}

function describeBody(request: InferenceRequest): ExplainedBody {
  const { facts, reader, bodyBytes } = request
  const { format, body: kind, isInference } = facts
  const isDecided = !Number.isNaN(request.decidedAtMs)
  const bytesRead = isDecided ? request.heldBytes : bodyBytes
  const isEarly = isDecided && !(request.bodyEndedAtMs <= request.decidedAtMs) && bytesRead < bodyBytes
  return {
    format,
    kind,
    isInference,
    bytesRead,
    bytesHeld: bytesRead,
    decided: reader === undefined || bytesRead === 0 ? 'by the headers' : isEarly ? 'early' : 'at the end',
    ...(reader !== undefined && reader.promptStart >= 0 ? { promptBytes: request.promptBytes } : {}),
    ...given('maxOutputTokens', request.maxOutputTokens),
    ...given('error', reader?.error?.message),
  }
}

function describeModel(request: InferenceRequest, asked: string, route: Route | undefined): ExplainedModel {
  const { rule, rewrite, target, baseModel } = route ?? {}
  const name = target?.name ?? asked
  // The stages take a split's own target, or one that they make of the header.
  const split = [rewrite, rule].find((each) => each?.targets.some((one) => one === target))
  if (split === undefined) {
    const by = target === undefined ? 'none' : 'header'
    return { asked, target: name, by, targets: [], losers: [], ...given('baseModel', baseModel) }
  }
  const { targets, totalWeight, stickyBy, rollout } = split
  return {
    asked,
    target: name,
    by: split === rewrite ? 'rewrite' : 'model',
    source: { resource: split.source },
    targets: targets.map((each) => ({
      name: each.name,
      share: each.weight / totalWeight,
      isChosen: each === target,
    })),
    drawnBy: drawnBy(split, request),
    ...(stickyBy === undefined
      ? {}
      : { stickyBy: { key: stickyText(stickyBy), isGiven: request.stickyValue(stickyBy) !== undefined } }),
    ...(rollout === undefined
      ? {}
      : {
          rollout: {
            target: rollout.target,
            weightPercent: rollout.weightPercent,
            ...given('phase', rollout.phase),
          },
        }),
    losers:
      split === rewrite && rule !== undefined
        ? [{ resource: rule.source, why: 'an InferenceModelRewrite goes before the targets of an InferenceModel' }]
        : [],
    ...given('baseModel', baseModel),
  }
}

function drawnBy({ targets, stickyBy }: TargetSplit, request: InferenceRequest): ExplainedModel['drawnBy'] & string {
  if (targets.length === 1) return 'the only one'
  return stickyBy !== undefined && request.stickyValue(stickyBy) !== undefined ? 'sticky key' : 'random'
}

export function stickyText(key: StickyKey): string {
  switch (key.kind) {
    case 'user':
      return 'user'
    case 'prompt-cache-key':
      return 'prompt_cache_key'
    case 'api-key':
      return 'API key'
    case 'header':
      return `header ${key.name}`
  }
}

function describePool(catalog: Catalog, request: InferenceRequest, { pool, rule }: Route): ExplainedPool {
  const { key, selector, targetPorts } = pool!
  const { poolHint, model = '' } = request
  const route = catalog.models.get(model)
  const byName = catalog.poolsByName.get(model)
  const isRewritten = catalog.rewrites.get(key)?.exact.has(model) === true
  const sharing =
    poolHint !== undefined
      ? undefined
      : route !== undefined
        ? { pools: route.rules.map((each) => each.pool), weights: route.weights, totalWeight: route.totalWeight }
        : byName
  const why =
    poolHint !== undefined
      ? 'metadata'
      : rule !== undefined
        ? 'model'
        : byName === undefined
          ? 'only pool'
          : isRewritten
            ? 'rewrite'
            : 'route'
  return {
    resource: `InferencePool ${key}`,
    key,
    why,
    shares: (sharing?.pools ?? []).map((each, i) => ({
      key: each.key,
      share: sharing!.weights[i] / sharing!.totalWeight,
    })),
    selector: selector.map(([label, value]) => `${label}=${value}`),
    targetPorts,
  }
}

function describePriority(
  catalog: Catalog,
  request: InferenceRequest,
  { pool, rule, priority }: Route,
): ExplainedPriority {
  const objective = objectiveOf(catalog, request, pool)
  if (objective !== undefined) return { value: priority, why: 'objective', source: { resource: objective.source } }
  if (rule === undefined) return { value: priority, why: 'default' }
  return { value: priority, why: 'criticality', source: { resource: rule.source } }
}

/** Without flow control nobody waits: a request of a negative priority is refused by a full pool, and admitters may refuse any. */
function admissionWithoutQueue({ request }: Decision, saturation: number): ExplainedAdmission {
  const { refusal } = request
  if (refusal?.code === 'saturated' || refusal?.code === 'not_admitted') {
    return { verdict: 'refused', saturation, why: refusal.message }
  }
  const why = request.priority < 0 ? 'the pool is not full' : 'without flow control nothing of this priority waits'
  return { verdict: 'goes', saturation, why }
}

function describeEndpoints(
  { subset }: InferenceRequest,
  endpoints: readonly Endpoint[],
  picked: readonly string[],
  profiles: readonly ExplainedProfile[],
  nowMs: number,
): ExplainedEndpoint[] {
  // The profile that chose the first endpoint is the one by which the list is ordered.
  const profile = profiles.findLast((each) => each.picked[0] === picked[0] && picked.length > 0) ?? profiles.at(-1)
  const candidates = profile && new Set(profile.candidates)
  const totals = new Map(profile?.scored.map((address, i) => [address, profile.totals[i]]))
  const total = ({ address }: Endpoint) => totals.get(address) ?? Number.NEGATIVE_INFINITY
  const rank = ({ address }: Endpoint) => (picked.includes(address) ? picked.indexOf(address) : picked.length)
  return endpoints
    .toSorted((a, b) => rank(a) - rank(b) || (total(a) === total(b) ? 0 : total(b) - total(a)))
    .map((endpoint) => ({
      address: endpoint.address,
      name: endpoint.name,
      namespace: endpoint.namespace,
      isReachable: endpoint.isReachable,
      inFlight: endpoint.inFlight,
      ...describeMetrics(endpoint, nowMs),
      isOutsideSubset: subset !== undefined && candidates !== undefined && !candidates.has(endpoint.address),
      ...(picked.includes(endpoint.address) ? { rank: picked.indexOf(endpoint.address) + 1 } : {}),
    }))
}

function describeMetrics({ metrics }: Endpoint, nowMs: number): Pick<ExplainedEndpoint, 'metrics'> {
  if (metrics.updatedAtMs === unknownMetrics.updatedAtMs) return {}
  const { queued, running, kvUsage, activeAdapters, waitingAdapters, maxAdapters, updatedAtMs } = metrics
  const adapters = [...new Set([...activeAdapters, ...waitingAdapters])]
  return { metrics: { queued, running, kvUsage, adapters, maxAdapters, ageMs: Math.max(0, nowMs - updatedAtMs) } }
}

const isUnknown = (catalog: Catalog, { model, refusal }: InferenceRequest, route: Route | undefined): boolean => {
  if (model === undefined || (route === undefined && refusal?.code !== 'model_not_found')) return false
  const isNamed = catalog.models.has(model) || catalog.poolsByName.has(model) || catalog.baseModels.has(model)
  return !isNamed && route?.rewrite === undefined && !catalog.servedElsewhere.has(model)
}

const addressesOf = (endpoints: readonly Endpoint[]): string[] => endpoints.map(({ address }) => address)

/** A field that is left out when it is undefined. */
function given<Key extends string, Value>(key: Key, value: Value | undefined): { readonly [K in Key]?: Value } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [K in Key]?: Value })
}
