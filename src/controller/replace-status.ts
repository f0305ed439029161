import { ApiError, type KubeClient } from '../kubernetes/client.ts'
import { type KubeObject, objectPath, type ResourceKind } from '../kubernetes/object.ts'
import { fieldManager } from './writer.ts'

/** How often a write is tried anew because somebody else has written meanwhile. */
const maxRounds = 5

/**
 * Writes a status whose lists are atomic: reads, changes and replaces it, and again if somebody else was faster.
 * @param next the status to store; undefined when it is right as it is
 * @returns the object as it is stored now; undefined when it is gone
 * @throws ApiError, or the error of the connection
 */
export async function replaceStatus(
  client: KubeClient,
  kind: ResourceKind,
  object: KubeObject,
  next: (object: KubeObject) => unknown,
): Promise<KubeObject | undefined> {
  const path = objectPath(kind, object.metadata.namespace!, object.metadata.name, 'status')
  let current = object
  for (let round = 1; ; round += 1) {
    const status = next(current)
    if (status === undefined) return current
    try {
      return await client.update(path, { ...current, status }, { fieldManager })
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 409 || round === maxRounds) throw error
    }
    const { apiVersion, kind: kindName } = kind
    current = { ...((await client.get(path)) as KubeObject), apiVersion, kind: kindName }
    // Another object of that name, of which something else may have to be said.
    if (current.metadata.uid !== object.metadata.uid) return undefined
  }
}
