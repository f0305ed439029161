import type { Problem } from '../catalog/problem.ts'
import type { Clock } from '../clock.ts'
import { ApiError, type KubeClient } from '../kubernetes/client.ts'
import { kinds } from '../kubernetes/kinds.ts'
import type { Selection } from '../kubernetes/list.ts'
import { collectionPath, type KubeObject, keyOf, objectPath, type ResourceKind } from '../kubernetes/object.ts'
import { drivenResource } from '../rollout/driven.ts'
import { type DrivenResource, Driver, driverLimits, type StoredStates } from '../rollout/driver.ts'
import { parseProgress, type RolloutProgress } from '../rollout/progress.ts'
import { type FetchPage, type Replica, Replicas } from '../rollout/replicas.ts'
import { type RolloutKind, type RolloutPhase, rolloutsLabel, rolloutsName, stateKey } from '../rollout/state.ts'
import type { Cluster } from './cluster.ts'
import { type Condition, readConditions, transition } from './condition.ts'
import type { RolloutStanding } from './metrics.ts'
import { fieldManager, type ObjectEvent, type Write, type Writer } from './writer.ts'

/** The ConfigMaps of states are watched apart from other ConfigMaps: each selection has a kind of its own. */
const states: ResourceKind = { ...kinds.configMap }
const replicaPods: ResourceKind = { ...kinds.pod }

const rolled = [
  { kind: kinds.model, name: 'InferenceModel' },
  { kind: kinds.rewrite, name: 'InferenceModelRewrite' },
  { kind: kinds.rewriteLlmd, name: 'InferenceModelRewrite' },
] as const satisfies readonly { kind: ResourceKind; name: RolloutKind }[]

/** Conditions of others must stay: each manager applies what it has set and no more. */
const rolloutManager = `${fieldManager}-rollout`

const conditionStatus: Readonly<Record<RolloutPhase, Condition['status']>> = {
  Waiting: 'Unknown',
  Progressing: 'True',
  Paused: 'Unknown',
  RolledBack: 'False',
  Aborted: 'False',
  Completed: 'True',
}

export type RolloutOptions = {
  /** The Pods of `serve`, whose metrics rollouts are judged by. */
  readonly replicas: { readonly namespace: string; readonly labelSelector: string }
  readonly fetchPage: FetchPage
}

/** An object with a rollout, and what it says. */
type Found = { readonly kind: ResourceKind; readonly object: KubeObject; readonly resource: DrivenResource }

/**
 * Drives rollouts while it is started: the state in the ConfigMap `signalbox-rollouts` of each namespace, and the condition `Rollout` and
 * Events, which follow what is stored there.
 */
export class RolloutWriter implements Writer {
  readonly watched: readonly Selection[]
  readonly problems: readonly Problem[] = []
  readonly #clock: Clock
  readonly #driver: Driver
  readonly #fetchPage: FetchPage
  readonly #onDue: () => void
  /** What has been read of an object: all of them are looked at again and again. */
  readonly #driving = new WeakMap<KubeObject, DrivenResource | undefined>()
  /** As of the last plan. */
  #cluster: Cluster | undefined
  #found: readonly Found[] = []
  #cancel: (() => void) | undefined
  /** Of the time that this replica drives; undefined while another one does. */
  #replicas: Replicas | undefined

  /**
   * @param namespace to look after; undefined for all
   * @param onDue something may have to be written
   */
  constructor({ replicas, fetchPage }: RolloutOptions, clock: Clock, namespace: string | undefined, onDue: () => void) {
    this.#clock = clock
    this.#driver = new Driver(clock)
    this.#fetchPage = fetchPage
    this.#onDue = onDue
    this.watched = [
      ...rolled.map(({ kind }) => ({ kind, namespace })),
      { kind: states, namespace, fieldSelector: `metadata.name=${rolloutsName}` },
      { kind: replicaPods, ...replicas },
    ]
  }

