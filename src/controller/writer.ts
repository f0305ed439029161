import type { Problem } from '../catalog/problem.ts'
import type { KubeClient } from '../kubernetes/client.ts'
import type { Selection } from '../kubernetes/list.ts'
import type { KubeObject, ResourceKind } from '../kubernetes/object.ts'
import type { Cluster } from './cluster.ts'

/** Who writes into an object, to the API server's managedFields. */
export const fieldManager = 'signalbox'

/** A part of the controller that keeps something in the cluster as it should be. It acts only while this replica is leader. */
export type Writer = {
  /** What it has to see. Several writers that see a kind see the same of it. */
  readonly watched: readonly Selection[]
  /** What is to be written, as the cluster is seen now: nothing when all is as it should be. Leaves out what it can't know. */
  plan(cluster: Cluster): Iterable<Write>
  /** What is wrong with the resources, as of the last plan. */
  readonly problems: readonly Problem[]
}

export type Write = {
  /** The kind that is written, which the writes are counted by. */
  readonly kind: ResourceKind
  /** The object as it was when the write was planned; without a uid when there is none yet. */
  readonly object: KubeObject
  /** What is to be written: after a failure something else is tried at once, and the same again ever more rarely. */
  readonly content?: object
  /** @returns the object as it is stored now; undefined when it is gone. @throws ApiError, or the error of the connection */
  send(client: KubeClient, onConflict: (message: string) => void): Promise<KubeObject | 'deleted' | undefined>
  /** What people shall find among the events of the object once it is written. */
  readonly events: readonly ObjectEvent[]
}

export type ObjectEvent = {
  /** `Warning` when left out. */
  readonly level?: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
  /** What tells it apart from other events of this object and reason; its generation when left out. */
  readonly occasion?: string
}
