import type { z } from 'zod'
import type { Compiled } from '../catalog/compile.ts'
import type { Resource } from '../catalog/resource.ts'
import type { EndpointSpec } from '../pool/endpoint.ts'
import { byAge, type Entry, readEntries } from './entry.ts'
import * as schema from './schema.ts'
import { type Target, targetsOf } from './target.ts'

type Value<Schema extends z.ZodType> = z.infer<Schema>
export type GatewayEntry = Entry<Value<typeof schema.gateway>>
export type RouteEntry = Entry<schema.HttpRoute>
export type PoolEntry = Entry<Value<typeof schema.pool>>
export type ServiceEntry = Entry<Value<typeof schema.service>>
export type PodEntry = Entry<Value<typeof schema.pod>>
export type PolicyKind = 'EnvoyExtensionPolicy' | 'ClientTrafficPolicy' | 'BackendTrafficPolicy'
export type PolicyEntry = Entry<Value<typeof schema.policy>> & { readonly targets: readonly Target[] }

/** What is known of a cluster, or of what shall become one. */
export type Known = {
  readonly resources: readonly Resource[]
  /** `resources`, compiled. */
  readonly compiled: Compiled
  /** Model servers; undefined where nothing says which there are. */
  readonly endpoints: readonly EndpointSpec[] | undefined
  /** The configuration of Envoy Gateway, where it could be seen. */
  readonly envoyGateways: readonly unknown[]
  /** All that there is of each kind is among `resources`, but for what {@link isUnread} says. Files may be a part of more. */
  readonly isCluster: boolean
  /** Whether there may be objects of this kind that could not be looked at. */
  isUnread(kind: string, namespace: string): boolean
}

export type Inventory = Known & {
  readonly gatewayClasses: readonly Entry<Value<typeof schema.gatewayClass>>[]
  readonly gateways: readonly GatewayEntry[]
  readonly routes: readonly RouteEntry[]
  readonly policies: Readonly<Record<PolicyKind, readonly PolicyEntry[]>>
  readonly backends: readonly Entry<Value<typeof schema.backend>>[]
  readonly services: readonly ServiceEntry[]
  readonly pods: readonly PodEntry[]
  /** What Pods will be: by their labels, like Pods. */
  readonly podTemplates: readonly PodEntry[]
  readonly backendTlsPolicies: readonly Entry<Value<typeof schema.backendTlsPolicy>>[]
  readonly pools: readonly PoolEntry[]
  readonly models: readonly Entry<Value<typeof schema.model>>[]
  readonly aiGatewayRoutes: readonly Entry<Value<typeof schema.aiGatewayRoute>>[]
  readonly extensionManagers: readonly NonNullable<Value<typeof schema.envoyGateway>['extensionManager']>[]
  readonly pickerConfigurations: readonly Value<typeof schema.pickerConfiguration>[]
}

/** Sorts out what the rules look at. */
export function takeInventory(known: Known): Inventory {
  const entries = <Shape>(group: string, kind: string, shape: z.ZodType<Shape>) =>
    readEntries(known.resources, group, kind, shape)
  const gateways = entries(gatewayApi, 'Gateway', schema.gateway)
  const routes = entries(gatewayApi, 'HTTPRoute', schema.httpRoute)
  const candidates = [...gateways, ...routes]
  const policies = (kind: PolicyKind) =>
    entries('gateway.envoyproxy.io', kind, schema.policy)
      .toSorted(byAge)
      .map((policy) => ({ ...policy, targets: targetsOf(policy, candidates) }))
  const envoyGateways = known.resources.filter(({ kind }) => kind === 'EnvoyGateway').map(({ object }) => object)
  return {
    ...known,
    gatewayClasses: entries(gatewayApi, 'GatewayClass', schema.gatewayClass),
    gateways,
    routes,
    policies: {
      EnvoyExtensionPolicy: policies('EnvoyExtensionPolicy'),
      ClientTrafficPolicy: policies('ClientTrafficPolicy'),
      BackendTrafficPolicy: policies('BackendTrafficPolicy'),
    },
    backends: entries('gateway.envoyproxy.io', 'Backend', schema.backend),
    services: entries('', 'Service', schema.service),
    pods: entries('', 'Pod', schema.pod),
    podTemplates: entries('apps', 'Deployment', schema.deployment).map((deployment) => {
      const { metadata, spec } = deployment.value.spec.template
      return { ...deployment, labels: metadata.labels, value: { spec } }
    }),
    backendTlsPolicies: entries(gatewayApi, 'BackendTLSPolicy', schema.backendTlsPolicy),
    pools: poolGroups.flatMap((group) => entries(group, 'InferencePool', schema.pool)),
    models: entries('inference.networking.x-k8s.io', 'InferenceModel', schema.model),
    aiGatewayRoutes: entries('aigateway.envoyproxy.io', 'AIGatewayRoute', schema.aiGatewayRoute),
    extensionManagers: [...known.envoyGateways, ...envoyGateways]
      .map((object) => schema.envoyGateway.safeParse(object).data)
      .flatMap((found) => [
        ...(found?.extensionManager ? [found.extensionManager] : []),
        ...(found?.extensionManagers ?? []),
      ]),
    pickerConfigurations: known.resources
      .filter(({ kind }) => kind === 'EndpointPickerConfig')
      .flatMap(({ object }) => schema.pickerConfiguration.safeParse(object).data ?? []),
  }
}

const gatewayApi = 'gateway.networking.k8s.io'
const poolGroups = ['inference.networking.k8s.io', 'inference.networking.x-k8s.io']
