import { Counter, collectDefaultMetrics } from 'prom-client'
import type { LivePools } from '../pool/live-pools.ts'
import { scalarFamily } from '../telemetry/family.ts'
import { MetricsPage } from '../telemetry/metrics-page.ts'
import type { Discoveries } from './extension-server.ts'

/** The page of metrics, and the counter of calls by hook and outcome. */
export function createMetrics(pools: LivePools, discoveries: Discoveries) {
  const page = new MetricsPage(
    [
      scalarFamily(
        'gauge',
        { name: 'signalbox_extension_endpoints', help: 'Endpoints of a pool.', labelNames: ['inference_pool'] },
        function* () {
          for (const [key, endpoints] of pools.members) yield [`inference_pool="${key}"`, endpoints.length]
        },
      ),
      scalarFamily(
        'gauge',
        {
          name: 'signalbox_extension_discovery_streams',
          help: 'Streams of Envoys that are told endpoints of pools, or the configuration of the filter.',
          labelNames: ['resource'],
        },
        function* () {
          for (const [name, { streams }] of Object.entries(discoveries)) yield [`resource="${name}"`, streams]
        },
      ),
    ],
    performance.now.bind(performance),
  )
  collectDefaultMetrics({ register: page.registry })
  const hooks = new Counter({
    name: 'signalbox_extension_hooks_total',
    help: 'Calls of Envoy Gateway.',
    labelNames: ['hook', 'outcome'],
    registers: [page.registry],
  })
  return { page, hooks }
}
