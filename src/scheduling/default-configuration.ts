import { createConfiguration, type SchedulingConfiguration } from './configuration.ts'
import type { World } from './configuration-plugins.ts'

/**
 * How endpoints are picked without a configuration: where most of the prompt is cached, unless others have much less to do;
 * a second server is for the proxy to fall back to. A prompt that nobody has goes where the least recent one like it went,
 * so that each server keeps prompts of its own. What a scrape says is some 50 ms old; the requests in flight are of this
 * moment, and spread the picks between two scrapes: they weigh more than the queue, or one short queue would draw all. The
 * weights were found by simulation (test/scheduling/prefix/fleet.ts).
 *
 * Several replicas know only what they have sent themselves: examples/scheduling/replicas.yaml makes them choose alike.
 */
export const defaultConfiguration = {
  apiVersion: 'llm-d.ai/v1alpha1',
  kind: 'EndpointPickerConfig',
  plugins: [
    { type: 'reachable-filter' },
    { type: 'queue-scorer' },
    { type: 'kv-cache-utilization-scorer' },
    { type: 'prefix-cache-scorer' },
    { type: 'no-hit-lru-scorer' },
    { type: 'active-request-scorer' },
    { type: 'lora-affinity-scorer' },
    { type: 'max-score-picker', parameters: { maxNumOfEndpoints: 2 } },
  ],
  schedulingProfiles: [
    {
      name: 'default',
      plugins: [
        { pluginRef: 'reachable-filter' },
        { pluginRef: 'queue-scorer', weight: 2 },
        { pluginRef: 'kv-cache-utilization-scorer', weight: 1 },
        { pluginRef: 'prefix-cache-scorer', weight: 5 },
        { pluginRef: 'no-hit-lru-scorer', weight: 1 },
        { pluginRef: 'active-request-scorer', weight: 3 },
        { pluginRef: 'lora-affinity-scorer', weight: 2 },
        { pluginRef: 'max-score-picker' },
      ],
    },
  ],
}

/**
 * The default, or the same without a second endpoint. In the place of a pool's own picker Signalbox names one, as the reference
 * does: some gateways take the header for one address (ORIGINAL_DST), and a comma in it for none.
 */
export function createDefaultConfiguration(world: World, namesFallback = true): SchedulingConfiguration {
  const origin = { place: () => 'the default configuration' }
  const plugins = defaultConfiguration.plugins.map(({ type, parameters }) =>
    parameters === undefined || namesFallback ? { type, parameters } : { type },
  )
  return createConfiguration({ value: { ...defaultConfiguration, plugins }, origin }, world)
}
