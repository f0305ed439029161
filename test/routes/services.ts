import type { KubeObject } from '../../src/kubernetes/object.ts'
import type { CompiledService, Generated } from '../../src/routes/compiled.ts'
import type { ParentRef } from '../../src/routes/parent-ref.ts'

type Options = {
  readonly kind?: 'InferenceService' | 'AIMService'
  readonly namespace?: string
  /** Day of 2026 that the service was made on; none: it has no time. */
  readonly day?: number
  readonly annotations?: Readonly<Record<string, string>>
  readonly spec?: unknown
  readonly status?: unknown
  readonly parent?: Partial<ParentRef>
}

const apiVersions = { InferenceService: 'ome.io/v1beta1', AIMService: 'aim.eai.amd.com/v1alpha1' } as const

export function makeService(name: string, options: Options = {}): KubeObject {
  const { kind = 'InferenceService', namespace = 'ml', day, annotations, spec = {}, status } = options
  const time = day === undefined ? {} : { creationTimestamp: new Date(Date.UTC(2026, 0, day)).toISOString() }
  const metadata = { name, namespace, ...time, ...(annotations !== undefined && { annotations }) }
  return { apiVersion: apiVersions[kind], kind, metadata, spec, ...(status !== undefined && { status }) }
}

/** An object of a service, as its compiler would make it. */
export function makeObject(service: KubeObject, kind: Generated['kind'], name: string, spec: object): Generated {
  const { apiVersion, kind: ownerKind, metadata } = service
  return {
    apiVersion: kind === 'Service' ? 'v1' : 'example.com/v1',
    kind,
    metadata: {
      name,
      namespace: metadata.namespace!,
      ownerReferences: [{ apiVersion, kind: ownerKind, name: metadata.name, controller: true }],
    },
    spec: { ...spec },
  }
}

/** A service that was compiled into one HTTPRoute of its name. */
export function makeCompiled(name: string, options: Options = {}): CompiledService {
  const service = makeService(name, options)
  return {
    service,
    objects: [makeObject(service, 'HTTPRoute', name, routeSpec(name, options.parent))],
    others: 'delete',
    status: { conditions: [{ type: 'IngressReady', status: 'True' }] },
    problem: undefined,
    settings: [],
  }
}

export function routeSpec(service: string, parent: Partial<ParentRef> = {}) {
  return {
    parentRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace: 'edge', name: 'gate', ...parent }],
    hostnames: [`${service}.example.com`],
    rules: [
      {
        matches: [{ path: { type: 'PathPrefix', value: '/v1/decoder' } }],
        backendRefs: [backend(`${service}-decoder`)],
      },
      {
        matches: [{ path: { type: 'PathPrefix', value: '/' } }],
        filters: [setHeaders, rewrite],
        backendRefs: [backend(`${service}-engine`)],
        timeouts: { request: '90s' },
      },
    ],
  }
}

const backend = (name: string) => ({ kind: 'Service', name, port: 8080 })
export const setHeaders = { type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'a', value: 'b' }] } }
const rewrite = {
  type: 'URLRewrite',
  urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' } },
}
