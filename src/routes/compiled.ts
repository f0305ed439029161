import type { FieldPath } from '../catalog/problem.ts'
import type { KubeObject } from '../kubernetes/object.ts'

/** What a compiler makes of one OME InferenceService or AIM Engine AIMService. */
export type CompiledService = {
  /** As it was read; its metadata.namespace is filled in. */
  readonly service: KubeObject
  /** What has to be there for it: a SecurityPolicy before the routes that it guards, its main HTTPRoute before the others. */
  readonly objects: readonly Generated[]
  /** Name of the HTTPRoute among them that goes by model name, where it has one. */
  readonly modelRoute?: string
  /** What becomes of objects that were made for it before and are not among `objects`. */
  readonly others: 'delete' | 'keep'
  readonly status: ServiceStatus
  /** Why nothing is generated, where that is an error; being not ready, or routing that is off, is none. */
  readonly problem: ServiceProblem | undefined
  /** What it was compiled with, for people. */
  readonly settings: readonly Setting[]
}

/** An object to make, as it is applied: nothing in it that the API server would fill in. */
export type Generated = {
  readonly apiVersion: string
  readonly kind: 'Service' | 'SecurityPolicy' | 'Ingress' | 'VirtualService' | 'HTTPRoute'
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    /** Left out when there are none. */
    readonly labels?: Readonly<Record<string, string>>
    /** Left out when there are none. */
    readonly annotations?: Readonly<Record<string, string>>
    readonly ownerReferences: readonly [OwnerReference]
  }
  readonly spec: Readonly<Record<string, unknown>>
}

/** metav1.OwnerReference of the controller. */
export type OwnerReference = {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  /** Left out while the service has none, as in a file. */
  readonly uid?: string
  readonly controller: true
  readonly blockOwnerDeletion?: true
}

/** The fields of a status that are ours. One without a value is left out. */
export type ServiceStatus = {
  /** InferenceService. */
  readonly url?: string
  /** InferenceService. */
  readonly address?: { readonly url: string }
  /** AIMService. */
  readonly routing?: { readonly path: string }
  readonly conditions: readonly ServiceCondition[]
}

export type ServiceCondition = {
  readonly type: string
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason?: string
  readonly message?: string
}

export type ServiceProblem = {
  /** Of the condition that tells of it, e.g. `ConfigInvalid`. */
  readonly reason: string
  readonly message: string
  /** The field to mend. */
  readonly at: Place
}

/** A field of an object that was read. */
export type Place = { readonly object: KubeObject; readonly path: FieldPath }

/** One value that a service was compiled with. */
export type Setting = {
  /** As the field is called in the documents of its API, e.g. `ingressDomain`, `routing.pathTemplate`. */
  readonly name: string
  readonly value: unknown
  /** The annotation, key or layer that gave it. */
  readonly from: Place | 'default'
}
