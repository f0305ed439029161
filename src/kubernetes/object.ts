/** metadata of a Kubernetes object, as far as it is read here. */
export type ObjectMeta = {
  readonly name: string
  readonly namespace?: string
  readonly uid?: string
  readonly resourceVersion?: string
  readonly generation?: number
  readonly creationTimestamp?: string
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly ownerReferences?: readonly OwnerReference[]
  readonly managedFields?: unknown
}

/** metav1.OwnerReference. */
export type OwnerReference = {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  /** Of all owners of an object at most one is its controller. */
  readonly controller?: boolean
}

/** A Kubernetes object as the API server gives it. */
export type KubeObject = {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMeta
  readonly [field: string]: unknown
}

/** A kind that the API server may serve. */
export type ResourceKind = {
  /** `v1`, `gateway.networking.k8s.io/v1`. */
  readonly apiVersion: string
  readonly kind: string
  /** Its name in paths, e.g. `httproutes`. */
  readonly plural: string
}

/** `namespace/name`: what tells the objects of a kind apart. */
export function keyOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`
}

/** Path of a collection: in one namespace, or over all. */
export function collectionPath({ apiVersion, plural }: ResourceKind, namespace?: string): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  return namespace === undefined ? `${root}/${plural}` : `${root}/namespaces/${namespace}/${plural}`
}

/** Path of an object; `subresource` e.g. `status`. */
export function objectPath(kind: ResourceKind, namespace: string, name: string, subresource?: string): string {
  const path = `${collectionPath(kind, namespace)}/${name}`
  return subresource === undefined ? path : `${path}/${subresource}`
}

/** `httproutes.gateway.networking.k8s.io`, as RBAC rules and CRDs name it. */
export function resourceName({ apiVersion, plural }: ResourceKind): string {
  const slash = apiVersion.indexOf('/')
  return slash < 0 ? plural : `${plural}.${apiVersion.slice(0, slash)}`
}
