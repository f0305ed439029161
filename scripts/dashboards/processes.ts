import type { Dashboard } from './dashboard.ts'
import { jobVariable, quantiles, rate } from './queries.ts'

/** Signalbox itself: what it costs, and whether it keeps up. */
export const processes: Dashboard = {
  uid: 'signalbox-processes',
  title: 'Signalbox / Signalbox itself',
  description: 'What Signalbox costs, and whether it keeps up: serve, the controller, the extension server.',
  variables: [jobVariable],
  rows: [
    {
      title: 'serve: what it adds to a request',
      panels: [
        {
          title: 'Time to the decision',
          description: 'From the headers of a request to the decision: the body, the queue and the scheduler.',
          kind: 'plot',
          unit: 's',
          width: 8,
          queries: quantiles([0.5, 0.9, 0.99], [], 'signalbox_phase_duration_seconds', 'phase="decision"'),
        },
        {
          title: 'Where that time goes, p90',
          description:
            'body: until enough of it had come. queue: of requests that had to wait. first_byte: what the model server takes.',
          kind: 'plot',
          unit: 's',
          width: 8,
          queries: quantiles([0.9], ['phase'], 'signalbox_phase_duration_seconds'),
        },
        {
          title: 'Time in the scheduler',
          description: 'Of one decision, with all its plugins.',
          kind: 'plot',
          unit: 's',
          width: 8,
          queries: quantiles([0.5, 0.99], [], 'inference_extension_scheduler_e2e_duration_seconds'),
        },
        {
          title: 'Plugins, p99',
          description: 'Time of each plugin in one decision; one request in sixteen is measured.',
          kind: 'plot',
          unit: 's',
          width: 8,
          queries: quantiles([0.99], ['plugin_type'], 'inference_extension_plugin_duration_seconds'),
        },
        {
          title: 'Decided before the end of the body',
          description: 'Share of the requests. The rest had no body, or their body had come by then.',
          kind: 'plot',
          unit: 'percentunit',
          max: 1,
          width: 8,
          queries: [
            {
              expr: `sum(${rate('signalbox_early_decisions_total')}) / sum(${rate('signalbox_requests_total')})`,
              legend: 'early',
            },
          ],
        },
        {
          title: 'Failed streams',
          description:
            'internal: a defect of Signalbox. malformed, too_large: what came is no ext_proc. deadline: a stream that stood still.',
          kind: 'plot',
          unit: 'reqps',
          width: 8,
          queries: [
            { expr: `sum by (reason) (${rate('signalbox_exchange_errors_total')})`, legend: '{{reason}}' },
            { expr: `sum(${rate('signalbox_unroutable_bodies_total')})`, legend: 'body too late to route by' },
          ],
        },
      ],
    },
    {
      title: 'serve: what it costs',
      panels: [
        {
          title: 'CPU',
          description: 'Cores. A replica with one worker can use little more than one.',
          kind: 'plot',
          unit: 'short',
          width: 8,
          queries: [{ expr: `sum by (instance) (${rate('process_cpu_seconds_total')})`, legend: '{{instance}}' }],
        },
        {
          title: 'Memory',
          description: 'Resident. Bodies that are held lie outside of the heap.',
          kind: 'plot',
          unit: 'bytes',
          width: 8,
          queries: [
            { expr: 'sum by (instance) (process_resident_memory_bytes{job=~"$job"})', legend: '{{instance}}' },
            { expr: 'sum by (instance) (nodejs_heap_size_used_bytes{job=~"$job"})', legend: '{{instance}} heap' },
          ],
        },
        {
          title: 'Event loop lag, p99',
          description: 'How late its turns begin. Above 100 ms a replica has more to do than it can.',
          kind: 'plot',
          unit: 's',
          red: 0.1,
          width: 8,
          queries: [
            { expr: 'max by (instance) (nodejs_eventloop_lag_p99_seconds{job=~"$job"})', legend: '{{instance}}' },
          ],
        },
        {
          title: 'Bodies that are held',
          description:
            'Bytes that wait for a decision, as a share of --max-total-held-bytes. Large bodies are refused first.',
          kind: 'plot',
          unit: 'percentunit',
          red: 0.7,
          max: 1,
          width: 8,
          queries: [
            {
              expr: 'max by (instance) (signalbox_held_bytes{job=~"$job"} / signalbox_held_bytes_limit{job=~"$job"})',
              legend: '{{instance}}',
            },
          ],
        },
        {
          title: 'Open streams',
          description: 'Requests that Envoy shows now.',
          kind: 'plot',
          unit: 'short',
          width: 8,
          queries: [{ expr: 'sum by (instance) (signalbox_open_exchanges{job=~"$job"})', legend: '{{instance}}' }],
        },
        {
          title: 'Requests by replica',
          description: 'A replica that gets much more than the others has more of the connections of Envoys.',
          kind: 'plot',
          unit: 'reqps',
          width: 8,
          queries: [{ expr: `sum by (instance) (${rate('signalbox_requests_total')})`, legend: '{{instance}}' }],
        },
      ],
    },
    {
      title: 'Resources, controller, extension server',
      panels: [
        {
          title: 'Problems of resources',
          description: 'As each component counts them; its log and signalbox check name them.',
          kind: 'plot',
          unit: 'none',
          width: 8,
          queries: [{ expr: 'max by (job) (signalbox_resource_problems)', legend: '{{job}}' }],
        },
        {
          title: 'Leaders',
          description: 'Controllers that hold the lease: 1 is right.',
          kind: 'plot',
          unit: 'none',
          width: 8,
          queries: [{ expr: 'sum by (job) (signalbox_controller_leader)', legend: '{{job}}' }],
        },
        {
          title: 'Writes of the controller',
          description: 'By what became of them. Events stand beside them.',
          kind: 'plot',
          unit: 'reqps',
          width: 8,
          queries: [
            {
              expr: 'sum by (resource, result) (rate(signalbox_controller_writes_total[$__rate_interval]))',
              legend: '{{resource}}: {{result}}',
            },
            {
              expr: 'sum by (result) (rate(signalbox_controller_events_total[$__rate_interval]))',
              legend: 'events: {{result}}',
            },
            { expr: 'sum by (job) (signalbox_controller_pending_writes)', legend: 'pending writes of {{job}}' },
          ],
        },
        {
          title: 'Watches of the controller',
          description: 'Kinds that are not watched. missing: its CRD is not installed, which is no trouble.',
          kind: 'table',
          unit: 'none',
          width: 8,
          queries: [
            {
              expr: 'max by (job, resource, state) (signalbox_watch_state{state!="synced"}) == 1',
              legend: '',
            },
          ],
        },
        {
          title: 'Routes of services',
          description: 'InferenceServices and AIMServices by the state of their routes.',
          kind: 'plot',
          unit: 'none',
          width: 8,
          queries: [
            {
              expr: 'max by (resource, state) (signalbox_controller_services)',
              legend: '{{resource}}: {{state}}',
            },
          ],
        },
        {
          title: 'Extension server',
          description: 'Calls of Envoy Gateway a second, and Envoys that are told the endpoints of pools.',
          kind: 'plot',
          unit: 'short',
          width: 8,
          queries: [
            {
              expr: 'sum by (hook, outcome) (rate(signalbox_extension_hooks_total[$__rate_interval]))',
              legend: '{{hook}}: {{outcome}}',
            },
            { expr: 'sum by (resource) (signalbox_extension_discovery_streams)', legend: 'streams: {{resource}}' },
            {
              expr: 'max by (inference_pool) (signalbox_extension_endpoints)',
              legend: 'endpoints of {{inference_pool}}',
            },
          ],
        },
      ],
    },
  ],
}