  /** This replica drives now. */
  start(): void {
    if (this.#replicas !== undefined) return
    this.#replicas = new Replicas(this.#fetchPage)
    this.#lookAgain(this.#replicas)
  }

  /** Another one drives. */
  stop(): void {
    this.#replicas = undefined
    this.#cancel?.()
    this.#driver.forget()
  }

  /** How those stand that have begun. */
  *standings(): Generator<RolloutStanding> {
    for (const { resource } of this.#found) {
      const progress = this.#driver.progressOf(resource)
      const { kind, namespace, name } = resource
      if (progress !== undefined) {
        yield { resource: `${kind} ${namespace}/${name}`, target: progress.target, phase: progress.phase }
      }
    }
  }

  *plan(cluster: Cluster): Generator<Write> {
    this.#cluster = cluster
    if (!cluster.knows([...rolled.map(({ kind }) => kind), states])) return
    this.#found = this.#find(cluster)
    const resources = this.#found.map(({ resource }) => resource)
    const maps = cluster.objects(states)
    for (const [namespace, data] of this.#driver.due(resources, storedStates(cluster))) {
      yield this.#planState(namespace, maps.get(`${namespace}/${rolloutsName}`), data)
    }
    const withRollout = new Map(this.#found.map((found) => [found.object, found]))
    for (const { kind } of rolled) {
      for (const object of cluster.objects(kind).values()) {
        const found = withRollout.get(object)
        const write = found === undefined ? planRemoval(kind, object) : this.#planStatus(found, maps)
        if (write !== undefined) yield write
      }
    }
  }

  /** @param replicas those of the time in which this began: one that ends while a look is under way is not gone on with */
  #lookAgain(replicas: Replicas): void {
    this.#cancel = this.#clock.after(driverLimits.intervalMs, () => {
      void this.#look(replicas).finally(() => {
        if (this.#replicas === replicas) this.#lookAgain(replicas)
      })
    })
  }

  async #look(replicas: Replicas): Promise<void> {
    const cluster = this.#cluster
    if (cluster === undefined || !cluster.knows([...rolled.map(({ kind }) => kind), states])) return
    const resources = () => this.#find(cluster).map(({ resource }) => resource)
    const needsSight = this.#driver.needsSight(resources(), storedStates(cluster))
    if (!needsSight) replicas.forget()
    const sight = needsSight ? await replicas.look(replicasOf(cluster)) : undefined
    // A look takes a while, and somebody else may drive by now, or have driven.
    if (this.#replicas !== replicas) return
    this.#driver.advance(resources(), storedStates(cluster), sight)
    this.#onDue()
  }

  #find(cluster: Cluster): readonly Found[] {
    const found = new Map<string, Found>()
    for (const { kind, name: kindName } of rolled) {
      for (const [key, object] of cluster.objects(kind)) {
        const resource = this.#driven(object)
        if (resource === undefined) continue
        const id = `${kindName} ${key}`
        // Both groups of rewrites have one state for one name.
        if (!found.has(id)) found.set(id, { kind, object, resource })
      }
    }
    return [...found.values()]
  }

  #driven(object: KubeObject): DrivenResource | undefined {
    if (this.#driving.has(object)) return this.#driving.get(object)
    const { apiVersion, kind } = object
    const resource = { apiVersion, kind, object, origin: { place: () => `${kind} ${keyOf(object)}` } }
    const driven = drivenResource(resource, 'default')
    this.#driving.set(object, driven)
    return driven
  }

  #planState(namespace: string, stored: KubeObject | undefined, data: Record<string, string>): Write {
    const { apiVersion, kind } = states
    const metadata = { name: rolloutsName, namespace, labels: { [rolloutsLabel]: 'true' } }
    const object = stored ?? { apiVersion, kind, metadata }
    const labels = { ...stored?.metadata.labels, ...metadata.labels }
    const next = { ...object, metadata: { ...object.metadata, labels }, data }
    return {
      kind: states,
      object,
      events: [],
      send: async (client) => {
        const written = await store(client, namespace, next, stored !== undefined)
        if (written !== undefined) this.#driver.saved(namespace, statesOf(written))
        return written
      },
    }
  }

  /** Of what is stored, not of what is about to be: the state has one place. */
  #planStatus({ kind, object, resource }: Found, maps: ReadonlyMap<string, KubeObject>): Write | undefined {
    const { namespace, name, kind: kindName } = resource
    const map = maps.get(`${namespace}/${rolloutsName}`)
    const text = map && statesOf(map).data[stateKey(kindName, name)]
    const progress = text === undefined ? undefined : parseProgress(text)
    if (progress === undefined) return undefined
    const before = readConditions(object.status)
    const { phase, message, waitsFor } = progress
    const finding = {
      type: 'Rollout',
      status: conditionStatus[phase],
      reason: phase,
      message: waitsFor === '' ? message : `${message}; ${waitsFor}`,
      observedGeneration: object.metadata.generation,
    } as const
    const condition = transition(finding, before, this.#clock.epochMs())
    if (before.includes(condition)) return undefined
    const known = before.find(({ type }) => type === 'Rollout')
    const isTold = known?.reason === phase && known.message.startsWith(message)
    return applyConditions(kind, object, [condition], isTold ? [] : [eventOf(progress)])
  }
}

