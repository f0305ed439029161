import { problemAt, show } from '../catalog/fields.ts'
import type { FieldPath, Problem } from '../catalog/problem.ts'
import { isObject, type Origin, type Resource } from '../catalog/resource.ts'
import { readDocuments, type SourceDocument } from './document.ts'

/** What a file of Kubernetes manifests holds. */
export type Manifests = {
  readonly resources: readonly Resource[]
  /** Documents that list endpoints instead (see endpoints.ts). */
  readonly endpointLists: readonly SourceDocument[]
  /** One for each document that is no resource. */
  readonly problems: readonly Problem[]
}

/** Reads a multi-document YAML or JSON file. The items of a `kind: List` are resources of their own. */
export function readManifests(file: string, text: string): Manifests {
  const { documents, problems: broken } = readDocuments(file, text)
  const resources: Resource[] = []
  const endpointLists: SourceDocument[] = []
  const problems = [...broken]
  for (const document of documents) {
    if (isEndpointList(document.value)) endpointLists.push(document)
    else collect(document.value, document.origin, resources, problems)
  }
  return { resources, endpointLists, problems }
}

function isEndpointList(value: unknown): boolean {
  return isObject(value) && 'endpoints' in value && !('kind' in value) && !('apiVersion' in value)
}

function collect(value: unknown, origin: Origin, resources: Resource[], problems: Problem[]): void {
  if (!isObject(value)) {
    problems.push(problemAt(origin, [], `found ${show(value)}, allowed: an object with apiVersion and kind`))
    return
  }
  const { apiVersion, kind } = value
  for (const [field, found] of Object.entries({ apiVersion, kind })) {
    if (typeof found === 'string' && found !== '') continue
    const what = found === undefined || found === null ? 'missing' : `found ${show(found)}`
    problems.push(problemAt(origin, [field], `${what}, allowed: a string`))
  }
  if (typeof apiVersion !== 'string' || apiVersion === '' || typeof kind !== 'string' || kind === '') return
  if (apiVersion === 'v1' && kind === 'List' && Array.isArray(value.items)) {
    for (const [index, item] of value.items.entries()) {
      const place = (path: FieldPath) => origin.place(['items', index, ...path])
      collect(item, { place }, resources, problems)
    }
    return
  }
  resources.push({ apiVersion, kind, object: value, origin })
}
