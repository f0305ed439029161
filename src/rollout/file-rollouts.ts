import { formatProblem, type Problem } from '../catalog/problem.ts'
import type { Clock } from '../clock.ts'
import { readManifests } from '../sources/manifests.ts'
import { drivenResource } from './driven.ts'
import { type DrivenResource, Driver } from './driver.ts'
import type { RolloutProgress } from './progress.ts'
import { type FetchPage, type Replica, Replicas } from './replicas.ts'
import { stateKey } from './state.ts'
import { type StateFile, storedStates } from './state-file.ts'

export type FileRolloutsOptions = {
  /** Texts of the manifests as they are now, and a problem for each file that can't be read. */
  readonly manifests: () => Promise<{
    readonly texts: readonly { readonly path: string; readonly text: string }[]
    readonly problems: readonly Problem[]
  }>
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
  /** Undefined until all manifests could be read once: before that nobody can tell which state is of no resource any more. */
  #resources: readonly DrivenResource[] | undefined

  constructor(options: FileRolloutsOptions) {
    this.#options = options
    this.#driver = new Driver(options.clock)
    this.#replicas = new Replicas(options.fetchPage)
  }

  /** Looks once, and stores what is due. @throws Error with a message for people, or the error of the file system */
  async look(): Promise<void> {
    const { stateFile, replicas } = this.#options
    const resources = await this.#read()
    this.#resources = resources
    const needsSight = this.#driver.needsSight(resources, await stateFile.read())
    if (!needsSight) this.#replicas.forget()
    const sight = needsSight ? await this.#replicas.look(replicas) : undefined
    // A look takes a while, and people may have written meanwhile.
    const stored = new Map(await stateFile.read())
    this.#driver.advance(resources, stored, sight)
    const due = [...this.#driver.due(resources, stored)]
    if (due.length === 0) return
    for (const [namespace, data] of due) stored.set(namespace, storedStates(data))
    await stateFile.write(stored)
    for (const [namespace, data] of due) this.#driver.saved(namespace, storedStates(data))
  }

  /** How each rollout stands. */
  *states(): Generator<readonly [resource: DrivenResource, progress: RolloutProgress]> {
    for (const resource of this.#resources ?? []) {
      const progress = this.#driver.progressOf(resource)
      if (progress !== undefined) yield [resource, progress]
    }
  }

  /** A manifest that is broken or away for a moment takes no rollout away: its resources are as they were. */
  async #read(): Promise<readonly DrivenResource[]> {
    const { texts, problems: unreadable } = await this.#options.manifests()
    const manifests = texts.map(({ path, text }) => readManifests(path, text))
    const problems = [...unreadable, ...manifests.flatMap((each) => each.problems)]
    if (problems.length > 0 && this.#resources === undefined) {
      throw new Error(`nothing is driven until all manifests can be read: ${problems.map(formatProblem).join('; ')}`)
    }
    const resources = new Map<string, DrivenResource>()
    for (const resource of manifests.flatMap((each) => each.resources)) {
      const driven = drivenResource(resource, this.#options.defaultNamespace)
      if (driven !== undefined) resources.set(idOf(driven), driven)
    }
    if (problems.length > 0) {
      for (const before of this.#resources ?? []) {
        if (!resources.has(idOf(before))) resources.set(idOf(before), { ...before, rollout: undefined })
      }
    }
    return [...resources.values()]
  }
}

const idOf = ({ kind, namespace, name }: DrivenResource): string => `${namespace} ${stateKey(kind, name)}`
