import { formatPath, type Problem } from '../catalog/problem.ts'
import type { Clock } from '../clock.ts'
import { kinds } from '../kubernetes/kinds.ts'
import type { Selection } from '../kubernetes/list.ts'
import { type KubeObject, keyOf, type ResourceKind } from '../kubernetes/object.ts'
import { RouteCompiler } from '../routes/compile.ts'
import type { CompiledService, Generated } from '../routes/compiled.ts'
import { Applying, type Failure, generatedKinds, idOf, type Standing } from './applying.ts'
import type { Cluster } from './cluster.ts'
import { planStatus, statusOf } from './route-status.ts'
import { aimServices, inferenceServices } from './service-status.ts'
import { type Controlled, findControlled, findSurplus, planDeletes } from './surplus.ts'
import type { Write, Writer } from './writer.ts'

const none: ReadonlyMap<string, KubeObject> = new Map()

/** What has to be known before a service of a family is compiled; of what it generates each object sees for itself. */
const omeSources = [kinds.inferenceService, kinds.configMap, kinds.service]
const aimSources = [kinds.aimService, kinds.aimRuntimeConfig, kinds.aimClusterRuntimeConfig, kinds.httpRoute]

/** Routes of OME InferenceServices and AIM Engine AIMServices, and their status. */
export class RouteWriter implements Writer {
  readonly watched: readonly Selection[]
  readonly #clock: Clock
  /** `namespace/name` of the ConfigMap of OME. */
  readonly #omeConfig: string
  readonly #compiler = new RouteCompiler()
  readonly #applying = new Applying()
  /** Whose status says all of it that it can: neither the service nor what is made of it has changed since. */
  readonly #said = new WeakSet<CompiledService>()
  #services: readonly CompiledService[] = []
  #failures: ReadonlyMap<CompiledService, Failure> = new Map()

  /** @param namespace to look after; undefined for all */
  constructor(
    omeConfig: { readonly namespace: string; readonly name: string },
    clock: Clock,
    namespace: string | undefined,
  ) {
    this.#clock = clock
    this.#omeConfig = `${omeConfig.namespace}/${omeConfig.name}`
    const ofTeams = [kinds.inferenceService, kinds.aimService, kinds.aimRuntimeConfig, ...Object.values(generatedKinds)]
    this.watched = [
      ...ofTeams.map((kind) => ({ kind, namespace })),
      { kind: kinds.aimClusterRuntimeConfig },
      { kind: kinds.configMap, namespace: omeConfig.namespace, fieldSelector: `metadata.name=${omeConfig.name}` },
    ]
  }

