import type { Logger } from 'pino'
import type { DiscoveryAddress } from './discovery-source.ts'
import { type ExtProc, extProcCluster, insertExtProc } from './ext-proc.ts'
import { type HttpConnectionManager, type Listener, messages, type Translation } from './messages.ts'
import { poolsOf } from './pool-cluster.ts'
import { equipVirtualHost } from './virtual-host.ts'

/**
 * Puts Signalbox in place wherever routes lead to pools: the filter into the listeners, on for the virtual hosts with such
 * routes, answers for what no route takes, and the cluster of the ext_proc service. What has nothing to do with pools stays as
 * it is, and what has been put in place before is replaced.
 */
export function equipTranslation(
  translation: Translation,
  extProc: ExtProc,
  discovery: DiscoveryAddress,
  log: Logger,
): void {
  const pools = new Map(translation.clusters.map((cluster) => [cluster.name, poolsOf(cluster)] as const))
  if (![...pools.values()].some((keys) => keys.length > 0)) return
  const equipped = new Set<string>()
  for (const { name, virtualHosts } of translation.routes) {
    for (const host of virtualHosts) {
      if (equipVirtualHost(host, pools, log)) equipped.add(name)
    }
  }
  for (const listener of translation.listeners) {
    forEachManager(listener, (manager) => {
      const isEquipped = equipped.has(routesOf(manager) ?? '')
      if (isEquipped) insertExtProc(manager, discovery)
      return isEquipped
    })
  }
  if (equipped.size === 0) {
    log.warn(
      'routes to pools have not come with the translation: set includeAll for listener and route in hooks.xdsTranslator.translation of the extensionManager',
    )
  }
  const cluster = extProcCluster(extProc)
  translation.clusters = [...translation.clusters.filter(({ name }) => name !== cluster.name), cluster]
}

/** The name of the route configuration that it takes its routes from. */
function routesOf({ routeSpecifier: { case: kind, value } }: HttpConnectionManager): string | undefined {
  return kind === 'rds' ? value.routeConfigName : undefined
}

/** @param change tells whether it has changed the manager, which is packed again only then. */
function forEachManager(listener: Listener, change: (manager: HttpConnectionManager) => boolean): void {
  for (const { filters } of [
    ...listener.filterChains,
    ...(listener.defaultFilterChain ? [listener.defaultFilterChain] : []),
  ]) {
    for (const { configType } of filters) {
      if (configType.value?.typeUrl !== messages.connectionManager.typeUrl) continue
      const manager = messages.connectionManager.decode(configType.value.value)
      if (change(manager)) configType.value = messages.connectionManager.pack(manager)
    }
  }
}
