import type { ServiceCondition } from '../compiled.ts'
import { type Failure, showFound } from './failure.ts'
import type { Effective, Settings } from './settings.ts'

/** Those that are written here: they say nothing of whether a component is ready. */
const ownConditionTypes: readonly unknown[] = [
  'IngressReady',
  'PathTemplateApplied',
  'ServiceTypeValid',
  'IngressClassApplied',
  'ModelRouteReady',
  'Ready',
]

export const isOwnConditionType = (type: unknown): boolean => ownConditionTypes.includes(type)

export const readyCondition: ServiceCondition = { type: 'IngressReady', status: 'True' }

export const clusterLocalCondition: ServiceCondition = {
  ...readyCondition,
  reason: 'ClusterLocal',
  message: 'Only the cluster can reach it',
}

export const disabledCondition: ServiceCondition = {
  ...readyCondition,
  reason: 'IngressDisabled',
  message: 'Ingress creation is disabled, using external service for access',
}

export const virtualCondition: ServiceCondition = {
  type: 'Ready',
  status: 'True',
  reason: 'VirtualDeployment',
  message: 'Nothing is generated for what is deployed elsewhere',
}

export const notReadyCondition: ServiceCondition = {
  type: 'IngressReady',
  status: 'False',
  reason: 'ComponentNotReady',
  message: 'Target service not ready for ingress creation',
}

export const failedCondition = ({ reason, message }: Failure): ServiceCondition => ({
  type: 'IngressReady',
  status: 'False',
  reason,
  message,
})

export const pathTemplateNotApplied = ({ field, value }: Effective<string>): ServiceCondition => ({
  type: 'PathTemplateApplied',
  status: 'False',
  reason: 'UnsupportedByIngress',
  message: `${field}: ${showFound(value)} has no effect, as an Ingress has no portable way to rewrite paths`,
})

/** Of what is made in place of an Ingress: none where no annotation asks for a class. */
export function ingressClassNotApplied(settings: Settings): readonly ServiceCondition[] {
  const { layer, field, value } = settings.text('ingressClassName')
  if (layer !== 'annotation') return []
  const message = `${field}: ${showFound(value)} has no effect, as no Ingress is made`
  return [{ type: 'IngressClassApplied', status: 'False', reason: 'NotAnIngress', message }]
}

/** @param unknown names the annotation and its value */
export const serviceTypeInvalid = (unknown: string): ServiceCondition => ({
  type: 'ServiceTypeValid',
  status: 'False',
  reason: 'UnknownServiceType',
  message: `${unknown}, allowed: ClusterIP, NodePort, LoadBalancer; the Service is of type ClusterIP`,
})