  get problems(): readonly Problem[] {
    return this.#services.flatMap((compiled) => {
      const { service, problem } = compiled
      const place = `${service.kind} ${keyOf(service)}`
      const failure = this.#failures.get(compiled)
      const found = problem ?? failure
      if (found === undefined) return []
      const path = problem?.at.object === service ? formatPath(problem.at.path) : ''
      return [{ severity: 'error', place, path, message: `${found.reason}: ${found.message}` }]
    })
  }

  /** How many services there are of each kind with each state: the reason of the condition that tells of their routes. */
  *states(): Generator<readonly [kind: ResourceKind, state: string, services: number]> {
    for (const { kind, readyType } of [inferenceServices, aimServices]) {
      const ofKind = this.#services.filter(({ service }) => service.kind === kind.kind)
      const byState = Map.groupBy(ofKind, (compiled) => {
        const ready = statusOf(compiled, this.#failures.get(compiled), undefined).conditions.find(
          ({ type }) => type === readyType,
        )
        return ready === undefined ? 'Off' : (ready.reason ?? 'Ready')
      })
      for (const [state, services] of byState) yield [kind, state, services.length]
    }
  }

  *plan(cluster: Cluster): Generator<Write> {
    this.#services = this.#compile(cluster)
    const failures = new Map<CompiledService, Failure>()
    const wanted = new Set<string>()
    const controlled = findControlled(cluster)
    // The oldest service that has a model name may be one that is not compiled now.
    const areAllSeen =
      isWhole(cluster, kinds.inferenceService, omeSources) && isWhole(cluster, kinds.aimService, aimSources)
    for (const compiled of this.#services) {
      for (const object of compiled.objects) wanted.add(idOf(object))
      if (!areAllSeen && compiled.modelRoute !== undefined) continue
      const ofService = controlled.get(compiled.service.metadata.uid!) ?? []
      const failure = yield* this.#planService(compiled, ofService, cluster)
      if (failure !== undefined) failures.set(compiled, failure)
    }
    this.#failures = failures
    this.#applying.keepOnly(wanted)
  }

  #compile(cluster: Cluster): readonly CompiledService[] {
    const isOmeKnown = cluster.knows(omeSources)
    const isAimKnown = cluster.knows(aimSources)
    const all = (kind: ResourceKind, isKnown: boolean) => (isKnown ? cluster.objects(kind) : none)
    return this.#compiler.compile({
      inferenceServices: withoutDeleted(all(kinds.inferenceService, isOmeKnown)),
      omeConfig: isOmeKnown ? cluster.objects(kinds.configMap).get(this.#omeConfig) : undefined,
      services: all(kinds.service, isOmeKnown),
      aimServices: withoutDeleted(all(kinds.aimService, isAimKnown)),
      aimRuntimeConfigs: all(kinds.aimRuntimeConfig, isAimKnown),
      aimClusterRuntimeConfigs: all(kinds.aimClusterRuntimeConfig, isAimKnown),
      httpRoutes: all(kinds.httpRoute, isAimKnown),
    })
  }

  /** @returns why its routes can't be made */
  *#planService(
    compiled: CompiledService,
    controlled: readonly Controlled[],
    cluster: Cluster,
  ): Generator<Write, Failure | undefined> {
    const { service, objects, others } = compiled
    const standings = objects.map((object) => ({ object, standing: this.#applying.standing(object, service, cluster) }))
    const isModelRoute = ({ object }: ObjectStanding) => object.metadata.name === compiled.modelRoute
    const required = standings.filter((each) => !isModelRoute(each))
    const failure = required.map(failureIn).find(isFailure)
    const modelFailure = standings.filter(isModelRoute).map(failureIn).find(isFailure)
    const surplus = others === 'delete' ? findSurplus(compiled, controlled) : []
    // All of its objects, or none: half of them would look as if all were well.
    const canAllBe = required.every(({ standing }) => standing.name !== 'impossible')
    if (canAllBe) yield* planObjects(standings, surplus)
    const isApplied = standings.every((each) => each.standing.name === 'applied' || isModelRoute(each))
    // What replaces them comes before they go.
    if (isApplied) yield* planDeletes(surplus)
    const isUnderWay = standings.some(({ standing }) => standing.name === 'waiting' || isUntried(standing))
    // Said once it is so, and not that it is about to be.
    const isFine = failure === undefined && modelFailure === undefined
    if (failure !== undefined || !isUnderWay) {
      const isSaid = isFine && this.#said.has(compiled)
      const onSaid = () => isFine && this.#said.add(compiled)
      const status = statusOf(compiled, failure, modelFailure)
      const write = isSaid ? undefined : planStatus(compiled, status, this.#clock, onSaid)
      if (write !== undefined) yield write
      else onSaid()
    }
    return failure
  }
}

/** All services of the kind are compiled, or there are none. */
const isWhole = (cluster: Cluster, kind: ResourceKind, sources: readonly ResourceKind[]): boolean =>
  cluster.knows(sources) || (cluster.sight(kind) !== 'unknown' && cluster.objects(kind).size === 0)

type ObjectStanding = { readonly object: Generated; readonly standing: Standing }

/** No route is open for a moment without its guard: not before that comes, and not after that has let go of it. */
function* planObjects(standings: readonly ObjectStanding[], surplus: readonly Controlled[]): Generator<Write> {
  const guard = standings.find(
    ({ object, standing }) => object.kind === 'SecurityPolicy' && standing.name !== 'applied',
  )
  const leaving = surplus.filter(({ kind }) => kind === kinds.httpRoute)
  if (guard !== undefined && leaving.length > 0) return yield* planDeletes(leaving)
  for (const { standing } of guard === undefined ? standings : [guard]) {
    if (standing.name === 'due') yield standing.write
  }
}

function withoutDeleted(objects: ReadonlyMap<string, KubeObject>): ReadonlyMap<string, KubeObject> {
  const isDeleted = ({ metadata }: KubeObject) => metadata.deletionTimestamp !== undefined
  if (![...objects.values()].some(isDeleted)) return objects
  return new Map([...objects].filter(([, object]) => !isDeleted(object)))
}

const failureIn = ({ standing }: ObjectStanding): Failure | undefined =>
  standing.name === 'due' || standing.name === 'impossible' ? standing.failure : undefined
const isFailure = (failure: Failure | undefined): failure is Failure => failure !== undefined
const isUntried = (standing: Standing): boolean => standing.name === 'due' && standing.failure === undefined
