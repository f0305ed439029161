import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** A larger file is no manifest, and parsing it would hold up requests. */
const maxFileBytes = 16 * 1024 * 1024

const manifestName = /^[^.].*\.(ya?ml|json)$/

/** A file that was read, or why it couldn't be. */
export type ReadFile =
  | { readonly path: string; readonly text: string }
  | { readonly path: string; readonly failure: string }

/** What lies at a path that someone gave. */
export type ReadPath = { readonly isDirectory: boolean; readonly files: readonly ReadFile[] }

/** A path that someone gave and that can't be read. The message says why, without the path. */
export class PathError extends Error {
  override readonly name = 'PathError'
  readonly path: string
  /** Nothing has that name (any more). */
  readonly gone: boolean

  constructor(path: string, cause: unknown) {
    super(reason(cause), { cause })
    this.path = path
    this.gone = codeOf(cause) === 'ENOENT'
  }
}

/**
 * Reads a file of any name, or of a directory its *.yaml, *.yml and *.json in order of their names. Subdirectories are
 * passed over, and names that begin with a dot, as those of editors' temporary files do. Throws a {@link PathError}
 * when `path` itself can't be read; a file of the directory that can't be is a failure of its own.
 */
export async function readPath(path: string): Promise<ReadPath> {
  try {
    const isDirectory = (await stat(path)).isDirectory()
    if (!isDirectory) return { isDirectory, files: [{ path, text: await readText(path) }] }
    const names = (await readdir(path)).filter((name) => manifestName.test(name)).sort()
    const files = await Promise.all(names.map((name) => readEntry(join(path, name))))
    return { isDirectory, files: files.filter((file) => file !== undefined) }
  } catch (error) {
    throw new PathError(path, error)
  }
}

/** Reads one file. Throws a {@link PathError} when it can't be read. */
export async function readOneFile(path: string): Promise<string> {
  try {
    return await readText(path)
  } catch (error) {
    throw new PathError(path, error)
  }
}

async function readEntry(path: string): Promise<ReadFile | undefined> {
  try {
    return (await stat(path)).isFile() ? { path, text: await readText(path) } : undefined
  } catch (error) {
    return { path, failure: reason(error) }
  }
}

async function readText(path: string): Promise<string> {
  const bytes = await readFile(path)
  if (bytes.length > maxFileBytes) throw new Error(`found ${bytes.length} bytes, allowed: at most ${maxFileBytes}`)
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
}

function reason(error: unknown): string {
  switch (codeOf(error)) {
    case 'ENOENT':
      return 'no such file or directory'
    case 'EACCES':
    case 'EPERM':
      return 'permission denied'
    case 'EISDIR':
      return 'is a directory'
    case 'ERR_ENCODING_INVALID_ENCODED_DATA':
      return 'is not UTF-8 text'
    default:
      return error instanceof Error ? error.message : String(error)
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
