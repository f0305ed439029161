import type { Generated, OwnerReference } from '../compiled.ts'
import type { InferenceService } from './inference-service.ts'
import { annotationsOf, labelsOf, textsWhere } from './text-map.ts'

type Metadata = Generated['metadata']
type Texts = Readonly<Record<string, string>>

export const serviceLabel = 'ome.io/inferenceservice'
export const visibilityLabel = 'networking.knative.dev/visibility'

/** metadata of something that a service owns. Without annotations it has no field for them. */
export function metadataOf(isvc: InferenceService, name: string, labels: Texts, annotations: Texts = {}): Metadata {
  return {
    name,
    namespace: isvc.namespace,
    labels,
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    ownerReferences: [ownerReference(isvc)],
  }
}

/** Those of Ingress, HTTPRoute, VirtualService and all that belongs to them. */
export function routeLabels({ service, cutName }: InferenceService): Texts {
  return { ...textsWhere(labelsOf(service), (key) => key !== visibilityLabel), [serviceLabel]: cutName }
}

/** Those that speak to OME, to kubectl or to the autoscaler say nothing of a route. */
const notOfRoutes = [
  'kubectl.kubernetes.io/last-applied-configuration',
  'autoscaling.knative.dev/min-scale',
  'autoscaling.knative.dev/max-scale',
]
const prefixesNotOfRoutes = ['ome.io/', 'internal.ome.io/']

/** Those of Ingress, HTTPRoute and VirtualService. */
export function routeAnnotations({ service }: InferenceService): Texts {
  return textsWhere(
    annotationsOf(service),
    (key) => !notOfRoutes.includes(key) && !prefixesNotOfRoutes.some((prefix) => key.startsWith(prefix)),
  )
}

function ownerReference({ service }: InferenceService): OwnerReference {
  const { apiVersion, kind, metadata } = service
  const { name, uid } = metadata
  return { apiVersion, kind, name, ...(uid ? { uid } : {}), controller: true, blockOwnerDeletion: true }
}
