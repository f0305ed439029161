import { type KubeObject, keyOf } from '../../kubernetes/object.ts'
import type { ServiceCondition } from '../compiled.ts'
import { gatewayKey, type ParentRef } from '../parent-ref.ts'
import { byAge, byNamespaceAndName } from '../precedence.ts'

/** A path that a service gets at a Gateway. */
export type Claim = { readonly service: KubeObject; readonly gateway: ParentRef; readonly path: string }

/** RoutingConflict of those that have one: the path is that of an older service, or it is `/` at a Gateway of others too. */
export function findRoutingConflicts(claims: readonly Claim[]): ReadonlyMap<Claim, ServiceCondition> {
  const conflicts = new Map<Claim, ServiceCondition>()
  const byGateway = Map.groupBy(claims, ({ gateway, service }) => gatewayKey(gateway, service.metadata.namespace!))
  for (const atGateway of byGateway.values()) {
    for (const samePath of Map.groupBy(atGateway, ({ path }) => path).values()) {
      if (samePath.length > 1) markPathInUse(samePath, conflicts)
    }
    markRootPath(atGateway, conflicts)
  }
  return conflicts
}

function markPathInUse(claims: readonly Claim[], conflicts: Map<Claim, ServiceCondition>): void {
  const ordered = claims.toSorted((a, b) => byAge(a.service, b.service))
  const findFirst = indexByListener(ordered)
  for (const claim of ordered) {
    const oldest = findFirst(claim)
    if (oldest === undefined || byAge(oldest.service, claim.service) > 0) continue
    const message = `path ${claim.path} at this gateway is also that of ${keyOf(oldest.service)}, which takes precedence`
    conflicts.set(claim, conflict('PathInUse', message))
  }
}

function markRootPath(claims: readonly Claim[], conflicts: Map<Claim, ServiceCondition>): void {
  const atRoot = claims.filter((claim) => claim.path === '/' && !conflicts.has(claim))
  if (atRoot.length === 0) return
  const findFirst = indexByListener(claims.toSorted((a, b) => byNamespaceAndName(a.service, b.service)))
  for (const claim of atRoot) {
    const first = findFirst(claim)
    if (first === undefined) continue
    const message = `path / takes all requests at this gateway that no other route takes; ${keyOf(first.service)} is there too`
    conflicts.set(claim, conflict('RootPath', message))
  }
}

function conflict(reason: string, message: string): ServiceCondition {
  return { type: 'RoutingConflict', status: 'True', reason, message }
}

type Ranked = { readonly claim: Claim; readonly rank: number }

/**
 * Finds the first claim other than the given one that shares its Gateway, as `sharesGateway` tells, in the order of `claims`,
 * which are all at one Gateway. Does not look through them: each stands under all listeners that share with its own.
 */
function indexByListener(claims: readonly Claim[]): (claim: Claim) => Claim | undefined {
  // Two of each are enough: one of them is another than that which asks.
  const firstTwo = new Map<string, Ranked[]>()
  for (const [rank, claim] of claims.entries()) {
    const { sectionName, port } = claim.gateway
    for (const key of listenerKeys([sectionName ?? none, any], [port ?? none, any])) {
      const known = firstTwo.get(key)
      if (known === undefined) firstTwo.set(key, [{ claim, rank }])
      else if (known.length < 2) known.push({ claim, rank })
    }
  }
  return (claim) => {
    const { sectionName, port } = claim.gateway
    const keys = listenerKeys(
      sectionName === undefined ? [any] : [sectionName, none],
      port === undefined ? [any] : [port, none],
    )
    let first: Ranked | undefined
    for (const ranked of keys.flatMap((key) => firstTwo.get(key) ?? [])) {
      if (ranked.claim !== claim && (first === undefined || ranked.rank < first.rank)) first = ranked
    }
    return first?.claim
  }
}

/** A parent that names no listener, and whatever it names; no name of a listener is one of them. */
const none = ' none'
const any = ' any'

function listenerKeys(sections: readonly string[], ports: readonly (string | number)[]): readonly string[] {
  return sections.flatMap((section) => ports.map((port) => `${port} ${section}`))
}
