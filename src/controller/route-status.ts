import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../clock.ts'
import type { KubeObject } from '../kubernetes/object.ts'
import type { CompiledService, ServiceCondition, ServiceStatus } from '../routes/compiled.ts'
import type { Failure } from './applying.ts'
import { type Condition, readConditions } from './condition.ts'
import { replaceStatus } from './replace-status.ts'
import { aimServices, inferenceServices, nextStatus, type ServiceKind } from './service-status.ts'
import type { Write } from './writer.ts'

const serviceKindOf = ({ service }: CompiledService): ServiceKind =>
  service.kind === inferenceServices.kind.kind ? inferenceServices : aimServices

/** What the compiler says of the service, or what became of it. */
export function statusOf(
  compiled: CompiledService,
  failure: Failure | undefined,
  modelFailure: Failure | undefined,
): ServiceStatus {
  const { readyType, errorsStandAlone } = serviceKindOf(compiled)
  const { status } = compiled
  const failures = new Map<string, Failure>()
  if (failure !== undefined) failures.set(readyType, failure)
  if (modelFailure !== undefined) failures.set('ModelRouteReady', modelFailure)
  const conditions = status.conditions.map((condition): ServiceCondition => {
    const found = failures.get(condition.type)
    return found === undefined ? condition : { type: condition.type, status: 'False', ...found }
  })
  if (failure === undefined) return { ...status, conditions }
  if (errorsStandAlone) return { conditions: conditions.filter(({ type }) => type === readyType) }
  // Without a route nothing else is promised, as where the compiler finds that a name is taken.
  if (failure.reason !== 'NameCollision') return { ...status, conditions }
  return { conditions: conditions.filter(({ type }) => type === 'RuntimeConfigReady' || type === readyType) }
}

/**
 * Undefined when the status is right as it is.
 * @param onSaid called when the API server keeps no more of it than there is: a CRD may lack fields
 */
export function planStatus(
  compiled: CompiledService,
  wanted: ServiceStatus,
  clock: Clock,
  onSaid: () => void,
): Write | undefined {
  const { service } = compiled
  const serviceKind = serviceKindOf(compiled)
  const next = (object: KubeObject) => {
    // The generation that was judged, though the status may be that of a later one.
    const judged = { ...object, metadata: service.metadata }
    const status = nextStatus(judged, wanted, serviceKind, clock.epochMs())
    return isDeepStrictEqual(status, object.status ?? {}) ? undefined : status
  }
  if (next(service) === undefined) return undefined
  return {
    kind: serviceKind.kind,
    object: service,
    content: wanted,
    events: warningsOf(wanted, readConditions(service.status)),
    async send(client) {
      const stored = await replaceStatus(client, serviceKind.kind, service, next)
      if (stored?.metadata.resourceVersion === service.metadata.resourceVersion) onSaid()
      return stored
    },
  }
}

/** Reasons of conditions that are False, or not True, for a while as a matter of course. */
const passing = ['HTTPRoutePending', 'ComponentNotReady']

function warningsOf({ conditions }: ServiceStatus, before: readonly Condition[]): Write['events'] {
  return conditions.flatMap(({ type, status, reason = '', message = '' }) => {
    const isBad = type === 'RoutingConflict' ? status === 'True' : status === 'False' && !passing.includes(reason)
    const isNew = !before.some((each) => each.type === type && each.status === status && each.reason === reason)
    return isBad && isNew ? [{ reason, message }] : []
  })
}
