import { type Compiled, compileCatalog } from '../catalog/compile.ts'
import type { Resource } from '../catalog/resource.ts'
import type { Clock } from '../clock.ts'
import { ApiError } from '../kubernetes/client.ts'
import { kinds } from '../kubernetes/kinds.ts'
import type { Selection } from '../kubernetes/list.ts'
import { type KubeObject, keyOf, objectPath, type ResourceKind } from '../kubernetes/object.ts'
import { Resources } from '../sources/kubernetes/resources.ts'
import type { Cluster } from './cluster.ts'
import { type Condition, type Finding, readConditions, transition } from './condition.ts'
import { judge, type Verdict } from './verdict.ts'
import { fieldManager, type Write, type Writer } from './writer.ts'

const pools = [kinds.poolV1, kinds.poolV1alpha2] as const

/** Kinds whose objects are judged together: those of one kind, whatever their group. */
const judged: readonly (readonly ResourceKind[])[] = [
  [kinds.model],
  [kinds.objective, kinds.objectiveLlmd],
  [kinds.rewrite, kinds.rewriteLlmd],
]

const none: Compiled['problems'] = []

/** Condition `Accepted` of InferenceModels, InferenceObjectives and InferenceModelRewrites: what serving makes of them. */
export class AcceptedWriter implements Writer {
  readonly #kinds: readonly ResourceKind[] = [...pools, ...judged.flat()]
  readonly watched: readonly Selection[]
  readonly #clock: Clock
  readonly #views = this.#kinds.map((kind) => new View(kind))
  #compiled: Compiled | undefined
  #verdicts: ReadonlyMap<Resource, Verdict> = new Map()

  /** @param namespace to look after; undefined for all */
  constructor(clock: Clock, namespace: string | undefined) {
    this.#clock = clock
    this.watched = this.#kinds.map((kind) => ({ kind, namespace }))
  }

  /** What is wrong with the resources. */
  get problems(): Compiled['problems'] {
    return this.#compiled?.problems ?? none
  }

  *plan(cluster: Cluster): Generator<Write> {
    // Without all pools, and all rivals, a verdict would be a guess.
    if (!cluster.knows(pools)) return
    this.#judge(cluster)
    const known = judged.filter((group) => cluster.knows(group)).flat()
    for (const { kind, resources } of this.#views) {
      if (!known.includes(kind)) continue
      const objects = cluster.objects(kind)
      for (const resource of resources.values()) {
        const object = objects.get(keyOf(resource.object as KubeObject))!
        const write = planWrite(kind, object, this.#verdicts.get(resource)!, this.#clock.epochMs())
        if (write !== undefined) yield write
      }
    }
  }

  #judge(cluster: Cluster): void {
    let isChanged = this.#compiled === undefined
    for (const view of this.#views) isChanged = view.update(cluster.objects(view.kind)) || isChanged
    if (!isChanged) return
    const resources = this.#views.flatMap((view) => [...view.resources.values()])
    // What was valid in an earlier life of this process must not matter: a restart would find otherwise.
    const previous = this.#compiled && { ...this.#compiled, accepted: new Map() }
    this.#compiled = compileCatalog(resources, { previous, missingStates: 'ignore' })
    this.#verdicts = judge(this.#compiled)
  }
}

/** The objects of one kind as resources, which stay the same while only their status changes. */
class View {
  readonly kind: ResourceKind
  readonly resources = new Resources()
  readonly #seen = new Map<string, KubeObject>()

  constructor(kind: ResourceKind) {
    this.kind = kind
  }

  /** True when something has changed that matters to others. */
  update(objects: ReadonlyMap<string, KubeObject>): boolean {
    let isChanged = false
    for (const [key, object] of this.#seen) {
      if (objects.has(key)) continue
      this.#seen.delete(key)
      isChanged = this.resources.delete(object) || isChanged
    }
    for (const [key, object] of objects) {
      if (this.#seen.get(key) === object) continue
      this.#seen.set(key, object)
      isChanged = this.resources.set(object) || isChanged
    }
    return isChanged
  }
}

/** Undefined when the condition stands there already. */
function planWrite(kind: ResourceKind, object: KubeObject, verdict: Verdict, epochMs: number): Write | undefined {
  const before = readConditions(object.status)
  const finding: Finding = {
    type: 'Accepted',
    status: verdict.reason === 'Accepted' ? 'True' : 'False',
    reason: verdict.reason,
    message: verdict.message,
    observedGeneration: object.metadata.generation,
  }
  const condition = transition(finding, before, epochMs)
  if (before.includes(condition)) return undefined
  const { namespace, name, uid } = object.metadata
  const path = objectPath(kind, namespace!, name, 'status')
  const patch = statusPatch(kind, { namespace, name, uid }, condition)
  const isNewlyFalse = finding.status === 'False' && !before.some((each) => saysTheSame(each, finding))
  return {
    kind,
    object,
    events: isNewlyFalse ? [finding] : [],
    async send(client, onConflict) {
      try {
        return await client.apply(path, patch, fieldManager, false)
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 409) throw error
        onConflict(`${error.message}; taken over`)
        // A controller owns what it reports; whoever set it by hand, or before, is told by the log.
        return client.apply(path, patch, fieldManager, true)
      }
    },
  }
}

const saysTheSame = (condition: Condition, { type, status, reason }: Finding): boolean =>
  condition.type === type && condition.status === status && condition.reason === reason

/** With its uid, so that nothing is said of an object of that name that came later. */
function statusPatch(
  { apiVersion, kind }: ResourceKind,
  metadata: { namespace: string | undefined; name: string; uid: string | undefined },
  condition: Condition,
) {
  return { apiVersion, kind, metadata, status: { conditions: [condition] } }
}
