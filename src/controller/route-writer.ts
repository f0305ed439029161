import { isDeepStrictEqual } from 'node:util'
import { formatPath, type Problem } from '../catalog/problem.ts'
import type { Clock } from '../clock.ts'
import { kinds } from '../kubernetes/kinds.ts'
import type { Selection } from '../kubernetes/list.ts'
import { type KubeObject, keyOf, type ResourceKind } from '../kubernetes/object.ts'
import { deriveNames } from '../routes/aim/names.ts'
import { RouteCompiler } from '../routes/compile.ts'
import type { CompiledService, Generated, ServiceCondition, ServiceStatus } from '../routes/compiled.ts'
import { hasApplied } from './applied.ts'
import { Applying, controllerOf, type Failure, generatedKinds, idOf, planDelete, type Standing } from './applying.ts'
import type { Cluster } from './cluster.ts'
import { type Condition, readConditions } from './condition.ts'
import { replaceStatus } from './replace-status.ts'
import { aimServices, inferenceServices, nextStatus, type ServiceKind } from './service-status.ts'
import { fieldManager, type Write, type Writer } from './writer.ts'

const none: ReadonlyMap<string, KubeObject> = new Map()

/** What has to be known before a service of a family is compiled; of what it generates each object sees for itself. */
const omeSources = [kinds.inferenceService, kinds.configMap, kinds.service]
const aimSources = [kinds.aimService, kinds.aimRuntimeConfig, kinds.aimClusterRuntimeConfig, kinds.httpRoute]

