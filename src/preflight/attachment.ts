import { isObject } from '../catalog/resource.ts'
import type { GatewayEntry, Inventory, PolicyEntry, PolicyKind, RouteEntry } from './inventory.ts'
import type { PolicySpec } from './schema.ts'
import type { Target } from './target.ts'

/** A listener of a Gateway that a route is attached to. */
export type Listener = {
  readonly gateway: GatewayEntry
  readonly name: string
  /** Undefined: any. */
  readonly hostname: string | undefined
}

/** The listeners that a route names as its parents, of the Gateways that are known. */
export function listenersOf({ gateways }: Inventory, route: RouteEntry): Listener[] {
  return route.value.spec.parentRefs.flatMap(({ kind, namespace = route.namespace, name, sectionName }) => {
    const gateway = gateways.find((each) => each.namespace === namespace && each.name === name)
    if (kind !== 'Gateway' || gateway === undefined) return []
    return gateway.value.spec.listeners
      .filter((listener) => (sectionName ?? listener.name) === listener.name)
      .map((listener) => ({ gateway, name: listener.name, hostname: listener.hostname }))
  })
}

/** With the routes that are attached to it. */
export type ServedListener = Listener & { readonly routes: readonly RouteEntry[] }

/** Every listener that has routes. */
export function servedListeners(inventory: Inventory): ServedListener[] {
  const attached = inventory.routes.flatMap((route) =>
    listenersOf(inventory, route).map((listener) => ({ ...listener, route })),
  )
  const groups = Map.groupBy(attached, ({ gateway, name }) => `${gateway.key}/${name}`)
  return [...groups.values()].map((group) => {
    const [{ gateway, name, hostname }] = group
    return { gateway, name, hostname, routes: [...new Set(group.map(({ route }) => route))] }
  })
}

/** The policy that holds for a place, the spec that it comes to, and the policy of the Gateway that it replaces or adds to. */
export type Effective = {
  readonly policy: PolicyEntry
  readonly spec: PolicySpec
  readonly parent: PolicyEntry | undefined
}

/** The policy of a kind that holds for a listener: its own, else that of its Gateway, as a whole. */
export function policyOfListener(inventory: Inventory, kind: PolicyKind, listener: Listener): PolicyEntry | undefined {
  return (
    attached(inventory, kind, { entry: listener.gateway, sectionName: listener.name }) ??
    attached(inventory, kind, { entry: listener.gateway, sectionName: undefined })
  )
}

/**
 * The policy of a kind that holds for a rule of a route: that of the rule, else of the route, else of the listener. It takes
 * the place of the others as a whole, unless it says how to be merged with that of the listener.
 */
export function policyOfRule(
  inventory: Inventory,
  kind: PolicyKind,
  route: RouteEntry,
  ruleName: string | undefined,
  listener: Listener,
): Effective | undefined {
  const parent = policyOfListener(inventory, kind, listener)
  const own =
    (ruleName === undefined ? undefined : attached(inventory, kind, { entry: route, sectionName: ruleName })) ??
    attached(inventory, kind, { entry: route, sectionName: undefined })
  if (own === undefined) return parent && { policy: parent, spec: parent.value.spec, parent: undefined }
  const { spec } = own.value
  const isMerged = spec.mergeType !== undefined && parent !== undefined
  return { policy: own, spec: isMerged ? (merge(parent.value.spec, spec) as PolicySpec) : spec, parent }
}

function attached(inventory: Inventory, kind: PolicyKind, { entry, sectionName }: Target): PolicyEntry | undefined {
  return inventory.policies[kind].find((policy) =>
    policy.targets.some((target) => target.entry === entry && target.sectionName === sectionName),
  )
}

/** Objects by their fields, all else as a whole: the fields that the rules read have no finer ways to be merged. */
function merge(base: unknown, change: unknown): unknown {
  if (!isObject(base) || !isObject(change)) return change
  const merged = Object.entries(change).map(([key, value]) => [key, key in base ? merge(base[key], value) : value])
  return { ...base, ...Object.fromEntries(merged) }
}
