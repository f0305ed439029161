import { resolve } from 'node:path'
import { type Problem, sayKept } from '../catalog/problem.ts'
import { findMisnamed, kindOf } from '../catalog/read.ts'
import { identify, type Resource } from '../catalog/resource.ts'
import { type Endpoints, readEndpointsFile } from './endpoints.ts'
import { readManifests } from './manifests.ts'
import { PathError, type ReadFile, type ReadPath } from './paths.ts'

/** What the manifests at one path give, now and from their past. */
export type PathState = {
  readonly isDirectory: boolean
  readonly files: ReadonlyMap<string, FileState>
  /** Why the path itself can't be read (any more). */
  readonly failures: readonly Problem[]
}

export type FileState = {
  /** Undefined when the file can't be read. */
  readonly text: string | undefined
  readonly resources: readonly Resource[]
  /** What the file held when it was last understood as a whole: it may be in the part that isn't understood now. */
  readonly held: readonly Resource[]
  readonly problems: readonly Problem[]
}

/**
 * The state of all paths after they were read again. Only what is known to be deleted goes: a file of a directory, or a
 * file that was given itself. A directory that is gone is more likely a mount that failed.
 */
export function nextPathStates(
  read: ReadonlyMap<string, ReadPath | PathError>,
  previous: ReadonlyMap<string, PathState>,
  defaultNamespace: string,
): ReadonlyMap<string, PathState> {
  const seen = new Set<string>()
  const next = new Map<string, PathState>()
  for (const [path, result] of read) {
    const before = previous.get(path)
    if (result instanceof PathError) next.set(path, lostPath(result, before))
    else {
      const files = new Map<string, FileState>()
      for (const file of result.files) {
        // A directory may have been given together with a file in it.
        if (seen.has(resolve(file.path))) continue
        seen.add(resolve(file.path))
        files.set(file.path, nextFileState(file, before?.files.get(file.path), defaultNamespace))
      }
      next.set(path, { isDirectory: result.isDirectory, files, failures: [] })
    }
  }
  return next
}

function lostPath(error: PathError, before: PathState | undefined): PathState {
  const { isDirectory = false, files = new Map<string, FileState>() } = before ?? {}
  const failure: Problem = { severity: 'error', place: error.path, path: '', message: error.message }
  if (before === undefined) return { isDirectory, files, failures: [failure] }
  if (error.gone && !isDirectory) {
    const message = `${error.message}; its resources are deleted`
    return { isDirectory, files: new Map(), failures: [{ ...failure, severity: 'warning', message }] }
  }
  return { isDirectory, files, failures: [{ ...failure, message: `${error.message}; what it held stays in use` }] }
}

function nextFileState(file: ReadFile, previous: FileState | undefined, defaultNamespace: string): FileState {
  const text = 'text' in file ? file.text : undefined
  if (text !== undefined && text === previous?.text) return previous
  const { resources, problems } = 'text' in file ? readManifests(file.path, file.text) : unreadable(file)

  const idOf = (resource: Resource) => identify(resource, defaultNamespace)
  const ids = resources.filter((resource) => kindOf(resource) !== undefined).map(idOf)
  const isUnderstood =
    problems.length === 0 && !ids.includes(undefined) && resources.every((each) => findMisnamed(each) === undefined)
  const before = isUnderstood || previous === undefined ? [] : [...previous.resources, ...previous.held]
  const held = before.filter((resource) => kindOf(resource) !== undefined && !ids.includes(idOf(resource)))
  return { text, resources, held, problems }
}

function unreadable({ path: place, failure: message }: Extract<ReadFile, { failure: string }>) {
  const problem: Problem = { severity: 'error', place, path: '', message }
  return { resources: [], problems: [problem] }
}

/**
 * The resources of all files, in order, and what is wrong with the files. Resources held from the past give way to any
 * of their name that are there now.
 */
export function gather(
  paths: ReadonlyMap<string, PathState>,
  defaultNamespace: string,
): { readonly resources: readonly Resource[]; readonly problems: readonly Problem[] } {
  const files = [...paths.values()].flatMap((path) => [...path.files])
  const idOf = (resource: Resource) => identify(resource, defaultNamespace)
  const present = new Set(files.flatMap(([, file]) => file.resources.map(idOf)))
  const resources: Resource[] = []
  const problems = [...paths.values()].flatMap((path) => path.failures)
  for (const [place, file] of files) {
    const held = file.held.filter((resource) => !present.has(idOf(resource)))
    resources.push(...file.resources, ...held)
    problems.push(...file.problems)
    if (held.length > 0) {
      const message = `not understood as a whole; what it no longer shows stays in use: ${held.map(idOf).join(', ')}`
      problems.push({ severity: 'warning', place, path: '', message })
    }
  }
  return { resources, problems }
}

/** What the endpoints file gives, now or when it last made sense. */
export type EndpointsState = {
  /** Undefined when the file can't be read. */
  readonly text: string | undefined
  /** Undefined until the file has made sense. */
  readonly endpoints: Endpoints | undefined
  readonly problems: readonly Problem[]
}

/** The state after the endpoints file was read again: `text` is what it says, or why it can't be read. */
export function nextEndpointsState(
  file: string,
  text: string | PathError,
  previous: EndpointsState | undefined,
): EndpointsState {
  if (previous !== undefined && text === previous.text) return previous
  const { endpoints, problems } =
    text instanceof PathError
      ? { endpoints: undefined, problems: unreadable({ path: file, failure: text.message }).problems }
      : readEndpointsFile(file, text, previous?.endpoints)
  return {
    text: text instanceof PathError ? undefined : text,
    endpoints: endpoints ?? previous?.endpoints,
    problems: endpoints === undefined && previous !== undefined ? problems.map(sayKept) : problems,
  }
}
