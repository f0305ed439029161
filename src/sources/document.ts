import { type Document, isAlias, isMap, isNode, isScalar, isSeq, LineCounter, type Tags, YAMLError } from 'yaml'
import type { FieldPath, Problem } from '../catalog/problem.ts'
import type { Origin } from '../catalog/resource.ts'
import { composeDocuments } from '../catalog/yaml.ts'

/** One document of a YAML (or JSON) file that holds something. */
export type SourceDocument = {
  readonly value: unknown
  readonly origin: Origin
}

/** YAML as kubectl reads it: `yes` is a boolean, but a date is text, and so is 12:30. */
const asKubernetes = {
  version: '1.1',
  customTags: (tags: Tags) =>
    tags.filter(
      (tag) => typeof tag === 'string' || (tag.tag !== 'tag:yaml.org,2002:timestamp' && tag.format !== 'TIME'),
    ),
  prettyErrors: false,
  logLevel: 'error',
} as const

/**
 * Parses the documents of a file. A broken one is a problem and leaves the others alone.
 * @param file names the file in places: `file:line:col`
 */
export function readDocuments(
  file: string,
  text: string,
): { readonly documents: readonly SourceDocument[]; readonly problems: readonly Problem[] } {
  const lines = new LineCounter()
  const placeOf = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${line}:${col}`
  }
  const documents: SourceDocument[] = []
  const problems: Problem[] = []
  const refuse = (error: unknown, where: string) => {
    const place = error instanceof YAMLError ? placeOf(error.pos[0]) : where
    problems.push({ severity: 'error', place, path: '', message: `broken YAML: ${(error as Error).message}` })
  }
  try {
    for (const document of composeDocuments(text, { ...asKubernetes, lineCounter: lines })) {
      const place = (path: FieldPath) => placeOf(locate(document, path))
      try {
        // Errors after the first are mostly its consequences.
        const [error] = document.errors
        if (error !== undefined) throw error
        // Throws on aliases without an anchor, and on those that would blow up.
        const value: unknown = document.toJS()
        if (value !== null) documents.push({ value, origin: { place } })
      } catch (error) {
        refuse(error, place([]))
      }
    }
  } catch (error) {
    // What is nested too deeply to be read, and all behind it.
    refuse(error, placeOf(0))
  }
  return { documents, problems }
}

/** Offset of the key or list item that `path` leads to, or of the last on the way to it that exists. */
function locate(document: Document.Parsed, path: FieldPath): number {
  let offset = document.contents?.range[0] ?? 0
  let node: unknown = document.contents
  for (const segment of path) {
    if (isAlias(node)) node = node.resolve(document)
    let found: unknown
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === segment)
      found = pair?.key
      node = pair?.value
    } else if (isSeq(node)) {
      found = node.items[Number(segment)]
      node = found
    }
    if (!isNode(found) || found.range == null) return offset
    offset = found.range[0]
  }
  return offset
}
