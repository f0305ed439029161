import type { Generated } from '../compiled.ts'
import type { Backend } from './backend.ts'
import { showFound } from './failure.ts'
import { entryOf, type InferenceService } from './inference-service.ts'
import { metadataOf, serviceLabel } from './metadata.ts'
import type { Settings } from './settings.ts'
import { annotationsOf, placeOf, textOf, textsWhere } from './text-map.ts'

/** How the Service of a whole service is published. */
export type ServiceType = {
  readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer'
  readonly loadBalancerIP?: string
  /** The annotation and its value, where that is none of these. */
  readonly unknown?: string
}

const typeAnnotation = 'ome.io/service-type'
const addressAnnotation = 'ome.io/load-balancer-ip'

/** @throws Failure where an annotation is no text */
export function readServiceType({ service }: InferenceService, settings: Settings): ServiceType {
  const annotations = annotationsOf(service)
  const written = textOf(annotations, typeAnnotation)
  const at = placeOf(annotations, typeAnnotation)
  switch (written) {
    case undefined:
    case '':
      settings.note('serviceType', 'ClusterIP', 'default')
      return { type: 'ClusterIP' }
    case 'ClusterIP':
    case 'NodePort':
      settings.note('serviceType', written, at)
      return { type: written }
    case 'LoadBalancer': {
      settings.note('serviceType', written, at)
      const loadBalancerIP = textOf(annotations, addressAnnotation)
      if (!loadBalancerIP) return { type: written }
      settings.note('loadBalancerIP', loadBalancerIP, placeOf(annotations, addressAnnotation))
      return { type: written, loadBalancerIP }
    }
    default:
      settings.note('serviceType', 'ClusterIP', 'default')
      return { type: 'ClusterIP', unknown: `${typeAnnotation}: found ${showFound(written)}` }
  }
}

/** By which clouds are told what load balancer to make. */
const cloudPrefixes = ['service.beta.kubernetes.io/', 'cloud.google.com/', 'service.kubernetes.io/']

/** The Service that stands for a service where it has no routes; it leads to the Pods of the entry component. */
export function externalService(
  isvc: InferenceService,
  { type, loadBalancerIP }: ServiceType,
  { port, targetPort }: Pick<Backend, 'port' | 'targetPort'>,
): Generated {
  const annotations = textsWhere(annotationsOf(isvc.service), (key) =>
    cloudPrefixes.some((prefix) => key.startsWith(prefix) && key.length > prefix.length),
  )
  const labels = { [serviceLabel]: isvc.cutName, component: 'external-service' }
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadataOf(isvc, isvc.cutName, labels, annotations),
    spec: {
      type,
      selector: { [serviceLabel]: isvc.cutName, component: entryOf(isvc).name },
      ports: [{ name: 'http', port, targetPort, protocol: 'TCP' }],
      ...(loadBalancerIP === undefined ? {} : { loadBalancerIP }),
    },
  }
}
