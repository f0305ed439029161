import { createCrds } from '../real/crds.ts'
import type { KubeApi } from '../real/kube-api.ts'

const names = [
  ...['gatewayclasses', 'gateways', 'httproutes'].map((name) => `${name}.gateway.networking.k8s.io`),
  ...[
    'backends',
    'backendtrafficpolicies',
    'clienttrafficpolicies',
    'envoyextensionpolicies',
    'envoypatchpolicies',
    'envoyproxies',
    'httproutefilters',
    'securitypolicies',
  ].map((name) => `${name}.gateway.envoyproxy.io`),
  'inferencepools.inference.networking.k8s.io',
  'inferencepools.inference.networking.x-k8s.io',
  'inferencemodels.inference.networking.x-k8s.io',
]

/** Envoy Gateway does not start without this kind of the Gateway API; none is used here, so its fields don't matter. */
const referenceGrants = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: {
    name: 'referencegrants.gateway.networking.k8s.io',
    // The API guards groups below k8s.io: https://github.com/kubernetes/enhancements/pull/1111
    annotations: { 'api-approved.kubernetes.io': 'unapproved, for tests' },
  },
  spec: {
    group: 'gateway.networking.k8s.io',
    names: {
      kind: 'ReferenceGrant',
      listKind: 'ReferenceGrantList',
      plural: 'referencegrants',
      singular: 'referencegrant',
    },
    scope: 'Namespaced',
    versions: [
      {
        name: 'v1beta1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
}

/** Creates the kinds that a cluster with Envoy Gateway and Signalbox has, from the YAML files below `folder`. */
export async function createGatewayCrds(api: KubeApi, folder: string): Promise<void> {
  await createCrds(api, folder, names)
  await api.create('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', referenceGrants)
}
