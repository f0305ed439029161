import { join } from 'node:path'
import { createCrds } from '../real/crds.ts'
import type { KubeApi } from '../real/kube-api.ts'

const gatewayApi = ['gatewayclasses', 'gateways', 'httproutes'].map((name) => `${name}.gateway.networking.k8s.io`)
const envoyGatewayApi = [
  'backends',
  'backendtrafficpolicies',
  'clienttrafficpolicies',
  'envoyextensionpolicies',
  'envoypatchpolicies',
  'envoyproxies',
  'httproutefilters',
  'securitypolicies',
].map((name) => `${name}.gateway.envoyproxy.io`)
const inferenceApi = [
  'inferencepools.inference.networking.k8s.io',
  'inferencepools.inference.networking.x-k8s.io',
  'inferencemodels.inference.networking.x-k8s.io',
]

const crds = [
  ['gateway-api', gatewayApi],
  ['envoy-gateway', envoyGatewayApi],
  ['gie', inferenceApi.slice(0, 1)],
  ['gie-v0.5.1', inferenceApi.slice(1)],
] as const

/** Envoy Gateway does not start without this kind of the Gateway API; none is used here, so its fields don't matter. */
const referenceGrants = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: {
    name: 'referencegrants.gateway.networking.k8s.io',
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

/** Creates what Envoy Gateway and Signalbox read. @param folder as SIGNALBOX_CRDS */
export async function createExtensionCrds(api: KubeApi, folder: string): Promise<void> {
  for (const [source, names] of crds) await createCrds(api, join(folder, source), names)
  await api.create('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', referenceGrants)
}
