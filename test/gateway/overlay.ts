import type { KubeObject } from '../real/kube-api.ts'

/** The port of clients in the manifests. */
export const manifestPort = 8080

/** The same Gateway on another port. */
type Listening = KubeObject & { readonly spec: { readonly listeners: readonly { readonly port: number }[] } }

/**
 * The one thing that is not here as it is in a cluster: Envoy runs beside Envoy Gateway, whose own port 8080 (of
 * controller-runtime's metrics) can't be chosen. Gateways get another one; every other object stays as it is.
 */
export function overlay(object: KubeObject, port: number): KubeObject {
  if (object.kind !== 'Gateway') return object
  const { spec } = object as Listening
  const listeners = spec.listeners.map((listener) =>
    listener.port === manifestPort ? { ...listener, port } : listener,
  )
  return { ...object, spec: { ...spec, listeners } }
}
