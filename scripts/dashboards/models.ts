import type { Dashboard } from './dashboard.ts'
import { jobVariable, quantiles, rate } from './queries.ts'

const ofModel = 'model_name=~"$model"'
const genAi = 'gen_ai_request_model=~"$model"'

/** What users of a model get, and how its canary does. */
export const models: Dashboard = {
  uid: 'signalbox-models',
  title: 'Signalbox / Models and rollouts',
  description: 'What the users of each model get, and how a rollout does against the stable targets.',
  variables: [
    jobVariable,
    {
      name: 'model',
      label: 'Model',
      query: 'label_values(inference_objective_request_total{job=~"$job"}, model_name)',
    },
  ],
  rows: [
    {
      title: 'Models',
      panels: [
        {
          title: 'Requests by target',
          description: 'The model that was asked for → the one that was served.',
          kind: 'plot',
          unit: 'reqps',
          isStacked: true,
          width: 8,
          queries: [
            {
              expr: `sum by (model_name, target_model_name) (${rate('inference_objective_request_total', ofModel)})`,
              legend: '{{model_name}} → {{target_model_name}}',
            },
          ],
        },
        {
          title: 'Errors by model',
          description: 'Refusals, by what is behind them, and errors of model servers (ModelServerError: 4xx and 5xx).',
          kind: 'plot',
          unit: 'reqps',
          width: 8,
          queries: [
            {
              expr: `sum by (model_name, target_model_name, error_code) (${rate('inference_objective_request_error_total', ofModel)})`,
              legend: '{{model_name}} → {{target_model_name}}: {{error_code}}',
            },
          ],
        },
        {
          title: 'Requests under way',
          description: 'Sent to a model server, and not ended.',
          kind: 'plot',
          unit: 'short',
          width: 8,
          queries: [
            {
              expr: 'sum by (model_name) (inference_objective_running_requests{job=~"$job", model_name=~"$model"})',
              legend: '{{model_name}}',
            },
          ],
        },
        {
          title: 'Time to the first token',
          description: 'Of streams.',
          kind: 'plot',
          unit: 's',
          red: 5,
          width: 8,
          queries: quantiles([0.5, 0.9], ['gen_ai_request_model'], 'gen_ai_server_time_to_first_token_seconds', genAi),
        },
        {
          title: 'Time for each further token',
          description: 'Of streams.',
          kind: 'plot',
          unit: 's',
          width: 8,
          queries: quantiles(
            [0.5, 0.9],
            ['gen_ai_request_model'],
            'gen_ai_server_time_per_output_token_seconds',
            genAi,
          ),
        },
        {
          title: 'Time to the end of the answer',
          description: 'Of all answers.',
          kind: 'plot',
          unit: 's',
          width: 8,
          queries: quantiles([0.5, 0.9], ['model_name'], 'inference_objective_request_duration_seconds', ofModel),
        },
        {
          title: 'Tokens a second',
          description: 'As the model servers count them in their answers.',
          kind: 'plot',
          unit: 'short',
          width: 12,
          queries: [
            {
              expr: `sum by (gen_ai_request_model, gen_ai_token_type) (${rate('gen_ai_client_token_usage_sum', genAi)})`,
              legend: '{{gen_ai_request_model}}, {{gen_ai_token_type}}',
            },
          ],
        },
        {
          title: 'Prompt tokens from the cache',
          description: 'Share of the prompt tokens that model servers took from their caches, where they say so.',
          kind: 'plot',
          unit: 'percentunit',
          max: 1,
          width: 12,
          queries: [
            {
              expr: `sum by (model_name) (${rate('inference_objective_prompt_cached_tokens_sum', ofModel)}) / sum by (model_name) (${rate('inference_objective_input_tokens_sum', ofModel)})`,
              legend: '{{model_name}}',
            },
          ],
        },
      ],
    },
    {
      title: 'Rollouts',
      panels: [
        {
          title: 'Phase',
          description: 'Of each rollout, as the holder of the lease says. signalbox rollout status has the reason.',
          kind: 'table',
          unit: 'none',
          width: 12,
          queries: [{ expr: 'max by (resource, target, phase) (signalbox_rollout_phase) == 1', legend: '' }],
        },
        {
          title: 'Weight',
          description:
            'Share of the requests that each target is to get. Lines of one target that part are replicas that disagree.',
          kind: 'plot',
          unit: 'percentunit',
          max: 1,
          width: 12,
          queries: [
            {
              expr: 'min by (resource, target) (signalbox_target_weight_ratio{job=~"$job"})',
              legend: '{{resource}}: {{target}}, lowest',
            },
            {
              expr: 'max by (resource, target) (signalbox_target_weight_ratio{job=~"$job"})',
              legend: '{{resource}}: {{target}}, highest',
            },
          ],
        },
        {
          title: 'Failed answers by target',
          description:
            'Share that were errors or broke off. A rollout goes by how the new target differs from the stable ones.',
          kind: 'plot',
          unit: 'percentunit',
          width: 8,
          queries: [
            {
              expr: `sum by (resource, target) (${rate('signalbox_target_requests_total', 'outcome=~"error|cut"')}) / sum by (resource, target) (${rate('signalbox_target_requests_total')})`,
              legend: '{{resource}}: {{target}}',
            },
          ],
        },
        {
          title: 'Time to the first token by target, p90',
          description: 'Of an answer that is no stream: until its end.',
          kind: 'plot',
          unit: 's',
          width: 8,
          queries: quantiles([0.9], ['resource', 'target'], 'signalbox_target_ttft_seconds'),
        },
        {
          title: 'Tokens a second of one answer by target',
          description: 'How fast a user sees the answer grow.',
          kind: 'plot',
          unit: 'short',
          width: 8,
          queries: [
            {
              expr: `sum by (resource, target) (${rate('signalbox_target_output_tokens_total')}) / sum by (resource, target) (${rate('signalbox_target_output_seconds_total')})`,
              legend: '{{resource}}: {{target}}',
            },
          ],
        },
      ],
    },
  ],
}
