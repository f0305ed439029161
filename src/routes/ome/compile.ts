import type { KubeObject } from '../../kubernetes/object.ts'
import type { CompiledService } from '../compiled.ts'
import { authAnnotations, checkAskable, readAuth } from './auth.ts'
import { backendOf } from './backend.ts'
import { clusterLocal } from './cluster-local.ts'
import type { Compilation } from './compilation.ts'
import { failedCondition } from './conditions.ts'
import type { OmeConfig } from './config.ts'
import { type Exposure, readExposure } from './exposure.ts'
import { Failure } from './failure.ts'
import { readInferenceService } from './inference-service.ts'
import { readDeploymentMode } from './mode.ts'
import type { Outcome } from './outcome.ts'
import { throughHttpRoutes, throughIngress, throughVirtualService } from './outside.ts'
import { Settings } from './settings.ts'
import { disabled, knativeRoutes, virtualDeployment } from './without-routes.ts'

export { componentServiceNames } from './inference-service.ts'

type Observed = (serviceName: string) => KubeObject | undefined

/**
 * What makes an `ome.io/v1beta1` InferenceService reachable. Nothing of it is trusted but that it has a name and a namespace:
 * the first fault that is found becomes its one condition.
 * @param observed the Service of its namespace with this name, one of {@link componentServiceNames}
 */
export function compileInferenceService(service: KubeObject, config: OmeConfig, observed: Observed): CompiledService {
  const settings = new Settings(service, config)
  try {
    const outcome = compile(service, config, settings, observed)
    return { service, ...outcome, problem: undefined, settings: settings.known }
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    return {
      service,
      ...afterFailure(error),
      problem: { reason: error.reason, message: error.message, at: error.at },
      settings: settings.known,
    }
  }
}

function compile(service: KubeObject, config: OmeConfig, settings: Settings, observed: Observed): Outcome {
  const isvc = readInferenceService(service)
  const mode = readDeploymentMode(isvc, config, settings)
  if (mode === 'VirtualDeployment') return virtualDeployment(isvc)
  settings.checkConfig()
  const auth = readAuth(service, settings)
  const exposure = readExposure(service, mode, settings)
  if (auth !== undefined) checkAskable(isvc, auth, exposure, settings)
  return expose(exposure, {
    isvc,
    mode,
    settings,
    auth,
    backendOf: (component) => backendOf(component, observed(component.serviceName), settings),
  })
}

function expose(exposure: Exposure, compilation: Compilation): Outcome {
  switch (exposure) {
    case 'external-service':
      return disabled(compilation)
    case 'knative-routes':
      return knativeRoutes(compilation)
    case 'cluster-local':
      return clusterLocal(compilation)
    case 'virtual-service':
      return throughVirtualService(compilation)
    case 'http-routes':
      return throughHttpRoutes(compilation)
    case 'ingress':
      return throughIngress(compilation)
  }
}

function afterFailure(failure: Failure): Outcome {
  return {
    objects: [],
    others: mustClose(failure) ? 'delete' : 'keep',
    status: { conditions: [failedCondition(failure)] },
  }
}

/** What was made before stays, unless that would leave something open that was meant to be closed. */
function mustClose({ at }: Failure): boolean {
  const [, map, key] = at.path
  return map === 'annotations' && authAnnotations.some((each) => each === key)
}
