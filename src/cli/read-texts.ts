import { resolve } from 'node:path'
import { buffer } from 'node:stream/consumers'
import type { Problem } from '../catalog/problem.ts'
import { PathError, type ReadPath, readPath } from '../sources/paths.ts'

/** What a command was given to read. */
export type Texts = {
  readonly texts: readonly { readonly path: string; readonly text: string }[]
  /** One for each file that can't be read. */
  readonly problems: readonly Problem[]
}

/** The text of every file, of directories those that are manifests, of `-` standard input; each file once. */
export async function readTexts(paths: readonly string[]): Promise<Texts> {
  const texts = new Map<string, { readonly path: string; readonly text: string }>()
  const problems: Problem[] = []
  const unreadable = (place: string, message: string) => problems.push({ severity: 'error', place, path: '', message })
  for (const path of new Set(paths)) {
    try {
      const { files } = path === '-' ? await readStandardInput() : await readPath(path)
      for (const file of files) {
        if ('failure' in file) unreadable(file.path, file.failure)
        else texts.set(path === '-' ? path : resolve(file.path), file)
      }
    } catch (error) {
      if (!(error instanceof PathError)) throw error
      unreadable(error.path, error.message)
    }
  }
  return { texts: [...texts.values()], problems }
}

/** As it is called in places. */
const standardInput = 'stdin'

async function readStandardInput(): Promise<ReadPath> {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await buffer(process.stdin))
    return { isDirectory: false, files: [{ path: standardInput, text }] }
  } catch (error) {
    throw new PathError(standardInput, error)
  }
}
