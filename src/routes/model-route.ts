import { show } from '../catalog/fields.ts'
import { type KubeObject, keyOf } from '../kubernetes/object.ts'
import type { CompiledService, Generated, ServiceCondition } from './compiled.ts'
import { cutName } from './cut-name.ts'
import { Memory } from './memory.ts'
import { findModelName, type NamedModel } from './model-name.ts'
import { gatewayKey, type ParentRef, sharesGateway } from './parent-ref.ts'
import { byAge } from './precedence.ts'

const annotation = 'signalbox.dev/model-routing'

/** The header that Signalbox sets to the model of a request. */
const modelHeader = 'X-Gateway-Model-Name'

/**
 * Services that ask for model routing get one more HTTPRoute: requests for their model go where `/` of their main HTTPRoute
 * goes, whatever their path. So one address of a Gateway serves all models by name. A name on a Gateway leads to the oldest
 * service that has it. Condition ModelRouteReady tells what came of it. Other services come back as they are.
 * @param memory of what was made before: as long as nothing is new of a service, its result is the same object
 */
export function withModelRoutes(
  services: readonly CompiledService[],
  memory = new Memory<CompiledService>(),
): readonly CompiledService[] {
  const asking = services.filter(asksForModelRoute).sort((a, b) => byAge(a.service, b.service))
  if (asking.length === 0) return services
  const owners = ownersOfRoutes(services)
  // Those that share a name and a Gateway are as few as its listeners.
  const holders = new Map<string, Candidate[]>()
  const decide = (compiled: CompiledService): Candidate | Refusal => {
    const candidate = findCandidate(compiled, owners)
    if ('reason' in candidate) return candidate
    const { modelName, parent } = candidate
    const key = JSON.stringify([gatewayKey(parent, namespaceOf(compiled)), modelName])
    const older = holders.get(key) ?? []
    const holder = older.find((other) => haveSameRequests(candidate, other))
    if (holder !== undefined) {
      const message = `model ${show(modelName)} at ${describe(candidate)} is routed to ${identify(holder.compiled.service)}, which was first`
      return { reason: 'ModelNameInUse', message }
    }
    holders.set(key, [...older, candidate])
    return candidate
  }
  const results = new Map(
    asking.map((compiled) => {
      const decision = decide(compiled)
      const refusal = 'reason' in decision ? decision : undefined
      const inputs = [compiled, refusal?.reason, refusal?.message]
      const make = () => ('reason' in decision ? refused(compiled, decision) : withModelRoute(decision))
      return [compiled, memory.get(identify(compiled.service), inputs, make)]
    }),
  )
  memory.keepOnly(new Set(asking.map(({ service }) => identify(service))))
  return services.map((compiled) => results.get(compiled) ?? compiled)
}

/** A service that has no error, and whose objects are up to date. */
function asksForModelRoute({ service, problem, others }: CompiledService): boolean {
  return service.metadata.annotations?.[annotation] === 'true' && problem === undefined && others === 'delete'
}

type Candidate = NamedModel & {
  readonly compiled: CompiledService
  readonly main: Generated
  readonly parent: ParentRef
  readonly routeName: string
}

/** Why a service gets no model route. */
type Refusal = {
  readonly reason: 'NoGateway' | 'AuthUnsupported' | 'ModelNameUnknown' | 'NameCollision' | 'ModelNameInUse'
  readonly message: string
}

function findCandidate(compiled: CompiledService, owners: ReadonlyMap<string, KubeObject>): Candidate | Refusal {
  const main = compiled.objects.find(({ kind }) => kind === 'HTTPRoute')
  if (main === undefined) return { reason: 'NoGateway', message: noGateway }
  if (compiled.objects.some(({ kind }) => kind === 'SecurityPolicy')) {
    return { reason: 'AuthUnsupported', message: unguardable }
  }
  const named = findModelName(compiled.service)
  if ('unknown' in named) return { reason: 'ModelNameUnknown', message: named.unknown }
  const routeName = cutName(`${main.metadata.name}-model`)
  const owner = owners.get(routeKey(compiled, routeName))
  if (owner !== undefined) {
    return { reason: 'NameCollision', message: `HTTPRoute ${routeName} is generated for ${identify(owner)}` }
  }
  const [parent] = main.spec.parentRefs as readonly ParentRef[]
  return { compiled, main, parent, routeName, ...named }
}

