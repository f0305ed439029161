import type { Pool } from '../catalog/catalog.ts'
import type { EndpointSpec } from './endpoint.ts'

/** The pools of one namespace, by one label and value of their selector. */
type PoolIndex = {
  /** Pools whose selector is empty: they take every server of the namespace. */
  readonly unselective: Pool[]
  readonly byLabel: Map<string, Map<string, Pool[]>>
}

/**
 * The servers that each pool selects, by pool key and in the order of `specs`: those of the pool's namespace that have
 * all labels of its selector. Takes time by servers and matches, not by servers times pools.
 */
export function selectMembers(pools: readonly Pool[], specs: readonly EndpointSpec[]): Map<string, EndpointSpec[]> {
  const members = new Map<string, EndpointSpec[]>()
  for (const pool of pools) members.set(pool.key, [])
  const namespaces = indexPools(pools)
  for (const spec of specs) {
    const index = namespaces.get(spec.namespace)
    if (index === undefined) continue
    for (const pool of index.unselective) members.get(pool.key)!.push(spec)
    for (const [label, byValue] of index.byLabel) {
      for (const pool of byValue.get(spec.labels[label]) ?? []) {
        if (matches(pool, spec)) members.get(pool.key)!.push(spec)
      }
    }
  }
  return members
}

function matches(pool: Pool, spec: EndpointSpec): boolean {
  return pool.selector.every(([label, value]) => spec.labels[label] === value)
}

/** Puts each pool under the rarest of its labels: `app: vllm` may be in all selectors, `model: qwen` in one. */
function indexPools(pools: readonly Pool[]): Map<string, PoolIndex> {
  const poolsWith = new Map<string, number>()
  const rarityKey = (pool: Pool, label: string, value: string) => `${pool.namespace}/${label}=${value}`
  for (const pool of pools) {
    for (const [label, value] of pool.selector) {
      const key = rarityKey(pool, label, value)
      poolsWith.set(key, (poolsWith.get(key) ?? 0) + 1)
    }
  }
  const namespaces = new Map<string, PoolIndex>()
  for (const pool of pools) {
    const index = entry(namespaces, pool.namespace, () => ({ unselective: [], byLabel: new Map() }))
    const rarest = pool.selector
      .map(([label, value]) => ({ label, value, pools: poolsWith.get(rarityKey(pool, label, value))! }))
      .reduce((a, b) => (b.pools < a.pools ? b : a), { label: '', value: '', pools: Number.POSITIVE_INFINITY })
    if (pool.selector.length === 0) index.unselective.push(pool)
    else
      entry(
        entry(index.byLabel, rarest.label, () => new Map()),
        rarest.value,
        () => [],
      ).push(pool)
  }
  return namespaces
}

function entry<Key, Value>(map: Map<Key, Value>, key: Key, create: () => Value): Value {
  let value = map.get(key)
  if (value === undefined) {
    value = create()
    map.set(key, value)
  }
  return value
}
