import { readFile, rename, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { stringify } from 'yaml'
import { formatProblem } from '../catalog/problem.ts'
import { isObject } from '../catalog/resource.ts'
import { readManifests } from '../sources/manifests.ts'
import { statesManifest, statesOf } from './driven.ts'
import type { StoredStates } from './driver.ts'

/** The states of all namespaces in one file of ConfigMaps, which `serve` reads like any other manifest. */
export class StateFile {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  /** By namespace; none while there is no file. @throws the error of the file system, or Error when it is no manifest */
  async read(): Promise<ReadonlyMap<string, StoredStates>> {
    const states = new Map<string, StoredStates>()
    const { resources, problems } = readManifests(this.path, await this.#text())
    // Without it, what was rolled back would begin anew.
    if (problems.length > 0) throw new Error(`the state can not be read: ${problems.map(formatProblem).join('; ')}`)
    for (const resource of resources) {
      const data = statesOf(resource)
      const { metadata } = resource.object
      if (data === undefined || !isObject(metadata)) continue
      states.set(String(metadata.namespace ?? 'default'), storedStates(data))
    }
    return states
  }

  /** Nobody ever reads half of it. @throws the error of the file system */
  async write(states: ReadonlyMap<string, StoredStates>): Promise<void> {
    const documents = [...states].map(([namespace, { data }]) =>
      stringify(statesManifest(namespace, data), { lineWidth: 0 }),
    )
    // A name that those who read the folder pass over.
    const draft = join(dirname(this.path), `.${basename(this.path)}.draft`)
    await writeFile(draft, documents.join('---\n'))
    await rename(draft, this.path)
  }

  async #text(): Promise<string> {
    try {
      return await readFile(this.path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
      throw error
    }
  }
}

/** Whoever writes something else into the file makes another version of it. */
export const storedStates = (data: Readonly<Record<string, string>>): StoredStates => ({
  version: JSON.stringify(data),
  data,
})
