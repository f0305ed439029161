import { z } from 'zod'
import { scorerKind } from '../plugin-kind.ts'
import { type Topology, type TopologyLevel, topologyLevels } from '../producers/topology.ts'

/** By the bandwidth that a KV cache is moved with: inside of a host it is that of NVLink, outside that of a network. */
const levelScores: Readonly<Record<TopologyLevel, number>> = { host: 1, rack: 0.2, zone: 0.05, region: 0.02 }

const parameters = z.strictObject({
  topologyProducerName: z.string().min(1).optional(),
})

/** The nearer to the endpoint that was chosen before for the same request, the better; 0 for all when there is none. */
export const topologyAffinityScorer = scorerKind(
  'topology-affinity-scorer',
  parameters,
  ({ topologyProducerName }, context) => {
    const topology = context.producer<Topology>('topology-extractor', topologyProducerName)
    return {
      score({ peer }, candidates, scores) {
        for (let i = 0; i < candidates.length; i += 1) {
          const level = peer === undefined ? -1 : topology.sharedLevel(candidates[i], peer)
          scores[i] = level < 0 ? 0 : levelScores[topologyLevels[level]]
        }
      },
    }
  },
)
