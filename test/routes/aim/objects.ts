import type { KubeObject, ObjectMeta, OwnerReference } from '../../../src/kubernetes/object.ts'
import { compileAimServices } from '../../../src/routes/aim/compile.ts'
import { decideAimRoute, runtimeConfigName } from '../../../src/routes/aim/decide.ts'
import type { CompiledService, ServiceCondition } from '../../../src/routes/compiled.ts'

const apiVersion = 'aim.eai.amd.com/v1alpha1'

type Options = {
  readonly namespace?: string
  readonly metadata?: Partial<ObjectMeta>
  /** spec.routing; with a gateway and routing on unless it says otherwise. */
  readonly routing?: Readonly<Record<string, unknown>>
  readonly spec?: Readonly<Record<string, unknown>>
  readonly status?: unknown
}

export const gatewayRef = { name: 'inference', namespace: 'gateways' }

export function makeAimService(name: string, { namespace = 'ml-team', ...options }: Options = {}): KubeObject {
  const { metadata, routing, spec, status } = options
  return {
    apiVersion,
    kind: 'AIMService',
    metadata: { name, namespace, uid: `uid-of-${name}`, ...metadata },
    spec: { routing: { enabled: true, gatewayRef, pathTemplate: '/{.metadata.name}', ...routing }, ...spec },
    ...(status !== undefined && { status }),
  }
}

/** With nothing in its spec, so that the runtime configuration decides. */
export function makeBareService(name: string, spec: Readonly<Record<string, unknown>> = {}): KubeObject {
  return { apiVersion, kind: 'AIMService', metadata: { name, namespace: 'ml-team', uid: `uid-of-${name}` }, spec }
}

export function makeConfig(spec: unknown, { namespace = 'ml-team', name = 'default' } = {}): KubeObject {
  return { apiVersion, kind: 'AIMRuntimeConfig', metadata: { name, namespace }, spec }
}

export function makeClusterConfig(spec: unknown, name = 'default'): KubeObject {
  return { apiVersion, kind: 'AIMClusterRuntimeConfig', metadata: { name }, spec }
}

type RouteOptions = {
  readonly namespace?: string
  readonly generation?: number
  readonly owner?: Readonly<Record<string, unknown>>
  /** status.parents */
  readonly parents?: unknown
}

export function makeHttpRoute(
  name: string,
  { namespace = 'ml-team', generation, owner, parents }: RouteOptions = {},
): KubeObject {
  const ownerReferences = [{ controller: true, ...owner } as OwnerReference]
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: {
      name,
      namespace,
      ...(generation !== undefined && { generation }),
      ...(owner !== undefined && { ownerReferences }),
    },
    status: { parents },
  }
}

/** As RouteCompiler does, in the order in which the services are given. */
export function compileAim(...objects: readonly KubeObject[]): readonly CompiledService[] {
  const find = (kind: string, namespace: string | undefined, name: string) =>
    objects.find(
      ({ kind: found, metadata }) => found === kind && metadata.namespace === namespace && metadata.name === name,
    )
  const decisions = objects
    .filter(({ kind }) => kind === 'AIMService')
    .map((service) => {
      const name = runtimeConfigName(service)
      const config = find('AIMRuntimeConfig', service.metadata.namespace, name)
      return decideAimRoute(service, name, config, find('AIMClusterRuntimeConfig', undefined, name))
    })
  const httpRoutes = objects.filter(({ kind }) => kind === 'HTTPRoute')
  return compileAimServices(
    decisions,
    new Map(httpRoutes.map((route) => [`${route.metadata.namespace}/${route.metadata.name}`, route])),
  )
}

export function conditionOf(compiled: CompiledService, type: string): ServiceCondition | undefined {
  return compiled.status.conditions.find((condition) => condition.type === type)
}
