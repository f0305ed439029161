import { isDeepStrictEqual } from 'node:util'
import { emptyCatalog } from '../../catalog/catalog.ts'
import { type Compiled, type CompileOptions, compileCatalog } from '../../catalog/compile.ts'
import type { Resource } from '../../catalog/resource.ts'
import type { Clock } from '../../clock.ts'
import type { KubeClient } from '../../kubernetes/client.ts'
import { Gathering } from '../../kubernetes/gathering.ts'
import { kinds } from '../../kubernetes/kinds.ts'
import { type ResourceKind, resourceName } from '../../kubernetes/object.ts'
import { isSettled, Reflector } from '../../kubernetes/reflector.ts'
import { rolloutsLabel } from '../../rollout/state.ts'
import { ProblemReport, type Snapshot, type Source, type SourceListener } from '../source.ts'
import { PodEndpoints } from './pod-endpoints.ts'
import { Resources } from './resources.ts'
import { noPools, problemOf } from './watch-problems.ts'

export type KubernetesSourceOptions = Pick<CompileOptions, 'onlyPool'> & {
  /** Read this namespace alone; undefined reads all, or that of `onlyPool`. */
  readonly namespace: string | undefined
  /** The API group of pools, where one is asked for. */
  readonly poolGroup: string | undefined
  /** Resources that no cluster has to have. */
  readonly standing: readonly Resource[]
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
}

export type KubernetesSourceListener = SourceListener & {
  /** Kinds that the API server does not serve; they are looked for every few seconds. */
  onMissing(resources: readonly string[]): void
}

/** Changes are gathered for so many milliseconds. */
const gatherMs = 25
/** A start waits so many milliseconds for kinds that it can do without while the API server gives errors for them. */
const patienceMs = 30_000

/** Labels of the ConfigMaps that say which adapters a base model has, and how far targets are rolled out. */
export const configMapSelectors = [
  'inference.networking.k8s.io/bbr-managed=true',
  'inference.llm-d.ai/ipp-managed=true',
  `${rolloutsLabel}=true`,
]

type Collection = {
  readonly reflector: Reflector
  readonly resources: Resources
}

/**
 * Reads pools, and what refers to them, from a Kubernetes API server, and the Pods of every namespace that has a pool. What
 * can't be read (any more) is a problem, and stays as it was; all else goes on.
 */
export class KubernetesSource implements Source {
  readonly #client: Pick<KubeClient, 'get' | 'watch'>
  readonly #options: KubernetesSourceOptions
  readonly #listener: KubernetesSourceListener
  readonly #report: ProblemReport
  readonly #changes: Gathering
  readonly #collections: readonly Collection[]
  /** By namespace. */
  readonly #pods = new Map<string, PodEndpoints>()

  #compiled: Compiled | undefined
  #snapshot: Snapshot = { catalog: emptyCatalog, endpoints: [] }
  /** What the listener knows. */
  #told: Snapshot | undefined
  #missing: readonly string[] = []
  #hasNewResources = true
  #hasNewEndpoints = true
  /** The listener is told of changes from the first snapshot on. */
  #isTelling = false
  #settled = () => {}

  constructor(
    client: Pick<KubeClient, 'get' | 'watch'>,
    options: KubernetesSourceOptions,
    listener: KubernetesSourceListener,
  ) {
    this.#client = client
    this.#options = options
    this.#listener = listener
    this.#report = new ProblemReport((change) => listener.onProblems(change))
    this.#changes = new Gathering(options.clock, gatherMs, () => this.#tell())
    this.#collections = collectionsFor(options).map((each) => this.#watch(each))
  }

