import { isDeepStrictEqual } from 'node:util'
import { emptyCatalog } from '../../catalog/catalog.ts'
import { type Compiled, type CompileOptions, compileCatalog } from '../../catalog/compile.ts'
import type { Problem } from '../../catalog/problem.ts'
import type { Resource } from '../../catalog/resource.ts'
import type { Clock } from '../../clock.ts'
import type { KubeClient } from '../../kubernetes/client.ts'
import { Gathering } from '../../kubernetes/gathering.ts'
import { kinds } from '../../kubernetes/kinds.ts'
import { type KubeObject, keyOf, type ResourceKind, resourceName } from '../../kubernetes/object.ts'
import { isSettled, Reflector } from '../../kubernetes/reflector.ts'
import type { EndpointSpec } from '../../pool/endpoint.ts'
import { ProblemReport, type Snapshot, type Source, type SourceListener } from '../source.ts'
import { readPod } from './pods.ts'
import { Resources } from './resources.ts'

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

/** Labels of the ConfigMaps that say which adapters a base model has. */
export const adapterMapSelectors = [
  'inference.networking.k8s.io/bbr-managed=true',
  'inference.llm-d.ai/ipp-managed=true',
]

type Collection = {
  readonly reflector: Reflector
  readonly resources: Resources
}

type Pods = {
  readonly reflector: Reflector
  /** The ready ones by `namespace/name`. */
  readonly endpoints: Map<string, EndpointSpec>
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
  readonly #pods = new Map<string, Pods>()

  #compiled: Compiled | undefined
  #snapshot: Snapshot = { catalog: emptyCatalog, endpoints: [] }
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
   * Resolves when every kind has been read, or was found to be missing or forbidden. While no API server answers it waits; for a
   * kind other than pools and Pods that it alone can't be read of it waits half a minute.
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
    await this.#until(() => [...this.#pods.values()].every(({ reflector }) => isSettled(reflector.state)))
    this.#update()
    this.#isTelling = true
    return this.#snapshot
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

  #watchPods(namespace: string): Pods {
    const endpoints = new Map<string, EndpointSpec>()
    const set = (pod: KubeObject) => this.#setEndpoint(endpoints, keyOf(pod), readPod(pod))
    const { clock, random } = this.#options
    const reflector = new Reflector(
      this.#client,
      { kind: kinds.pod, namespace, clock, random },
      {
        onListed: (pods) => {
          const keys = new Set(pods.map(keyOf))
          for (const key of endpoints.keys()) if (!keys.has(key)) this.#setEndpoint(endpoints, key, undefined)
          pods.forEach(set)
        },
        onChanged: set,
        onDeleted: (pod) => this.#setEndpoint(endpoints, keyOf(pod), undefined),
        onState: () => this.#stateChanged(),
      },
    )
    reflector.start()
    return { reflector, endpoints }
  }

  #setEndpoint(endpoints: Map<string, EndpointSpec>, key: string, spec: EndpointSpec | undefined): void {
    if (isDeepStrictEqual(endpoints.get(key), spec)) return
    if (spec === undefined) endpoints.delete(key)
    else endpoints.set(key, spec)
    this.#hasNewEndpoints = true
    this.#changed()
  }

  #stateChanged(): void {
    this.#settled()
    // Whoever waits for the first snapshot shall know what for.
    if (!this.#isTelling && this.#collections.some(({ reflector }) => reflector.state.name === 'failing')) {
      this.#tellProblems()
    }
    this.#changed()
  }

  #changed(): void {
    if (this.#isTelling) this.#changes.changed()
  }

  #tell(): void {
    const before = this.#snapshot
    this.#update()
    if (this.#snapshot !== before) this.#listener.onSnapshot(this.#snapshot)
  }

  /** Takes in what has changed: only what has is made anew. */
  #update(): void {
    if (this.#hasNewResources) this.#compile()
    if (this.#hasNewEndpoints) {
      const endpoints = [...this.#pods.values()].flatMap((pods) => [...pods.endpoints.values()])
      this.#snapshot = { ...this.#snapshot, endpoints }
    }
    this.#hasNewResources = false
    this.#hasNewEndpoints = false
    this.#tellProblems()
  }

  #compile(): void {
    const { onlyPool, standing } = this.#options
    const resources = [...standing, ...this.#collections.flatMap((each) => [...each.resources.values()])]
    this.#compiled = compileCatalog(resources, { onlyPool, previous: this.#compiled })
    this.#snapshot = { ...this.#snapshot, catalog: this.#compiled.catalog }
    const namespaces = new Set([...this.#compiled.catalog.pools.values()].map(({ namespace }) => namespace))
    for (const namespace of namespaces) {
      if (!this.#pods.has(namespace)) this.#pods.set(namespace, this.#watchPods(namespace))
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
      ...[...this.#pods.values()].map(({ reflector, endpoints }) => ({ reflector, size: endpoints.size })),
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
    ...adapterMapSelectors.map((labelSelector) => ({ kind: kinds.configMap, labelSelector })),
  ]
}

const namespaceOf = ({ onlyPool, namespace }: KubernetesSourceOptions) => namespace ?? onlyPool?.namespace

/** What there are pools and endpoints without. */
const isDispensable = ({ kind, state }: Reflector): boolean => !isPool(kind) && state.name === 'failing'

const isPool = ({ kind }: ResourceKind): boolean => kind === 'InferencePool'

const noPools: Problem = {
  severity: 'warning',
  place: 'Kubernetes API',
  path: '',
  message:
    'serves no InferencePool: install the CRDs of the Gateway API inference extension; until then nothing is picked',
}

function problemOf({ kind, state }: Reflector, size: number): Problem[] {
  const kept = size === 0 ? '' : `; what was known of them stays in use (${size})`
  const resource = resourceName(kind)
  switch (state.name) {
    case 'starting':
    case 'synced':
      return []
    case 'missing':
      if (size === 0) return []
      return [{ severity: 'warning', place: resource, path: '', message: `are no longer served by the API${kept}` }]
    case 'forbidden': {
      const message = `may not be read: ${state.message}; give this service account get, list and watch on them${kept}`
      return [{ severity: 'error', place: resource, path: '', message }]
    }
    case 'failing': {
      const message = `can't be read now: ${state.message}; what is known stays in use`
      return [{ severity: 'warning', place: 'Kubernetes API', path: '', message }]
    }
  }
}
