import { isObject } from '../../catalog/resource.ts'
import { type KubeObject, keyOf } from '../../kubernetes/object.ts'
import type { ServiceCondition } from '../compiled.ts'
import type { ParentRef } from '../parent-ref.ts'
import { isUid } from './http-route.ts'

/** A condition of an HTTPRoute that its Gateway has written, unchecked. */
type GatewayCondition = Readonly<Record<string, unknown>>

/** HTTPRouteReady, by what the Gateway says of the route as it is observed. */
export function judgeRoute(route: KubeObject | undefined, gateway: ParentRef): ServiceCondition {
  if (route === undefined) return ready('Unknown', 'HTTPRouteCreating', 'HTTPRoute is being created')
  const conditions = conditionsFrom(route, gateway)
  const find = (type: string, status: string) => conditions.find((each) => each.type === type && each.status === status)
  const rejected = find('Accepted', 'False')
  if (rejected !== undefined) return refusal(rejected, 'HTTPRoute rejected')
  const unresolved = find('ResolvedRefs', 'False')
  if (unresolved !== undefined) return refusal(unresolved, 'HTTPRoute backend not resolved')
  if (find('Accepted', 'True') !== undefined) {
    return ready('True', 'HTTPRouteAccepted', 'HTTPRoute is accepted by gateway')
  }
  return ready('False', 'HTTPRoutePending', 'HTTPRoute is waiting for gateway acceptance')
}

function ready(status: ServiceCondition['status'], reason: string, message: string): ServiceCondition {
  return { type: 'HTTPRouteReady', status, reason, message }
}

/** Gives the gateway's reason, and its message, or the reason once more where it has no message. */
function refusal({ reason, message }: GatewayCondition, what: string): ServiceCondition {
  const given = typeof reason === 'string' && reason !== '' ? reason : undefined
  const why = typeof message === 'string' && message !== '' ? message : given
  return {
    type: 'HTTPRouteReady',
    status: 'False',
    ...(given !== undefined && { reason: given }),
    message: why === undefined ? what : `${what}: ${why}`,
  }
}

/** Those of status.parents[] for this Gateway that tell of the route as it is now. */
function conditionsFrom({ metadata, status }: KubeObject, gateway: ParentRef): readonly GatewayCondition[] {
  const parents = isObject(status) && Array.isArray(status.parents) ? status.parents : []
  return parents
    .filter((parent) => isObject(parent) && isSameParent(parent.parentRef, gateway, metadata.namespace))
    .flatMap(({ conditions }) => (Array.isArray(conditions) ? conditions : []))
    .filter(
      (condition): condition is GatewayCondition => isObject(condition) && !isStale(condition, metadata.generation),
    )
}

function isSameParent(ref: unknown, gateway: ParentRef, namespace: string | undefined): boolean {
  if (!isObject(ref)) return false
  const isEqual = (field: keyof ParentRef, byDefault?: string) =>
    (ref[field] ?? byDefault) === (gateway[field] ?? byDefault)
  return (
    isEqual('group', 'gateway.networking.k8s.io') &&
    isEqual('kind', 'Gateway') &&
    isEqual('name') &&
    isEqual('namespace', namespace) &&
    isEqual('sectionName') &&
    isEqual('port')
  )
}

function isStale({ observedGeneration }: GatewayCondition, generation: unknown): boolean {
  return typeof observedGeneration === 'number' && typeof generation === 'number' && observedGeneration < generation
}

/** In words, the object other than the service that controls a route; undefined when there is none. */
export function describeOtherController(route: KubeObject, service: KubeObject): string | undefined {
  const { ownerReferences }: { ownerReferences?: unknown } = route.metadata
  const owners: readonly unknown[] = Array.isArray(ownerReferences) ? ownerReferences : []
  const owner = owners.find((each): each is Record<string, unknown> => isObject(each) && each.controller === true)
  if (owner === undefined) return undefined
  const { kind, name, uid } = owner
  const isSame =
    isUid(uid) && isUid(service.metadata.uid)
      ? uid === service.metadata.uid
      : kind === service.kind && name === service.metadata.name
  if (isSame) return undefined
  const who = typeof kind === 'string' && typeof name === 'string' ? `${kind} ${name}` : 'another object'
  const which = isUid(uid) ? ` (uid ${uid})` : ''
  return `HTTPRoute ${keyOf(route)} is controlled by ${who}${which}`
}
