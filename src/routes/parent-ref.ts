/** gateway.networking.k8s.io/v1 ParentReference, with group and kind filled in. */
export type ParentRef = {
  readonly group: string
  readonly kind: string
  readonly name: string
  readonly namespace?: string
  readonly sectionName?: string
  readonly port?: number
}

/**
 * Whether routes with these parents can get the same request: the same Gateway, and no listener or port that tells them apart.
 * @param namespace of the route, which counts for a parent that names none
 */
export function sharesGateway(a: ParentRef, namespace: string, b: ParentRef, otherNamespace: string): boolean {
  return (
    gatewayKey(a, namespace) === gatewayKey(b, otherNamespace) &&
    !differ(a.sectionName, b.sectionName) &&
    !differ(a.port, b.port)
  )
}

/** The same for all parents that are the same Gateway, whatever their listeners. */
export function gatewayKey({ group, kind, name, namespace }: ParentRef, routeNamespace: string): string {
  return `${group}/${kind} ${namespace ?? routeNamespace}/${name}`
}

const differ = <T>(a: T | undefined, b: T | undefined): boolean => a !== undefined && b !== undefined && a !== b
