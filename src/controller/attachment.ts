import { isObject } from '../catalog/resource.ts'
import { kinds } from '../kubernetes/kinds.ts'
import { type KubeObject, keyOf } from '../kubernetes/object.ts'
import type { Finding } from './condition.ts'
import { readConditions } from './condition.ts'

/** What Gateways make of an InferencePool, through the HTTPRoutes that name it as a backend. */
export type Attachment = {
  /** `namespace/name` of the Gateway. */
  readonly gatewayKey: string
  /** Condition `Accepted` of the pool there, but for what is the pool's own. */
  readonly accepted: Pick<Finding, 'status' | 'reason' | 'message'>
}

export type AttachmentInput = {
  readonly routes: Iterable<KubeObject>
  /** By `namespace/name`. */
  readonly gateways: ReadonlyMap<string, KubeObject>
  /** By `/name`. */
  readonly gatewayClasses: ReadonlyMap<string, KubeObject>
  /** controllerName of the GatewayClasses whose controllers do not write the status of pools. */
  readonly controllerNames: readonly string[]
}

type RouteSpec = {
  readonly parentRefs?: readonly Reference[]
  readonly rules?: readonly { readonly backendRefs?: readonly Reference[] }[]
}
type Reference = {
  readonly group?: string
  readonly kind?: string
  readonly name: string
  readonly namespace?: string
}
type RouteParent = { readonly parentRef: Reference; readonly controllerName: string }

/** What one route says about the pools behind it, at one Gateway. The later one goes before the earlier. */
const ranks = ['Pending', 'HTTPRouteNotAccepted', 'NotSupported', 'Accepted'] as const
type Opinion = { readonly reason: (typeof ranks)[number]; readonly message: string }

/**
 * The attachments of every pool that has any, in the order of the Gateways' names. Pools are keyed `group namespace/name`.
 */
export function findAttachments(input: AttachmentInput): ReadonlyMap<string, readonly Attachment[]> {
  const opinions = new Map<string, Map<string, Opinion>>()
  const routes = [...input.routes].toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  for (const route of routes) {
    const { parentRefs = [], rules = [] } = route.spec as RouteSpec
    const namespace = route.metadata.namespace!
    const pools = new Set(
      rules.flatMap(({ backendRefs = [] }) => backendRefs.flatMap((ref) => poolKey(ref, namespace))),
    )
    const gateways = new Set(parentRefs.flatMap((ref) => gatewayKey(ref, namespace)))
    for (const gateway of gateways) {
      const controllerName = controllerOf(gateway, input)
      if (controllerName === undefined || !input.controllerNames.includes(controllerName)) continue
      for (const pool of pools) {
        const opinion = opinionOf(route, gateway, controllerName, pool)
        if (opinion === undefined) continue
        const byGateway = opinions.get(pool) ?? new Map<string, Opinion>()
        opinions.set(pool, byGateway)
        const before = byGateway.get(gateway)
        if (before === undefined || ranks.indexOf(opinion.reason) > ranks.indexOf(before.reason)) {
          byGateway.set(gateway, opinion)
        }
      }
    }
  }
  return new Map([...opinions].map(([pool, byGateway]) => [pool, attachmentsOf(pool, byGateway)]))
}

function attachmentsOf(pool: string, byGateway: ReadonlyMap<string, Opinion>): readonly Attachment[] {
  return [...byGateway]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([gatewayKey, { reason, message }]) => ({
      gatewayKey,
      accepted: { status: statusOf(reason), reason: apiReason(reason, pool), message },
    }))
}

function statusOf(reason: Opinion['reason']): Finding['status'] {
  if (reason === 'Accepted') return 'True'
  return reason === 'Pending' ? 'Unknown' : 'False'
}

/** The two versions of the API differ in one name. */
function apiReason(reason: Opinion['reason'], pool: string): string {
  if (reason !== 'NotSupported') return reason
  return pool.startsWith(`${groupOf(kinds.poolV1.apiVersion)} `) ? 'NotSupportedByParent' : 'NotSupportedByGateway'
}

/** Undefined when the route must not refer to the pool: then it has nothing to do with it. */
function opinionOf(route: KubeObject, gateway: string, controllerName: string, pool: string): Opinion | undefined {
  const who = `HTTPRoute ${keyOf(route)}`
  const parents = isObject(route.status) && Array.isArray(route.status.parents) ? route.status.parents : []
  const conditions = (parents as RouteParent[])
    .filter(
      (parent) =>
        parent.controllerName === controllerName &&
        gatewayKey(parent.parentRef, route.metadata.namespace!).includes(gateway),
    )
    .map(readConditions)
  const find = (type: string, status: string, reason?: string) =>
    conditions
      .flat()
      .find((each) => each.type === type && each.status === status && (reason === undefined || each.reason === reason))

  const isForeign = !pool.includes(` ${route.metadata.namespace}/`)
  if (isForeign && find('ResolvedRefs', 'False', 'RefNotPermitted') !== undefined) return undefined
  const unsupported = find('ResolvedRefs', 'False', 'InvalidKind')
  if (unsupported !== undefined) return { reason: 'NotSupported', message: `${who}: ${unsupported.message}` }
  if (find('Accepted', 'True') !== undefined) return { reason: 'Accepted', message: `a backend of ${who}` }
  const refusal = find('Accepted', 'False')
  if (refusal !== undefined) {
    return { reason: 'HTTPRouteNotAccepted', message: `${who} is not accepted: ${refusal.message}` }
  }
  return { reason: 'Pending', message: `the Gateway's controller has not yet said whether it accepts ${who}` }
}

function controllerOf(gateway: string, { gateways, gatewayClasses }: AttachmentInput): string | undefined {
  const { gatewayClassName } = (gateways.get(gateway)?.spec ?? {}) as { gatewayClassName?: string }
  const { controllerName } = (gatewayClasses.get(`/${gatewayClassName}`)?.spec ?? {}) as { controllerName?: string }
  return controllerName
}

/** None or one. */
function gatewayKey(reference: Reference, namespace: string): string[] {
  const { group = groupOf(kinds.gateway.apiVersion), kind = 'Gateway', name } = reference
  if (group !== groupOf(kinds.gateway.apiVersion) || kind !== 'Gateway') return []
  return [`${reference.namespace ?? namespace}/${name}`]
}

const poolGroups = [kinds.poolV1, kinds.poolV1alpha2].map(({ apiVersion }) => groupOf(apiVersion))

/** None or one. */
function poolKey({ group = '', kind = 'Service', name, namespace: other }: Reference, namespace: string): string[] {
  if (kind !== 'InferencePool' || !poolGroups.includes(group)) return []
  return [`${group} ${other ?? namespace}/${name}`]
}

export function groupOf(apiVersion: string): string {
  return apiVersion.split('/')[0]
}
