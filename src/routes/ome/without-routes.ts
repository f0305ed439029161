import { isObject } from '../../catalog/resource.ts'
import { inClusterUrl } from './backend.ts'
import type { Compilation } from './compilation.ts'
import { disabledCondition, readyCondition, serviceTypeInvalid, virtualCondition } from './conditions.ts'
import { hasClusterLocalLabel } from './exposure.ts'
import { externalService, readServiceType } from './external-service.ts'
import { entryOf, type InferenceService } from './inference-service.ts'
import { notReady, type Outcome, routed } from './outcome.ts'
import { isReady } from './readiness.ts'

/** What others deploy has its address, and nothing else from here. */
export function virtualDeployment(isvc: InferenceService): Outcome {
  const url = inClusterUrl(isvc, isvc.cutName)
  return routed([], url, url, virtualCondition)
}

/** Creation of routes is disabled: a Service of its own, whether or not a component is ready. */
export function disabled({ isvc, settings, backendOf }: Compilation): Outcome {
  const backend = backendOf(entryOf(isvc))
  if (hasClusterLocalLabel(isvc.service)) {
    const service = externalService(isvc, { type: 'ClusterIP' }, { ...backend, port: 80 })
    const url = inClusterUrl(isvc, isvc.cutName)
    return routed([service], url, url, disabledCondition)
  }
  const serviceType = readServiceType(isvc, settings)
  const url = inClusterUrl(isvc, isvc.cutName, backend.port)
  const conditions = serviceType.unknown === undefined ? [] : [serviceTypeInvalid(serviceType.unknown)]
  return routed([externalService(isvc, serviceType, backend)], url, url, disabledCondition, ...conditions)
}

/** Knative routes to the components itself; it says where. */
export function knativeRoutes({ isvc }: Compilation): Outcome {
  if (!isReady(isvc)) return notReady
  const { name, serviceName } = entryOf(isvc)
  const { status } = isvc.service
  const components = isObject(status) ? status.components : undefined
  const component = isObject(components) ? components[name] : undefined
  const url =
    isObject(component) && typeof component.url === 'string' && component.url !== '' ? component.url : undefined
  return routed([], url, inClusterUrl(isvc, serviceName), readyCondition)
}
