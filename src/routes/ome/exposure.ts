import type { KubeObject } from '../../kubernetes/object.ts'
import { visibilityLabel } from './metadata.ts'
import type { DeploymentMode } from './mode.ts'
import type { Settings } from './settings.ts'
import { labelsOf, textOf } from './text-map.ts'

/** By what a service is reached. */
export type Exposure =
  /** Creation of routes is disabled: a Service of its own. */
  | 'external-service'
  /** Virtual hosts of Istio are disabled: the routes that Knative makes itself. */
  | 'knative-routes'
  /** Its label keeps it inside of the cluster. */
  | 'cluster-local'
  | 'virtual-service'
  | 'http-routes'
  | 'ingress'

/** The first that applies. */
export function readExposure(service: KubeObject, mode: DeploymentMode, settings: Settings): Exposure {
  if (settings.flag('disableIngressCreation')) return 'external-service'
  if (mode === 'Serverless' && settings.flag('disableIstioVirtualHost')) return 'knative-routes'
  if (hasClusterLocalLabel(service)) return 'cluster-local'
  if (mode === 'Serverless') return 'virtual-service'
  return settings.flag('enableGatewayAPI') ? 'http-routes' : 'ingress'
}

/** @throws Failure where the label is no text */
export const hasClusterLocalLabel = (service: KubeObject): boolean =>
  textOf(labelsOf(service), visibilityLabel) === 'cluster-local'