function eventOf({ phase, step, since, startedAt, message }: RolloutProgress): ObjectEvent {
  const level = phase === 'RolledBack' ? 'Warning' : 'Normal'
  return { level, reason: `Rollout${phase}`, message, occasion: `${startedAt} ${step} ${since}` }
}

/** The rollout is no more, so nothing is to be said of it. */
const planRemoval = (kind: ResourceKind, object: KubeObject): Write | undefined =>
  readConditions(object.status).some(({ type }) => type === 'Rollout')
    ? applyConditions(kind, object, [], [])
    : undefined

function applyConditions(
  kind: ResourceKind,
  object: KubeObject,
  conditions: readonly Condition[],
  events: readonly ObjectEvent[],
): Write {
  const { apiVersion, kind: kindName } = kind
  const { namespace, name, uid } = object.metadata
  const path = objectPath(kind, namespace!, name, 'status')
  // With its uid, so that nothing is said of an object of that name that came later.
  const patch = { apiVersion, kind: kindName, metadata: { namespace, name, uid }, status: { conditions } }
  return { kind, object, events, content: patch, send: (client) => client.apply(path, patch, rolloutManager, true) }
}

/** Only if nobody else has written since: then what they wrote counts, and is gone on from. */
async function store(
  client: KubeClient,
  namespace: string,
  object: KubeObject,
  isThere: boolean,
): Promise<KubeObject | undefined> {
  if (!isThere) return client.create(collectionPath(states, namespace), object)
  try {
    return await client.update(objectPath(states, namespace, rolloutsName), object, { fieldManager: rolloutManager })
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined
    throw error
  }
}

function storedStates(cluster: Cluster): ReadonlyMap<string, StoredStates> {
  const maps = [...cluster.objects(states).values()]
  return new Map(maps.map((map) => [map.metadata.namespace!, statesOf(map)]))
}

const statesOf = ({ metadata, data }: KubeObject): StoredStates => ({
  version: metadata.resourceVersion!,
  data: (data ?? {}) as Record<string, string>,
})

type PodSpec = {
  readonly containers?: readonly {
    readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[]
  }[]
}
type PodStatus = {
  readonly podIP?: string
  readonly conditions?: readonly { readonly type: string; readonly status: string }[]
}

/** Replicas that serve: those that are ready. What one that ends has still to count is left out. */
function replicasOf(cluster: Cluster): readonly Replica[] {
  return [...cluster.objects(replicaPods).values()].flatMap(({ metadata, spec, status }) => {
    const { podIP, conditions = [] } = (status ?? {}) as PodStatus
    const isReady = conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
    const ports = ((spec ?? {}) as PodSpec).containers?.flatMap((container) => container.ports ?? []) ?? []
    const port = ports.find(({ name }) => name === 'metrics')?.containerPort
    if (!isReady || !podIP || port === undefined || metadata.deletionTimestamp !== undefined) return []
    const host = podIP.includes(':') ? `[${podIP}]` : podIP
    return [{ id: metadata.uid!, name: `Pod ${metadata.name}`, url: `http://${host}:${port}` }]
  })
}
