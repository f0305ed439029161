import type { Dashboard } from './dashboard.ts'
import { jobVariable, quantile, quantiles, rate } from './queries.ts'

const refused = 'result!~"routed|named|passed"'

/** For whoever is on call: is it well, and if not, where does it hurt? */
export const overview: Dashboard = {
  uid: 'signalbox-overview',
  title: 'Signalbox / Overview',
  description: 'Is it well, and if not, where does it hurt? docs/runbook.md has what to do about each alert.',
  variables: [jobVariable],
  rows: [
    {
      title: 'Now',
      panels: [
        {
          title: 'Requests',
          description: 'Requests decided a second, by all replicas.',
          kind: 'stat',
          unit: 'reqps',
          width: 4,
          queries: [{ expr: `sum(${rate('signalbox_requests_total')})`, legend: 'requests' }],
        },
        {
          title: 'Refused',
          description: 'Share of all requests that Signalbox answers itself, with an error.',
          kind: 'stat',
          unit: 'percentunit',
          yellow: 0.01,
          red: 0.05,
          width: 4,
          queries: [
            {
              expr: `(sum(${rate('signalbox_requests_total', refused)}) or vector(0)) / sum(${rate('signalbox_requests_total')})`,
              legend: 'refused',
            },
          ],
        },
        {
          title: 'Errors of model servers',
          description:
            'Share of the answers of model servers that are 5xx. Only where Envoy shows Signalbox the answers.',
          kind: 'stat',
          unit: 'percentunit',
          yellow: 0.01,
          red: 0.05,
          width: 4,
          queries: [
            {
              expr: `(sum(${rate('signalbox_upstream_responses_total', 'class="5xx"')}) or vector(0)) / sum(${rate('signalbox_upstream_responses_total')})`,
              legend: '5xx',
            },
          ],
        },
        {
          title: 'First token, p90',
          description: 'A tenth of the streams waited longer than this for their first token.',
          kind: 'stat',
          unit: 's',
          yellow: 2.5,
          red: 5,
          width: 4,
          queries: [{ expr: quantile(0.9, [], 'gen_ai_server_time_to_first_token_seconds'), legend: 'p90' }],
        },
        {
          title: 'Endpoints of the smallest pool',
          description: 'Model servers that are ready in the pool that has the fewest; 0 is a pool without any.',
          kind: 'stat',
          unit: 'none',
          red: 1,
          isBadWhenLow: true,
          width: 4,
          queries: [{ expr: 'min(inference_pool_ready_pods{job=~"$job"})', legend: 'endpoints' }],
        },
        {
          title: 'Fullest pool',
          description: 'Saturation of the fullest pool; from 100 % on requests are shed or wait.',
          kind: 'stat',
          unit: 'percentunit',
          yellow: 0.8,
          red: 1,
          width: 4,
          queries: [
            { expr: 'max(inference_extension_flow_control_pool_saturation{job=~"$job"})', legend: 'saturation' },
          ],
        },
      ],
    },
    {
      title: 'Requests and answers',
      panels: [
        {
          title: 'Requests by result',
          description:
            'routed: to an endpoint. named: a model, but no pool of ours. passed: no model asked for. All else is a refusal, by its code.',
          kind: 'plot',
          unit: 'reqps',
          isStacked: true,
          width: 12,
          queries: [{ expr: `sum by (result) (${rate('signalbox_requests_total')})`, legend: '{{result}}' }],
        },
        {
          title: 'Refusals by code',
          description: 'What clients are told instead of an answer; the runbook has what each code means.',
          kind: 'plot',
          unit: 'reqps',
          width: 12,
          queries: [{ expr: `sum by (result) (${rate('signalbox_requests_total', refused)})`, legend: '{{result}}' }],
        },
        {
          title: 'Time to the first token',
          description: 'Of streams, from the headers of the request to the first generated content, for all models.',
          kind: 'plot',
          unit: 's',
          red: 5,
          width: 12,
          queries: quantiles([0.5, 0.9, 0.99], [], 'gen_ai_server_time_to_first_token_seconds'),
        },
        {
          title: 'Answers of model servers by status',
          description: 'Only where Envoy shows Signalbox the answers.',
          kind: 'plot',
          unit: 'reqps',
          isStacked: true,
          width: 12,
          queries: [{ expr: `sum by (class) (${rate('signalbox_upstream_responses_total')})`, legend: '{{class}}' }],
        },
      ],
    },
    {
      title: 'Capacity and alerts',
      panels: [
        {
          title: 'Saturation by pool',
          description: 'How full each pool is; from 100 % on requests are shed or wait.',
          kind: 'plot',
          unit: 'percentunit',
          red: 1,
          width: 8,
          queries: [
            {
              expr: 'max by (inference_pool) (inference_extension_flow_control_pool_saturation{job=~"$job"})',
              legend: '{{inference_pool}}',
            },
          ],
        },
        {
          title: 'Ready endpoints by pool',
          description: 'As the replica sees it that sees the fewest.',
          kind: 'plot',
          unit: 'none',
          width: 8,
          queries: [{ expr: 'min by (name) (inference_pool_ready_pods{job=~"$job"})', legend: '{{name}}' }],
        },
        {
          title: 'Alerts',
          description: 'What fires, or is about to.',
          kind: 'table',
          unit: 'none',
          width: 8,
          queries: [
            { expr: 'max by (alertname, severity, alertstate) (ALERTS{alertname=~"Signalbox.+"})', legend: '' },
          ],
        },
      ],
    },
  ],
}
