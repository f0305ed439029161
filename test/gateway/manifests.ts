import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import type { KubeObject } from '../real/kube-api.ts'

/** The objects of a file of deploy/, named without `.yaml`, in its order. */
export function readManifests(file: string): KubeObject[] {
  return parseAllDocuments(readFileSync(manifestPath(file), 'utf8')).map((document) => document.toJS())
}

export function manifestPath(file: string): string {
  return join(import.meta.dirname, '..', '..', 'deploy', `${file}.yaml`)
}

/** The path of an object in the Kubernetes API, e.g. `/api/v1/namespaces/default/services/qwen`. */
export function apiPath({ apiVersion, kind, metadata }: KubeObject): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  const scope = metadata.namespace === undefined ? '' : `/namespaces/${metadata.namespace}`
  return `${root}${scope}/${plural(kind.toLowerCase())}/${metadata.name}`
}

function plural(kind: string): string {
  if (kind.endsWith('s')) return `${kind}es`
  return /[^aeiou]y$/.test(kind) ? `${kind.slice(0, -1)}ies` : `${kind}s`
}
