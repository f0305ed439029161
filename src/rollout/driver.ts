import type { Clock } from '../clock.ts'
import { advance, isOpen, lost } from './machine.ts'
import type { DeclaredRollout } from './plan.ts'
import { parseProgress, type RolloutProgress } from './progress.ts'
import { sidesOf } from './replica-counters.ts'
import type { Sight } from './replicas.ts'
import { type RolloutKind, stateKey } from './state.ts'

/** A resource that has a rollout. */
export type DrivenResource = {
  readonly kind: RolloutKind
  readonly namespace: string
  readonly name: string
  /** Undefined while the resource itself can't be read: what it has stays as it is. */
  readonly rollout: DeclaredRollout | undefined
}

/** The stored states of one namespace: the data of its ConfigMap. */
export type StoredStates = {
  /** Another one for each write of anybody; '' when there is no ConfigMap. */
  readonly version: string
  readonly data: Readonly<Record<string, string>>
}

export const driverLimits = {
  /** Between two looks at the replicas. */
  intervalMs: 2_000,
  /** No more time than this counts as watched between two looks: a process that was stopped has watched nothing. */
  longestElapsedMs: 6_000,
  /** What is seen at a step is stored so often; who takes over lacks no more than that. Each write is read by all replicas. */
  saveIntervalMs: 30_000,
} as const

const nothingStored: StoredStates = { version: '', data: {} }

type Namespace = {
  version: string
  /** By key of the ConfigMap's data. */
  progress: Map<string, RolloutProgress>
  /** As it is stored, keys of nobody known among it. */
  data: Readonly<Record<string, string>>
  savedAtMs: number
}

/**
 * Drives the rollouts of some resources: keeps in memory how each stands, from what is stored and what was seen since, and says what is
 * to be stored. Whenever somebody else has written, what is stored counts and what is in memory does not.
 */
export class Driver {
  readonly #clock: Clock
  readonly #namespaces = new Map<string, Namespace>()
  #lookedAtMs: number | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Somebody else drives. */
  forget(): void {
    this.#namespaces.clear()
    this.#lookedAtMs = undefined
  }

  /** Nothing is decided without a look at the replicas while this is so. */
  needsSight(resources: readonly DrivenResource[], stored: ReadonlyMap<string, StoredStates>): boolean {
    this.#load(resources, stored)
    return resources.some((resource) => {
      const progress = this.progressOf(resource)
      return progress === undefined || isOpen(progress)
    })
  }

  /** @param sight undefined when nobody has looked */
  advance(
    resources: readonly DrivenResource[],
    stored: ReadonlyMap<string, StoredStates>,
    sight: Sight | undefined,
  ): void {
    this.#load(resources, stored)
    const nowMs = this.#clock.nowMs()
    const sinceMs = nowMs - (this.#lookedAtMs ?? nowMs)
    const elapsedMs = Math.min(sinceMs, driverLimits.longestElapsedMs)
    this.#lookedAtMs = nowMs
    for (const resource of resources) {
      const { kind, namespace, name, rollout } = resource
      if (rollout === undefined) continue
      const { progress } = this.#namespaces.get(namespace)!
      const sides = sidesOf(sight?.tallies.get(`${kind} ${namespace}/${name}`), rollout.target)
      const observation = { sides, elapsedMs, blindness: sight === undefined ? 'not looked at yet' : sight.blindness }
      const key = stateKey(kind, name)
      progress.set(key, advance(progress.get(key), rollout, observation, this.#clock.epochMs()))
    }
  }

  progressOf({ kind, namespace, name }: Omit<DrivenResource, 'rollout'>): RolloutProgress | undefined {
    return this.#namespaces.get(namespace)?.progress.get(stateKey(kind, name))
  }

  /**
   * What shall be stored for each namespace where something is due. Keys of resources without a rollout are left out. Nothing is due
   * where somebody else has written since: that counts, and has to be gone on from first.
   */
  *due(
    resources: readonly DrivenResource[],
    stored: ReadonlyMap<string, StoredStates>,
  ): Generator<readonly [namespace: string, data: Record<string, string>]> {
    for (const [namespace, known] of this.#namespaces) {
      if ((stored.get(namespace) ?? nothingStored).version !== known.version) continue
      const keys = resources
        .filter((each) => each.namespace === namespace)
        .map(({ kind, name }) => stateKey(kind, name))
      const data: Record<string, string> = {}
      for (const key of keys.sort()) {
        const progress = known.progress.get(key)
        // What can't be read is not thrown away while its resource can't be read either.
        const text = progress === undefined ? known.data[key] : JSON.stringify(progress)
        if (text !== undefined) data[key] = text
      }
      if (this.#isDue(known, data)) yield [namespace, data]
    }
  }

  /** @param states as they are stored now */
  saved(namespace: string, { version, data }: StoredStates): void {
    const known = this.#namespaces.get(namespace)
    if (known === undefined) return
    Object.assign(known, { version, data, savedAtMs: this.#clock.nowMs() })
    // A resource of that name that comes later has a rollout of its own.
    for (const key of known.progress.keys()) if (!Object.hasOwn(data, key)) known.progress.delete(key)
  }

  #isDue({ data: stored, savedAtMs }: Namespace, data: Record<string, string>): boolean {
    const keys = Object.keys(data)
    if (keys.length !== Object.keys(stored).length) return true
    const changed = keys.filter((key) => data[key] !== stored[key])
    if (changed.length === 0) return false
    const isTime = this.#clock.nowMs() - savedAtMs >= driverLimits.saveIntervalMs
    return isTime || changed.some((key) => isUrgent(stored[key], data[key]))
  }

  #load(resources: readonly DrivenResource[], stored: ReadonlyMap<string, StoredStates>): void {
    const namespaces = [...resources.map((each) => each.namespace), ...stored.keys(), ...this.#namespaces.keys()]
    for (const namespace of new Set(namespaces)) {
      const { version, data } = stored.get(namespace) ?? nothingStored
      if (this.#namespaces.get(namespace)?.version === version) continue
      const progress = new Map<string, RolloutProgress>()
      for (const { kind, name, rollout } of resources.filter((each) => each.namespace === namespace)) {
        const key = stateKey(kind, name)
        if (data[key] === undefined) continue
        const found = parseProgress(data[key]) ?? (rollout && lost(rollout, this.#clock.epochMs()))
        if (found !== undefined) progress.set(key, found)
      }
      this.#namespaces.set(namespace, { version, data, progress, savedAtMs: this.#clock.nowMs() })
    }
  }
}

/** What people and replicas have to know at once; figures can wait. */
function isUrgent(before: string | undefined, now: string): boolean {
  const [a, b] = [before === undefined ? undefined : parseProgress(before), parseProgress(now)!]
  return (
    a === undefined ||
    a.phase !== b.phase ||
    a.step !== b.step ||
    a.weightPercent !== b.weightPercent ||
    a.target !== b.target ||
    a.restartedAt !== b.restartedAt ||
    a.message !== b.message
  )
}
