import type { KubeClient } from '../kubernetes/client.ts'
import type { KubeObject, ResourceKind } from '../kubernetes/object.ts'
import type { Cluster } from './cluster.ts'

/** Who writes into an object, to the API server's managedFields. */
export const fieldManager = 'signalbox'

/** A part of the controller that keeps something in the cluster as it should be. It acts only while this replica is leader. */
export type Writer = {
  /** What it has to see. */
  readonly kinds: readonly ResourceKind[]
  /** What is to be written, as the cluster is seen now: nothing when all is as it should be. Leaves out what it can't know. */
  plan(cluster: Cluster): Iterable<Write>
}

export type Write = {
  /** The kind that is written, which the writes are counted by. */
  readonly kind: ResourceKind
  /** The object as it was when the write was planned. */
  readonly object: KubeObject
  /** @returns the object as it is stored now; undefined when it is gone. @throws ApiError, or the error of the connection */
  send(client: KubeClient, onConflict: (message: string) => void): Promise<KubeObject | undefined>
  /** What people shall find among the events of the object once it is written. */
  readonly warnings: readonly { readonly reason: string; readonly message: string }[]
}