/** Envoy's filters for keys and passwords act by the route that matches at first: the catch-all, while the model is unknown. */
const unguardable =
  'signalbox.dev/auth: a gateway asks for keys and passwords before it knows the model, so that this way would stand open'

const noGateway = 'no HTTPRoute is generated for this service, so it has no Gateway to be routed at'

function withModelRoute(candidate: Candidate): CompiledService {
  const { compiled, main, modelName, from, routeName } = candidate
  const rules = main.spec.rules as readonly RouteRule[]
  const { backendRefs, timeouts, filters = [] } = rules[rules.length - 1]
  // The path stays as it is: there is no prefix to take off.
  const kept = filters.filter(({ type }) => type !== 'URLRewrite')
  const route: Generated = {
    ...main,
    metadata: { ...main.metadata, name: routeName },
    spec: {
      parentRefs: main.spec.parentRefs,
      rules: [
        {
          matches: [{ headers: [{ type: 'Exact', name: modelHeader, value: modelName }] }],
          ...(kept.length > 0 && { filters: kept }),
          backendRefs,
          ...(timeouts !== undefined && { timeouts }),
        },
      ],
    },
  }
  const message = `HTTPRoute ${routeName} routes model ${show(modelName)} at ${describe(candidate)}`
  const routed = withCondition(compiled, {
    type: 'ModelRouteReady',
    status: 'True',
    // metav1.Condition has to have a reason; OME's conditions have none while all is well.
    ...(compiled.service.kind === 'AIMService' && { reason: 'ModelRouteGenerated' }),
    message,
  })
  return {
    ...routed,
    modelRoute: routeName,
    objects: [...compiled.objects, route],
    settings: [...compiled.settings, { name: 'modelName', value: modelName, from }],
  }
}

/** gateway.networking.k8s.io/v1 HTTPRouteRule, as far as the compilers write it. */
type RouteRule = {
  readonly backendRefs: unknown
  readonly timeouts?: unknown
  readonly filters?: readonly { readonly type: string }[]
}

function withCondition(compiled: CompiledService, condition: ServiceCondition): CompiledService {
  const { status } = compiled
  return { ...compiled, status: { ...status, conditions: [...status.conditions, condition] } }
}

const refused = (compiled: CompiledService, refusal: Refusal): CompiledService =>
  withCondition(compiled, { type: 'ModelRouteReady', status: 'False', ...refusal })

/** Whose HTTPRoutes there are without those for models, by their names. */
function ownersOfRoutes(services: readonly CompiledService[]): ReadonlyMap<string, KubeObject> {
  const owners = new Map<string, KubeObject>()
  for (const compiled of services) {
    for (const { kind, metadata } of compiled.objects) {
      if (kind === 'HTTPRoute') owners.set(routeKey(compiled, metadata.name), compiled.service)
    }
  }
  return owners
}

const routeKey = (compiled: CompiledService, name: string): string => `${namespaceOf(compiled)}/${name}`

/** Both kinds of services have namespaces, and those are filled in. */
const namespaceOf = ({ service }: CompiledService): string => service.metadata.namespace!

const haveSameRequests = (a: Candidate, b: Candidate): boolean =>
  sharesGateway(a.parent, namespaceOf(a.compiled), b.parent, namespaceOf(b.compiled))

/** `Gateway edge/inference`. */
function describe({ compiled, parent: { kind, namespace, name } }: Candidate): string {
  return `${kind} ${namespace ?? namespaceOf(compiled)}/${name}`
}

const identify = (object: KubeObject): string => `${object.kind} ${keyOf(object)}`
