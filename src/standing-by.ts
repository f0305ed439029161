import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Logger } from 'pino'
import { systemClock } from './clock.ts'
import type { KubeClient } from './kubernetes/client.ts'
import { LeaderElector } from './kubernetes/lease.ts'

/**
 * Stands for election among the replicas that serve the same pool, by the Lease that the reference endpoint picker uses.
 * @param tell hears whether this replica is the one that serves
 */
export function standForElection(
  client: KubeClient,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  log: Logger,
  tell: (isLeader: boolean) => void,
): LeaderElector {
  const lease = `epp-${namespace}-${name}.gateway-api-inference-extension.sigs.k8s.io`
  const identity = `${hostname()}_${randomUUID()}`
  const elector = new LeaderElector(
    client,
    { namespace, name: lease, identity, clock: systemClock, random: Math.random },
    {
      onChange(isLeader) {
        log.info({ lease, identity }, isLeader ? 'has the lease: ready' : 'is without the lease: not ready')
        tell(isLeader)
      },
      onFailing: (error) => log.warn({ lease, cause: error.message }, 'the lease can not be read or written'),
    },
  )
  elector.start()
  return elector
}
