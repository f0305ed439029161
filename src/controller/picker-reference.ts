import type { KubeObject } from '../kubernetes/object.ts'
import type { Finding } from './condition.ts'

/** What a pool names as its endpoint picker: spec.endpointPickerRef of v1, spec.extensionRef of v1alpha2. */
export type PickerReference = {
  readonly group: string
  readonly kind: string
  readonly name: string
  readonly port: number
}

/** Of a v1alpha2 reference that names none. */
const defaultPort = 9002

type GivenReference = {
  readonly group?: string
  readonly kind?: string
  readonly name: string
  readonly port?: { readonly number: number }
  readonly portNumber?: number
}

/** Undefined for a pool without one; the API lets one pass in v1alpha2 that has not even a spec. */
export function readPickerReference({ spec = {} }: KubeObject): PickerReference | undefined {
  const { endpointPickerRef, extensionRef } = spec as Readonly<Record<string, GivenReference | undefined>>
  const given = endpointPickerRef ?? extensionRef
  if (given === undefined) return undefined
  const { group = '', kind = 'Service', name, port, portNumber } = given
  return { group, kind, name, port: port?.number ?? portNumber ?? defaultPort }
}

type ServiceSpec = { readonly type?: string; readonly ports?: readonly { readonly port: number }[] }

/**
 * Condition `ResolvedRefs` of the pool, but for what is the pool's own.
 * @param services by `namespace/name`
 */
export function resolvePicker(
  reference: PickerReference | undefined,
  namespace: string,
  services: ReadonlyMap<string, KubeObject>,
): Pick<Finding, 'status' | 'reason' | 'message'> {
  if (reference === undefined) return resolved('the pool names no endpoint picker')
  const { group, kind, name, port } = reference
  if (group !== '' || kind !== 'Service')
    return unresolved(`an endpoint picker is a Service, not a ${kind} of ${group || 'v1'}`)
  const service = services.get(`${namespace}/${name}`)
  if (service === undefined) return unresolved(`there is no Service ${namespace}/${name}`)
  const { type, ports = [] } = service.spec as ServiceSpec
  // The API forbids them: CVE-2021-25740.
  if (type === 'ExternalName') return unresolved(`Service ${namespace}/${name} is an ExternalName`)
  if (!ports.some((each) => each.port === port)) return unresolved(`Service ${namespace}/${name} has no port ${port}`)
  return resolved(`endpoints are picked by Service ${namespace}/${name}, port ${port}`)
}

const resolved = (message: string) => ({ status: 'True', reason: 'ResolvedRefs', message }) as const

/** Nothing fails by it, as Envoy is told of Signalbox in another way. */
const unresolved = (problem: string) => {
  const message = `${problem}; where Signalbox serves the pool it picks all the same`
  return { status: 'False', reason: 'InvalidExtensionRef', message } as const
}
