import type { KubeObject } from '../../kubernetes/object.ts'
import type { Generated, OwnerReference } from '../compiled.ts'
import type { ParentRef } from '../parent-ref.ts'
import type { DerivedNames } from './names.ts'

/** All that an HTTPRoute of an AIMService is made of. */
export type RouteParts = {
  readonly service: KubeObject
  readonly names: DerivedNames
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly gateway: ParentRef
  readonly path: string
  /** A Gateway API duration. */
  readonly timeout: string | undefined
}

/** Takes the prefix off requests and sends them to the Service of the predictor. */
export function makeHttpRoute({ service, names, labels, annotations, gateway, path, timeout }: RouteParts): Generated {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: {
      name: names.httpRoute,
      namespace: service.metadata.namespace!,
      labels,
      ...(Object.keys(annotations).length > 0 && { annotations }),
      ownerReferences: [ownedBy(service)],
    },
    spec: {
      parentRefs: [gateway],
      rules: [
        {
          matches: [{ path: { type: 'PathPrefix', value: path } }],
          filters: [
            { type: 'URLRewrite', urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' } } },
          ],
          backendRefs: [{ kind: 'Service', name: names.backend, port: 80 }],
          ...(timeout !== undefined && { timeouts: { request: timeout } }),
        },
      ],
    },
  }
}

function ownedBy({ apiVersion, kind, metadata: { name, uid } }: KubeObject): OwnerReference {
  return { apiVersion, kind, name, ...(isUid(uid) && { uid }), controller: true }
}

/** An object in a file often has none. */
export const isUid = (uid: unknown): uid is string => typeof uid === 'string' && uid !== ''
