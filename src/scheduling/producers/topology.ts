import { z } from 'zod'
import type { Endpoint } from '../../pool/endpoint.ts'
import type { Producer } from '../plugin.ts'
import { kindOf } from '../plugin-kind.ts'

/** How near to each other servers can be, the nearest first. */
export const topologyLevels = ['host', 'rack', 'zone', 'region'] as const
export type TopologyLevel = (typeof topologyLevels)[number]

export type Topology = Producer & {
  /** The nearest level that both are known to share, as its place in {@link topologyLevels}; -1 when there is none. */
  sharedLevel(a: Endpoint, b: Endpoint): number
}

const label = z.string().min(1)

const parameters = z.strictObject({
  /** The label of a server that says where it is, for each level. */
  hostname: label.default('kubernetes.io/hostname'),
  rack: label.default('topology.kubernetes.io/rack'),
  zone: label.default('topology.kubernetes.io/zone'),
  region: label.default('topology.kubernetes.io/region'),
})

/** Knows by their labels where servers are. One without a label is not taken to share that level with any other. */
export const topologyExtractor = kindOf<Topology>()(
  'topology-extractor',
  parameters,
  ({ hostname, rack, zone, region }) => {
    const labels = [hostname, rack, zone, region]
    return {
      sharedLevel(a, b) {
        for (let level = 0; level < labels.length; level += 1) {
          const place = a.labels[labels[level]]
          if (place !== undefined && place !== '' && place === b.labels[labels[level]]) return level
        }
        return -1
      },
    }
  },
)