  /**
   * Resolves when every kind has been read, or was found to be missing or forbidden, and Pods of at least one namespace with pools
   * may be read. While no API server answers it waits; for a kind other than pools and Pods that alone can't be read it waits half
   * a minute.
   */
  async start(): Promise<Snapshot> {
    const reflectors = this.#collections.map(({ reflector }) => reflector)
    let isPatient = true
    const cancel = this.#options.clock.after(patienceMs, () => {
      isPatient = false
      this.#settled()
    })
    for (const reflector of reflectors) reflector.start()
    await this.#until(() => reflectors.every((each) => isSettled(each.state) || (!isPatient && isDispensable(each))))
    cancel()
    this.#update()
    // Pools without any Pods that may be read: a replica that refuses all requests is not to follow one that serves them.
    await this.#until(() => {
      const states = [...this.#pods.values()].map(({ reflector }) => reflector.state)
      return states.every(isSettled) && (states.length === 0 || states.some(({ name }) => name === 'synced'))
    })
    this.#update()
    this.#isTelling = true
    this.#told = this.#snapshot
    return this.#snapshot
  }

  get compiled(): Compiled | undefined {
    return this.#compiled
  }

  async close(): Promise<void> {
    this.#changes.close()
    const all = [...this.#collections, ...this.#pods.values()]
    await Promise.all(all.map(({ reflector }) => reflector.close()))
  }

  /** Looks again whenever a reflector has another state. */
  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      await new Promise<void>((resolve) => {
        this.#settled = resolve
      })
    }
  }

  #watch({ kind, labelSelector }: Watched): Collection {
    const resources = new Resources()
    const changed = (isChanged: boolean) => {
      if (!isChanged) return
      this.#hasNewResources = true
      this.#changed()
    }
    const { clock, random } = this.#options
    const options = { kind, namespace: namespaceOf(this.#options), labelSelector, clock, random }
    const reflector = new Reflector(this.#client, options, {
      onListed: (objects) => changed(resources.replaceAll(objects)),
      onChanged: (object) => changed(resources.set(object)),
      onDeleted: (object) => changed(resources.delete(object)),
      onState: () => this.#stateChanged(),
    })
    return { reflector, resources }
  }

  #stateChanged(): void {
    this.#settled()
    // Whoever waits for the first snapshot shall know what for.
    const watched = [...this.#collections, ...this.#pods.values()]
    const holdsUp = ({ reflector: { kind, state } }: (typeof watched)[number]) =>
      state.name === 'failing' || (state.name === 'forbidden' && kind === kinds.pod)
    if (!this.#isTelling && watched.some(holdsUp)) this.#tellProblems()
    this.#changed()
  }

  #changed(): void {
    if (this.#isTelling) this.#changes.changed()
  }

  #tell(): void {
    this.#update()
    // A pool in a new namespace is told when its Pods are known: without any its requests would be refused.
    const isWaiting = [...this.#pods.values()].some(({ reflector }) => reflector.state.name === 'starting')
    if (isWaiting || this.#snapshot === this.#told) return
    this.#told = this.#snapshot
    this.#listener.onSnapshot(this.#snapshot)
  }

  /** Takes in what has changed: only what has is made anew. */
  #update(): void {
    if (this.#hasNewResources) this.#compile()
    if (this.#hasNewEndpoints) {
      const endpoints = [...this.#pods.values()].flatMap((pods) => [...pods.values()])
      this.#snapshot = { ...this.#snapshot, endpoints }
    }
    this.#hasNewResources = false
    this.#hasNewEndpoints = false
    this.#tellProblems()
  }

  #compile(): void {
    const { onlyPool, standing, clock, random } = this.#options
    const resources = [...standing, ...this.#collections.flatMap((each) => [...each.resources.values()])]
    this.#compiled = compileCatalog(resources, { onlyPool, previous: this.#compiled })
    this.#snapshot = { ...this.#snapshot, catalog: this.#compiled.catalog }
    const namespaces = new Set([...this.#compiled.catalog.pools.values()].map(({ namespace }) => namespace))
    for (const namespace of namespaces) {
      if (this.#pods.has(namespace)) continue
      const onChanged = () => {
        this.#hasNewEndpoints = true
        this.#changed()
      }
      const options = { namespace, clock, random }
      this.#pods.set(namespace, new PodEndpoints(this.#client, options, onChanged, () => this.#stateChanged()))
    }
    for (const [namespace, { reflector }] of this.#pods) {
      if (namespaces.has(namespace)) continue
      this.#pods.delete(namespace)
      this.#hasNewEndpoints = true
      void reflector.close()
    }
  }

  #tellProblems(): void {
    const watched = [
      ...this.#collections.map(({ reflector, resources }) => ({ reflector, size: resources.size })),
      ...this.#pods.values(),
    ]
    const missing = watched.map(({ reflector }) => reflector).filter((reflector) => this.#isMissing(reflector))
    const problems = watched.flatMap(({ reflector, size }) => problemOf(reflector, size))
    const hasPools = this.#collections.some(({ reflector }) => isPool(reflector.kind) && !missing.includes(reflector))
    if (!hasPools && this.#options.standing.length === 0) problems.push(noPools)
    this.#report.update([...(this.#compiled?.problems ?? []), ...problems])

    const names = missing.map(({ kind }) => resourceName(kind))
    if (isDeepStrictEqual(names, this.#missing)) return
    this.#missing = names
    this.#listener.onMissing(names)
  }

  /** What was missing is so until the API server says otherwise, which it can't while it does not answer. */
  #isMissing({ kind, state }: Reflector): boolean {
    return state.name === 'missing' || (state.name === 'failing' && this.#missing.includes(resourceName(kind)))
  }
}

type Watched = { readonly kind: ResourceKind; readonly labelSelector?: string }

/** With one pool alone no route has to divide requests. */
function collectionsFor({ onlyPool, poolGroup }: KubernetesSourceOptions): readonly Watched[] {
  const pools = [kinds.poolV1, kinds.poolV1alpha2].filter(
    ({ apiVersion }) => poolGroup === undefined || apiVersion.startsWith(`${poolGroup}/`),
  )
  const { model, objective, objectiveLlmd, rewrite, rewriteLlmd } = kinds
  const policies = [model, objective, objectiveLlmd, rewrite, rewriteLlmd]
  const routes = onlyPool === undefined ? [kinds.httpRoute] : []
  return [
    ...[...pools, ...policies, ...routes].map((kind) => ({ kind })),
    ...configMapSelectors.map((labelSelector) => ({ kind: kinds.configMap, labelSelector })),
  ]
}

const namespaceOf = ({ onlyPool, namespace }: KubernetesSourceOptions) => namespace ?? onlyPool?.namespace

/** What there are pools and endpoints without. */
const isDispensable = ({ kind, state }: Reflector): boolean => !isPool(kind) && state.name === 'failing'

const isPool = ({ kind }: ResourceKind): boolean => kind === 'InferencePool'
