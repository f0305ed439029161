import { z } from 'zod'
import type { Endpoint } from '../../pool/endpoint.ts'
import { filterKind } from '../plugin-kind.ts'
import { type Topology, topologyLevels } from '../producers/topology.ts'

const parameters = z.strictObject({
  /** So near a server must be, or nearer. */
  minAffinity: z.enum(topologyLevels).default('host'),
  topologyProducerName: z.string().min(1).optional(),
})

/**
 * Keeps the servers that are near to the endpoint that was chosen before for the same request; all when there is no such
 * endpoint, or none is near: a preference must not make a request unroutable.
 */
export const topologyAffinityFilter = filterKind(
  'topology-affinity-filter',
  parameters,
  ({ minAffinity, topologyProducerName }, context) => {
    const topology = context.producer<Topology>('topology-extractor', topologyProducerName)
    const farthest = topologyLevels.indexOf(minAffinity)
    return {
      filter({ peer }, candidates) {
        if (peer === undefined) return candidates
        const near: Endpoint[] = []
        for (const candidate of candidates) {
          const level = topology.sharedLevel(candidate, peer)
          if (level >= 0 && level <= farthest) near.push(candidate)
        }
        return near.length > 0 ? near : candidates
      },
    }
  },
)
