import type { Dashboard, Panel } from './dashboard.ts'
import { jobVariable, quantiles, rate } from './queries.ts'

type Rest = Pick<Panel, 'unit'> & Partial<Panel>

const plotOf = (title: string, description: string, expr: string, legend: string, rest: Rest): Panel => ({
  title,
  description,
  kind: 'plot',
  queries: [{ expr, legend }],
  width: 8,
  ...rest,
})

/** A gauge that each replica knows of a pool, the worst of them. */
const ofPool = (title: string, description: string, metric: string, rest: Rest): Panel =>
  plotOf(title, description, `max by (name) (${metric}{job=~"$job", name=~"$pool"})`, '{{name}}', rest)

/** The same of an endpoint. */
const ofEndpoint = (title: string, description: string, metric: string, rest: Rest): Panel => {
  const expr = `max by (inference_pool, endpoint) (${metric}{job=~"$job", inference_pool=~"$pool"})`
  return plotOf(title, description, expr, '{{endpoint}}', { width: 12, ...rest })
}

/** Is a pool full, and do its endpoints get their parts? */
export const pools: Dashboard = {
  uid: 'signalbox-pools',
  title: 'Signalbox / Pools and endpoints',
  description: 'Is a pool full, and does each of its endpoints get its part?',
  variables: [
    jobVariable,
    { name: 'pool', label: 'Pool', query: 'label_values(inference_pool_ready_pods{job=~"$job"}, name)' },
  ],
  rows: [
    {
      title: 'Pools',
      panels: [
        {
          title: 'Saturation',
          description: 'As the saturation detector measures it; from 100 % on requests are shed or wait.',
          kind: 'plot',
          unit: 'percentunit',
          red: 1,
          width: 8,
          queries: [
            {
              expr: 'max by (inference_pool) (inference_extension_flow_control_pool_saturation{job=~"$job", inference_pool=~"$pool"})',
              legend: '{{inference_pool}}',
            },
          ],
        },
        ofPool(
          'KV cache',
          'Mean use of the endpoints; above 90 % they preempt requests.',
          'inference_pool_average_kv_cache_utilization',
          {
            unit: 'percentunit',
            red: 0.9,
            max: 1,
          },
        ),
        ofPool(
          'Requests waiting at an endpoint',
          'Mean of the queues of the model servers.',
          'inference_pool_average_queue_size',
          {
            unit: 'short',
          },
        ),
        {
          title: 'Ready endpoints',
          description: 'As the replica sees it that sees the fewest.',
          kind: 'plot',
          unit: 'none',
          width: 8,
          queries: [
            { expr: 'min by (name) (inference_pool_ready_pods{job=~"$job", name=~"$pool"})', legend: '{{name}}' },
          ],
        },
        ofPool(
          'Requests running on an endpoint',
          'Mean of the model servers.',
          'inference_pool_average_running_requests',
          {
            unit: 'short',
          },
        ),
        {
          title: 'Prompt found in caches',
          description:
            'Mean share of the prompt that the chosen endpoint is thought to have in its cache. Of all pools.',
          kind: 'plot',
          unit: 'percentunit',
          max: 1,
          width: 8,
          queries: [
            {
              expr: `sum(${rate('inference_extension_prefix_indexer_hit_ratio_sum')}) / sum(${rate('inference_extension_prefix_indexer_hit_ratio_count')})`,
              legend: 'found',
            },
          ],
        },
      ],
    },
    {
      title: 'Endpoints',
      panels: [
        {
          title: 'Picks',
          description:
            'Requests that each endpoint was picked for, of all pools. Far from even is right where prompts are cached.',
          kind: 'plot',
          unit: 'reqps',
          width: 12,
          queries: [
            {
              expr: `sum by (endpoint) (${rate('signalbox_endpoint_requests_total')})`,
              legend: '{{endpoint}}',
            },
          ],
        },
        {
          title: 'Requests waiting',
          description:
            'The queue of each model server. One that is much longer than the others belongs to a slow server.',
          kind: 'plot',
          unit: 'short',
          width: 12,
          queries: [
            {
              expr: 'max by (name, model_server_pod) (inference_pool_per_pod_queue_size{job=~"$job", name=~"$pool"})',
              legend: '{{model_server_pod}}',
            },
          ],
        },
        ofEndpoint(
          'KV cache of each',
          'Use of the cache of each model server.',
          'signalbox_endpoint_kv_cache_usage_ratio',
          {
            unit: 'percentunit',
            red: 0.9,
            max: 1,
          },
        ),
        ofEndpoint('Requests running', 'On each model server.', 'signalbox_endpoint_running_requests', {
          unit: 'short',
        }),
        {
          title: 'Refusing connections',
          description: 'Endpoints whose address refuses connections though their pods are ready: they get no requests.',
          kind: 'table',
          unit: 'none',
          width: 12,
          queries: [
            {
              expr: 'min by (inference_pool, endpoint) (signalbox_endpoint_reachable{job=~"$job", inference_pool=~"$pool"}) == 0',
              legend: '',
            },
          ],
        },
        {
          title: 'Without fresh metrics',
          description: 'Seconds since the last scrape that was answered, where that is more than 30.',
          kind: 'table',
          unit: 's',
          width: 12,
          queries: [
            {
              expr: 'max by (inference_pool, endpoint) (signalbox_endpoint_metrics_age_seconds{job=~"$job", inference_pool=~"$pool"}) > 30',
              legend: '',
            },
          ],
        },
      ],
    },
    {
      title: 'Flow control',
      panels: [
        {
          title: 'Requests in the queue',
          description: 'Requests that wait in Signalbox for room in a pool. None without the feature gate flowControl.',
          kind: 'plot',
          unit: 'short',
          isStacked: true,
          width: 8,
          queries: [
            {
              expr: 'sum by (inference_pool, priority) (signalbox_queue_requests{job=~"$job", inference_pool=~"$pool"})',
              legend: '{{inference_pool}}, priority {{priority}}',
            },
          ],
        },
        {
          title: 'Wait in the queue',
          description: 'Of those that got their turn.',
          kind: 'plot',
          unit: 's',
          red: 5,
          width: 8,
          queries: quantiles(
            [0.5, 0.9],
            ['inference_pool'],
            'inference_extension_flow_control_request_queue_duration_seconds',
            'outcome="Dispatched"',
            'inference_pool=~"$pool"',
          ),
        },
        {
          title: 'How waits end',
          description: 'Dispatched: to a model server. All else: the client got an error, or gave up.',
          kind: 'plot',
          unit: 'reqps',
          isStacked: true,
          width: 8,
          queries: [
            {
              expr: `sum by (outcome) (${rate('inference_extension_flow_control_request_queue_duration_seconds_count', 'inference_pool=~"$pool"')})`,
              legend: '{{outcome}}',
            },
          ],
        },
      ],
    },
  ],
}