const outputs = Object.values(generatedKinds)

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
    const ofTeams = [kinds.inferenceService, kinds.aimService, kinds.aimRuntimeConfig, ...outputs]
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
    // The oldest service that has a model name may be of the family that is not listed yet.
    const areAllSeen = [...omeSources, ...aimSources].every((kind) => cluster.sight(kind) !== 'unknown')
    for (const compiled of this.#services) {
      for (const object of compiled.objects) wanted.add(idOf(object))
      if (!areAllSeen && hasModelCondition(compiled)) continue
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

  #standings({ service, objects, modelRoute }: CompiledService, cluster: Cluster): readonly ObjectStanding[] {
    const standingOf = (object: Generated) => ({ object, standing: this.#applying.standing(object, service, cluster) })
    const standings = objects.map(standingOf)
    const isTaken = standings.some(
      ({ object, standing }) => object.metadata.name === modelRoute && standing.name === 'impossible',
    )
    if (!isTaken) return standings
    // What somebody else has by the name of the model route is not closed, either.
    return standings.map((each) =>
      each.object.kind === 'SecurityPolicy' ? standingOf(withoutTarget(each.object, modelRoute!)) : each,
    )
  }

  /** @returns why its routes can't be made */
  *#planService(
    compiled: CompiledService,
    controlled: readonly Controlled[],
    cluster: Cluster,
  ): Generator<Write, Failure | undefined> {
    const standings = this.#standings(compiled, cluster)
    const isModelRoute = ({ object }: ObjectStanding) => object.metadata.name === compiled.modelRoute
    const required = standings.filter((each) => !isModelRoute(each))
    const failure = required.map(failureIn).find(isFailure)
    const modelFailure = standings.filter(isModelRoute).map(failureIn).find(isFailure)
    const surplus = compiled.others === 'delete' ? findSurplus(compiled, controlled) : []
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

type Controlled = { readonly kind: ResourceKind; readonly object: KubeObject }

const serviceKindOf = ({ service }: CompiledService): ServiceKind =>
  service.kind === inferenceServices.kind.kind ? inferenceServices : aimServices

/** Generated kinds of objects whose controllers are services, by the uid of the service. */
function findControlled(cluster: Cluster): ReadonlyMap<string, readonly Controlled[]> {
  const found = new Map<string, Controlled[]>()
  for (const kind of outputs) {
    for (const object of cluster.objects(kind).values()) {
      const owner = controllerOf(object)
      if (owner?.kind !== 'InferenceService' && owner?.kind !== 'AIMService') continue
      const ofOwner = found.get(owner.uid)
      if (ofOwner === undefined) found.set(owner.uid, [{ kind, object }])
      else ofOwner.push({ kind, object })
    }
  }
  return found
}

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

function withoutTarget(policy: Generated, route: string): Generated {
  const targetRefs = policy.spec.targetRefs as readonly { readonly name: string }[]
  return { ...policy, spec: { ...policy.spec, targetRefs: targetRefs.filter(({ name }) => name !== route) } }
}

/** What was made for a service and is not wanted any more. */
function findSurplus({ service, objects }: CompiledService, controlled: readonly Controlled[]): readonly Controlled[] {
  return controlled.filter(
    ({ kind, object }) =>
      isOurs(object, service) &&
      !objects.some((each) => each.kind === kind.kind && each.metadata.name === object.metadata.name),
  )
}

function* planDeletes(surplus: readonly Controlled[]): Generator<Write> {
  const routes = surplus.filter(({ kind }) => kind !== kinds.securityPolicy)
  // A policy goes when what it guards is gone.
  for (const { kind, object } of routes.length > 0 ? routes : surplus) {
    if (object.metadata.deletionTimestamp === undefined) yield planDelete(kind, object)
  }
}

/**
 * Whether it was made for the service by us. OME's own controller makes objects of the same owner, which stay. The route of an
 * AIMService is known by its name, whoever has made it.
 */
const isOurs = (object: KubeObject, service: KubeObject): boolean =>
  hasApplied(object, fieldManager) ||
  (service.kind === 'AIMService' &&
    object.kind === 'HTTPRoute' &&
    object.metadata.name === deriveNames(service).httpRoute)

function withoutDeleted(objects: ReadonlyMap<string, KubeObject>): ReadonlyMap<string, KubeObject> {
  const isDeleted = ({ metadata }: KubeObject) => metadata.deletionTimestamp !== undefined
  if (![...objects.values()].some(isDeleted)) return objects
  return new Map([...objects].filter(([, object]) => !isDeleted(object)))
}

const hasModelCondition = ({ status }: CompiledService): boolean =>
  status.conditions.some(({ type }) => type === 'ModelRouteReady')
const failureIn = ({ standing }: ObjectStanding): Failure | undefined =>
  standing.name === 'due' || standing.name === 'impossible' ? standing.failure : undefined
const isFailure = (failure: Failure | undefined): failure is Failure => failure !== undefined
const isUntried = (standing: Standing): boolean => standing.name === 'due' && standing.failure === undefined

/** What the compiler says of the service, or what became of it. */
function statusOf(
  compiled: CompiledService,
  failure: Failure | undefined,
  modelFailure: Failure | undefined,
): ServiceStatus {
  const { readyType, errorsStandAlone } = serviceKindOf(compiled)
  const { status } = compiled
  const failures = new Map<string, Failure>()
  if (failure !== undefined) failures.set(readyType, failure)
  if (modelFailure !== undefined) failures.set('ModelRouteReady', modelFailure)
  const conditions = status.conditions.map((condition): ServiceCondition => {
    const found = failures.get(condition.type)
    return found === undefined ? condition : { type: condition.type, status: 'False', ...found }
  })
  if (failure === undefined) return { ...status, conditions }
  if (errorsStandAlone) return { conditions: conditions.filter(({ type }) => type === readyType) }
  // Without a route nothing else is promised, as where the compiler finds that a name is taken.
  if (failure.reason !== 'NameCollision') return { ...status, conditions }
  return { conditions: conditions.filter(({ type }) => type === 'RuntimeConfigReady' || type === readyType) }
}

/**
 * Undefined when the status is right as it is.
 * @param onSaid called when the API server keeps no more of it than there is: a CRD may lack fields
 */
function planStatus(
  compiled: CompiledService,
  wanted: ServiceStatus,
  clock: Clock,
  onSaid: () => void,
): Write | undefined {
  const { service } = compiled
  const serviceKind = serviceKindOf(compiled)
  const next = (object: KubeObject) => {
    // The generation that was judged, though the status may be that of a later one.
    const judged = { ...object, metadata: service.metadata }
    const status = nextStatus(judged, wanted, serviceKind, clock.epochMs())
    return isDeepStrictEqual(status, object.status ?? {}) ? undefined : status
  }
  if (next(service) === undefined) return undefined
  return {
    kind: serviceKind.kind,
    object: service,
    content: wanted,
    warnings: warningsOf(wanted, readConditions(service.status)),
    async send(client) {
      const stored = await replaceStatus(client, serviceKind.kind, service, next)
      if (stored?.metadata.resourceVersion === service.metadata.resourceVersion) onSaid()
      return stored
    },
  }
}

/** Reasons of conditions that are False, or not True, for a while as a matter of course. */
const passing = ['HTTPRoutePending', 'ComponentNotReady']

function warningsOf({ conditions }: ServiceStatus, before: readonly Condition[]): Write['warnings'] {
  return conditions.flatMap(({ type, status, reason = '', message = '' }) => {
    const isBad = type === 'RoutingConflict' ? status === 'True' : status === 'False' && !passing.includes(reason)
    const isNew = !before.some((each) => each.type === type && each.status === status && each.reason === reason)
    return isBad && isNew ? [{ reason, message }] : []
  })
}
