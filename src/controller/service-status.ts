import { isObject } from '../catalog/resource.ts'
import { kinds } from '../kubernetes/kinds.ts'
import type { KubeObject, ResourceKind } from '../kubernetes/object.ts'
import type { ServiceStatus } from '../routes/compiled.ts'
import { isOwnConditionType } from '../routes/ome/conditions.ts'
import { type Condition, readConditions, type SparseFinding, transition } from './condition.ts'

/** A kind of service whose status is written, and what of it is ours. */
export type ServiceKind = {
  readonly kind: ResourceKind
  /** The condition that tells whether its routes stand. */
  readonly readyType: string
  /** Whether a condition of this type is ours, to be taken away when there is nothing to say. */
  isOurs(condition: Condition): boolean
  /** Whether its conditions have that field. */
  readonly hasObservedGeneration: boolean
  /** On an error of its routes nothing else is said. */
  readonly errorsStandAlone: boolean
  /** The status with the values of ours in place. */
  withValues(status: Readonly<Record<string, unknown>>, values: ServiceStatus): Readonly<Record<string, unknown>>
}

const ofAim = ['RuntimeConfigReady', 'HTTPRouteReady', 'RoutingConflict', 'ModelRouteReady']

export const inferenceServices: ServiceKind = {
  kind: kinds.inferenceService,
  readyType: 'IngressReady',
  // Ready is OME's own, but for services that it does not run.
  isOurs: ({ type, reason }) => (type === 'Ready' ? reason === 'VirtualDeployment' : isOwnConditionType(type)),
  hasObservedGeneration: false,
  errorsStandAlone: true,
  withValues: ({ url: _, address, ...others }, values) => ({
    ...others,
    ...(values.url !== undefined && { url: values.url }),
    ...withField('address', address, 'url', values.address?.url),
  }),
}

export const aimServices: ServiceKind = {
  kind: kinds.aimService,
  readyType: 'HTTPRouteReady',
  isOurs: ({ type }) => ofAim.includes(type),
  hasObservedGeneration: true,
  errorsStandAlone: false,
  withValues: ({ routing, ...others }, values) => ({
    ...others,
    ...withField('routing', routing, 'path', values.routing?.path),
  }),
}

/** `{ [name]: object }` with one field set, or taken out; nothing when that leaves it empty. */
function withField(name: string, object: unknown, field: string, value: string | undefined): object {
  const { [field]: _, ...others } = isObject(object) ? object : {}
  const next = value === undefined ? others : { ...others, [field]: value }
  return Object.keys(next).length === 0 ? {} : { [name]: next }
}

/**
 * The status of a service with what is ours in it, and all else as it was.
 * @param epochMs for conditions that turn now
 */
export function nextStatus(
  { status, metadata }: KubeObject,
  wanted: ServiceStatus,
  { isOurs, hasObservedGeneration, withValues }: ServiceKind,
  epochMs: number,
): Readonly<Record<string, unknown>> {
  const before = readConditions(status)
  const ours = new Map(
    wanted.conditions.map((condition) => [
      condition.type,
      transition(
        {
          ...condition,
          ...(hasObservedGeneration && { observedGeneration: metadata.generation }),
        },
        before,
        epochMs,
      ),
    ]),
  )
  const kept = before.flatMap((condition): readonly (SparseFinding & { readonly lastTransitionTime: string })[] => {
    const ofOurs = ours.get(condition.type)
    if (ofOurs !== undefined) return ours.delete(condition.type) ? [ofOurs] : []
    return isOurs(condition) ? [] : [condition]
  })
  const conditions = [...kept, ...ours.values()]
  const { conditions: listed, ...others } = isObject(status) ? status : {}
  const isListed = conditions.length > 0 || listed !== undefined
  return { ...withValues(others, wanted), ...(isListed && { conditions }) }
}
