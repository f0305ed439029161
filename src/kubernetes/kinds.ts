import type { ResourceKind } from './object.ts'

/** The kinds that are read from a cluster, with the groups and versions that are understood. */
export const kinds = {
  pod: { apiVersion: 'v1', kind: 'Pod', plural: 'pods' },
  configMap: { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps' },
  poolV1: { apiVersion: 'inference.networking.k8s.io/v1', kind: 'InferencePool', plural: 'inferencepools' },
  poolV1alpha2: {
    apiVersion: 'inference.networking.x-k8s.io/v1alpha2',
    kind: 'InferencePool',
    plural: 'inferencepools',
  },
  model: { apiVersion: 'inference.networking.x-k8s.io/v1alpha2', kind: 'InferenceModel', plural: 'inferencemodels' },
  objective: {
    apiVersion: 'inference.networking.x-k8s.io/v1alpha2',
    kind: 'InferenceObjective',
    plural: 'inferenceobjectives',
  },
  objectiveLlmd: { apiVersion: 'llm-d.ai/v1alpha2', kind: 'InferenceObjective', plural: 'inferenceobjectives' },
  rewrite: {
    apiVersion: 'inference.networking.x-k8s.io/v1alpha2',
    kind: 'InferenceModelRewrite',
    plural: 'inferencemodelrewrites',
  },
  rewriteLlmd: { apiVersion: 'llm-d.ai/v1alpha2', kind: 'InferenceModelRewrite', plural: 'inferencemodelrewrites' },
  service: { apiVersion: 'v1', kind: 'Service', plural: 'services' },
  gateway: { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', plural: 'gateways' },
  ingress: { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', plural: 'ingresses' },
  virtualService: { apiVersion: 'networking.istio.io/v1beta1', kind: 'VirtualService', plural: 'virtualservices' },
  securityPolicy: { apiVersion: 'gateway.envoyproxy.io/v1alpha1', kind: 'SecurityPolicy', plural: 'securitypolicies' },
  inferenceService: { apiVersion: 'ome.io/v1beta1', kind: 'InferenceService', plural: 'inferenceservices' },
  aimService: { apiVersion: 'aim.eai.amd.com/v1alpha1', kind: 'AIMService', plural: 'aimservices' },
  aimRuntimeConfig: { apiVersion: 'aim.eai.amd.com/v1alpha1', kind: 'AIMRuntimeConfig', plural: 'aimruntimeconfigs' },
  /** Has no namespace. */
  aimClusterRuntimeConfig: {
    apiVersion: 'aim.eai.amd.com/v1alpha1',
    kind: 'AIMClusterRuntimeConfig',
    plural: 'aimclusterruntimeconfigs',
  },
  gatewayClass: { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'GatewayClass', plural: 'gatewayclasses' },
  httpRoute: { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', plural: 'httproutes' },
} as const satisfies Record<string, ResourceKind>
