import { createConfiguration, type SchedulingConfiguration } from './configuration.ts'
import type { World } from './configuration-plugins.ts'

/**
 * How endpoints are picked without a configuration: where most of the prompt is cached, unless others have much less to do;
 * a second server is for the proxy to fall back to. A prompt that nobody has goes where the least recent one like it went,
 * so that each server keeps prompts of its own. What a scrape says is some 50 ms old; the requests in flight are of this
 * moment, and spread the picks between two scrapes: they weigh more than the queue, or one short queue would draw all. The weights were found by simulation (test/scheduling/prefix/fleet.ts).
 *
 * Several replicas know only what they have sent themselves. For them `consistent-hash-scorer` makes all choose alike: see
 * {@link replicasConfiguration}.
 */
export const defaultConfiguration = configurationOf([
  { pluginRef: 'queue-scorer', weight: 2 },
  { pluginRef: 'kv-cache-utilization-scorer', weight: 1 },
  { pluginRef: 'prefix-cache-scorer', weight: 5 },
  { pluginRef: 'no-hit-lru-scorer', weight: 1 },
  { pluginRef: 'active-request-scorer', weight: 3 },
  { pluginRef: 'lora-affinity-scorer', weight: 2 },
])

/** The same for several replicas that serve at once and share no state. */
export const replicasConfiguration = configurationOf([
  { pluginRef: 'queue-scorer', weight: 2 },
  { pluginRef: 'prefix-cache-scorer', weight: 4 },
  { pluginRef: 'consistent-hash-scorer', weight: 3 },
  { pluginRef: 'active-request-scorer', weight: 1 },
  { pluginRef: 'lora-affinity-scorer', weight: 1 },
])

function configurationOf(scorers: readonly { readonly pluginRef: string; readonly weight: number }[]) {
  const picker = { type: 'max-score-picker', parameters: { maxNumOfEndpoints: 2 } }
  const types = ['reachable-filter', ...scorers.map(({ pluginRef }) => pluginRef)]
  return {
    apiVersion: 'llm-d.ai/v1alpha1',
    kind: 'EndpointPickerConfig',
    plugins: [...types.map((type) => ({ type })), picker],
    schedulingProfiles: [
      {
        name: 'default',
        plugins: [{ pluginRef: 'reachable-filter' }, ...scorers, { pluginRef: 'max-score-picker' }],
      },
    ],
  }
}

export function createDefaultConfiguration(world: World): SchedulingConfiguration {
  const origin = { place: () => 'the default configuration' }
  return createConfiguration({ value: defaultConfiguration, origin }, world)
}
