import type { KubeClient } from './client.ts'
import { collectionPath, type KubeObject, type ResourceKind } from './object.ts'

/** Objects in one page of a list. */
const pageSize = 500

/** Which objects of a kind are meant. */
export type Selection = {
  readonly kind: ResourceKind
  /** Undefined: all namespaces. */
  readonly namespace?: string | undefined
  readonly labelSelector?: string | undefined
  readonly fieldSelector?: string | undefined
}

export type Listed = {
  readonly objects: readonly KubeObject[]
  /** Where a watch has to begin that shall tell what comes after. */
  readonly resourceVersion: string
}

/**
 * Lists a collection, page by page.
 * @throws ApiError (410 when the list has taken too long), or the error of the connection
 */
export async function listAll(
  client: Pick<KubeClient, 'get'>,
  { kind, namespace, labelSelector, fieldSelector }: Selection,
  stop?: AbortSignal,
): Promise<Listed> {
  const path = collectionPath(kind, namespace)
  const { apiVersion } = kind
  const objects: KubeObject[] = []
  let page: Page
  let from: string | undefined
  do {
    page = (await client.get(path, { limit: pageSize, labelSelector, fieldSelector, continue: from }, stop)) as Page
    // Items of a list do not say what they are.
    for (const item of page.items) objects.push({ ...item, apiVersion, kind: kind.kind })
    from = page.metadata.continue
  } while (from !== undefined && from !== '')
  return { objects, resourceVersion: page.metadata.resourceVersion }
}

type Page = {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string }
  readonly items: readonly KubeObject[]
}
