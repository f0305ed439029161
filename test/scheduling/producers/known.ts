import type { Endpoint } from '../../../src/pool/endpoint.ts'
import type { PrefixMatches } from '../../../src/scheduling/plugin.ts'
import { agentIdentity } from '../../../src/scheduling/producers/agent-identity.ts'
import { inflightLoadProducer } from '../../../src/scheduling/producers/inflight-load.ts'
import { topologyExtractor } from '../../../src/scheduling/producers/topology.ts'
import { pluginContext } from '../context.ts'

/** Matches that a test says by the endpoint's name, of a prompt of 100 bytes. */
export function prefixMatches(matched: Readonly<Record<string, number>> = {}, totalBytes = 100): PrefixMatches {
  return {
    type: 'approx-prefix-cache-producer',
    matchedBytes: ({ name }: Endpoint) => matched[name] ?? 0,
    totalBytes: () => totalBytes,
  }
}

/** A context in which every producer is found that other plugins read. */
export function contextOfAll(nowMs: () => number = () => 0, matches = prefixMatches()) {
  const alone = pluginContext()
  return pluginContext({
    nowMs,
    plugins: {
      matches,
      agents: agentIdentity.create(undefined, alone),
      load: inflightLoadProducer.create(undefined, alone),
      topology: topologyExtractor.create(undefined, alone),
    },
  })
}
