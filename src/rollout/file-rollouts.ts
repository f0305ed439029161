import type { Clock } from '../clock.ts'
import { readManifests } from '../sources/manifests.ts'
import { drivenResource } from './driven.ts'
import { type DrivenResource, Driver } from './driver.ts'
import type { RolloutProgress } from './progress.ts'
import { type FetchPage, type Replica, Replicas } from './replicas.ts'
import { stateKey } from './state.ts'
import { type StateFile, storedStates } from './state-file.ts'

export type FileRolloutsOptions = {
  /** Texts of the manifests as they are now; a file that can't be read is left out. */
  readonly manifests: () => Promise<readonly { readonly path: string; readonly text: string }[]>
  readonly replicas: readonly Replica[]
  readonly fetchPage: FetchPage
  readonly stateFile: StateFile
  readonly defaultNamespace: string
  readonly clock: Clock
}

/** Drives the rollouts of resources in files, whose state is in a file, too. Nobody else may drive them. */
export class FileRollouts {
  readonly #options: FileRolloutsOptions
  readonly #driver: Driver
  readonly #replicas: Replicas
  #resources: readonly DrivenResource[] = []

  constructor(options: FileRolloutsOptions) {
    this.#options = options
    this.#driver = new Driver(options.clock)
    this.#replicas = new Replicas(options.fetchPage)
  }

  /** Looks once, and stores what is due. @throws the error of the file system */
  async look(): Promise<void> {
    const { stateFile, replicas } = this.#options
    this.#resources = await this.#read()
    const stored = new Map(await stateFile.read())
    const needsSight = this.#driver.needsSight(this.#resources, stored)
    const sight = needsSight ? await this.#replicas.look(replicas) : undefined
    this.#driver.advance(this.#resources, stored, sight)
    const due = [...this.#driver.due(this.#resources)]
    if (due.length === 0) return
    for (const [namespace, data] of due) stored.set(namespace, storedStates(data))
    await stateFile.write(stored)
    for (const [namespace, data] of due) this.#driver.saved(namespace, storedStates(data))
  }

  /** How each rollout stands. */
  *states(): Generator<readonly [resource: DrivenResource, progress: RolloutProgress]> {
    for (const resource of this.#resources) {
      const progress = this.#driver.progressOf(resource)
      if (progress !== undefined) yield [resource, progress]
    }
  }

  /** A manifest that is broken for a moment takes no rollout away: its resources are as they were. */
  async #read(): Promise<readonly DrivenResource[]> {
    const manifests = (await this.#options.manifests()).map(({ path, text }) => readManifests(path, text))
    const resources = new Map<string, DrivenResource>()
    for (const resource of manifests.flatMap((each) => each.resources)) {
      const driven = drivenResource(resource, this.#options.defaultNamespace)
      if (driven !== undefined) resources.set(idOf(driven), driven)
    }
    if (manifests.some(({ problems }) => problems.length > 0)) {
      for (const before of this.#resources) {
        if (!resources.has(idOf(before))) resources.set(idOf(before), { ...before, rollout: undefined })
      }
    }
    return [...resources.values()]
  }
}

const idOf = ({ kind, namespace, name }: DrivenResource): string => `${namespace} ${stateKey(kind, name)}`
