import { createConfiguration, type SchedulingConfiguration } from './configuration.ts'
import type { World } from './configuration-plugins.ts'

/**
 * How endpoints are picked without a configuration: the least loaded server, with a second one for the proxy to fall
 * back to. What a scrape says is some 50 ms old; the requests in flight are of this moment, and spread the picks between
 * two scrapes over the servers that looked alike in the first.
 */
export const defaultConfiguration = {
  apiVersion: 'llm-d.ai/v1alpha1',
  kind: 'EndpointPickerConfig',
  plugins: [
    { type: 'reachable-filter' },
    { type: 'queue-scorer' },
    { type: 'kv-cache-utilization-scorer' },
    { type: 'lora-affinity-scorer' },
    { type: 'active-request-scorer' },
    { type: 'max-score-picker', parameters: { maxNumOfEndpoints: 2 } },
  ],
  schedulingProfiles: [
    {
      name: 'default',
      plugins: [
        { pluginRef: 'reachable-filter' },
        { pluginRef: 'queue-scorer', weight: 2 },
        { pluginRef: 'kv-cache-utilization-scorer', weight: 2 },
        { pluginRef: 'lora-affinity-scorer', weight: 1 },
        { pluginRef: 'active-request-scorer', weight: 4 },
        { pluginRef: 'max-score-picker' },
      ],
    },
  ],
} as const

export function createDefaultConfiguration(world: World): SchedulingConfiguration {
  const origin = { place: () => 'the default configuration' }
  return createConfiguration({ value: defaultConfiguration, origin }, world)
}
