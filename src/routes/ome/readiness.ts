import { isObject } from '../../catalog/resource.ts'
import { isOwnConditionType } from './conditions.ts'
import { configInvalid } from './failure.ts'
import { type ComponentName, entryOf, type InferenceService, isPresent } from './inference-service.ts'

const readyTypes: Readonly<Record<ComponentName, string>> = {
  engine: 'EngineReady',
  router: 'RouterReady',
  decoder: 'DecoderReady',
}

/**
 * Whether the components that requests go to are up. Where OME has not said anything yet they count as ready.
 * @throws Failure when the status is of another shape
 */
export function isReady(isvc: InferenceService): boolean {
  const conditions = readConditions(isvc)
  if (conditions === undefined) return true
  const needed = isvc.decoder === undefined ? [entryOf(isvc)] : [entryOf(isvc), isvc.decoder]
  return needed.every(({ name }) => {
    const condition = conditions.find((each) => isObject(each) && each.type === readyTypes[name])
    return isObject(condition) && condition.status === 'True'
  })
}

/** Undefined when there is none but what is written here. */
function readConditions({ service }: InferenceService): readonly unknown[] | undefined {
  const { status } = service
  if (!isPresent(status)) return undefined
  if (!isObject(status)) throw configInvalid('status', status, 'an object', { object: service, path: ['status'] })
  const { conditions } = status
  if (!isPresent(conditions)) return undefined
  if (!Array.isArray(conditions)) {
    const at = { object: service, path: ['status', 'conditions'] }
    throw configInvalid('status.conditions', conditions, 'a list', at)
  }
  const areOurs = conditions.length > 0 && conditions.every((each) => isObject(each) && isOwnConditionType(each.type))
  return areOurs ? undefined : conditions
}
