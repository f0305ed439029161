import { describe, expect, test } from 'vitest'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { idle } from './requests.ts'

const M = 'model_name target_model_name'
const MF = `${M} fairness_id priority`
const G = 'gen_ai_operation_name gen_ai_provider_name gen_ai_request_model gen_ai_response_model'
const plugin = 'extension_point plugin_type plugin_name'
const flow = `fairness_id priority inference_pool ${M}`
const waited = `fairness_id priority outcome inference_pool ${M}`

type Named = readonly [name: string, type: 'counter' | 'gauge' | 'histogram', labels: string]

const reference: readonly Named[] = [
  ['inference_objective_request_total', 'counter', `${M} priority`],
  ['inference_objective_request_error_total', 'counter', `${M} error_code`],
  ['inference_objective_inference_request_metric', 'gauge', `${M} type`],
  ['inference_objective_request_duration_seconds', 'histogram', M],
  ['inference_objective_request_sizes', 'histogram', M],
  ['inference_objective_response_sizes', 'histogram', M],
  ['inference_objective_input_tokens', 'histogram', M],
  ['inference_objective_output_tokens', 'histogram', M],
  ['inference_objective_prompt_cached_tokens', 'histogram', M],
  ['inference_objective_running_requests', 'gauge', 'model_name'],
  ['inference_objective_normalized_time_per_output_token_seconds', 'histogram', M],
  ['inference_objective_request_ttft_seconds', 'histogram', M],
  ['inference_objective_request_tpot_seconds', 'histogram', M],
  ['inference_objective_request_predicted_ttft_seconds', 'histogram', M],
  ['inference_objective_request_predicted_tpot_seconds', 'histogram', M],
  ['inference_objective_request_ttft_prediction_duration_seconds', 'histogram', M],
  ['inference_objective_request_tpot_prediction_duration_seconds', 'histogram', M],
  ['inference_objective_request_slo_violation_total', 'counter', `${M} type`],
  ['inference_pool_average_kv_cache_utilization', 'gauge', 'name'],
  ['inference_pool_average_queue_size', 'gauge', 'name'],
  ['inference_pool_average_running_requests', 'gauge', 'name'],
  ['inference_pool_ready_pods', 'gauge', 'name'],
  ['inference_pool_per_pod_queue_size', 'gauge', 'name model_server_pod'],
  ['inference_extension_scheduler_e2e_duration_seconds', 'histogram', ''],
  ['inference_extension_scheduler_attempts_total', 'counter', 'status target_model_name pod_name namespace port'],
  ['inference_extension_plugin_duration_seconds', 'histogram', plugin],
  ['inference_extension_prefix_indexer_size', 'gauge', ''],
  ['inference_extension_prefix_indexer_hit_ratio', 'histogram', ''],
  ['inference_extension_prefix_indexer_hit_bytes', 'histogram', ''],
  ['inference_extension_info', 'gauge', 'commit build_ref'],
  ['inference_extension_flow_control_request_queue_duration_seconds', 'histogram', waited],
  ['inference_extension_flow_control_dispatch_cycle_duration_seconds', 'histogram', ''],
  ['inference_extension_flow_control_request_enqueue_duration_seconds', 'histogram', 'fairness_id priority outcome'],
  ['inference_extension_flow_control_queue_size', 'gauge', flow],
  ['inference_extension_flow_control_queue_bytes', 'gauge', flow],
  ['inference_extension_flow_control_pool_saturation', 'gauge', 'inference_pool'],
  ['inference_extension_model_rewrite_decisions_total', 'counter', 'model_rewrite_name model_name target_model'],
  ['bbr_info', 'gauge', 'commit build_ref'],
  ['bbr_success_total', 'counter', ''],
  ['bbr_body_field_not_found_total', 'counter', 'field'],
  ['bbr_body_field_empty_total', 'counter', 'field'],
  ['bbr_plugin_duration_seconds', 'histogram', plugin],
  ['gen_ai_server_request_duration_seconds', 'histogram', `${G} error_type`],
  ['gen_ai_server_time_to_first_token_seconds', 'histogram', G],
  ['gen_ai_server_time_per_output_token_seconds', 'histogram', G],
  ['gen_ai_client_token_usage', 'histogram', `${G} gen_ai_token_type`],
]

const own: readonly Named[] = [
  ['signalbox_requests_total', 'counter', 'result'],
  ['signalbox_phase_duration_seconds', 'histogram', 'phase'],
  ['signalbox_request_held_bytes', 'histogram', ''],
  ['signalbox_early_decisions_total', 'counter', ''],
  ['signalbox_response_bytes_total', 'counter', ''],
  ['signalbox_upstream_responses_total', 'counter', 'class'],
  ['signalbox_open_exchanges', 'gauge', ''],
  ['signalbox_endpoint_requests_total', 'counter', 'endpoint address'],
  ['signalbox_output_tokens_total', 'counter', ''],
  ['signalbox_queue_requests', 'gauge', 'inference_pool priority'],
  ['signalbox_ttft_seconds', 'histogram', ''],
  ['signalbox_resource_problems', 'gauge', ''],
  ['signalbox_held_bytes', 'gauge', ''],
  ['signalbox_held_bytes_limit', 'gauge', ''],
  ['signalbox_target_requests_total', 'counter', 'resource target outcome'],
  ['signalbox_target_ttft_seconds', 'histogram', 'resource target'],
  ['signalbox_target_token_seconds', 'histogram', 'resource target'],
  ['signalbox_target_output_tokens_total', 'counter', 'resource target'],
  ['signalbox_target_output_seconds_total', 'counter', 'resource target'],
  ['signalbox_target_weight_ratio', 'gauge', 'resource target'],
  ['signalbox_endpoint_reachable', 'gauge', 'inference_pool endpoint'],
  ['signalbox_endpoint_metrics_age_seconds', 'gauge', 'inference_pool endpoint'],
  ['signalbox_endpoint_kv_cache_usage_ratio', 'gauge', 'inference_pool endpoint'],
  ['signalbox_endpoint_running_requests', 'gauge', 'inference_pool endpoint'],
]

const llmd: readonly Named[] = [
  ['llm_d_epp_request_total', 'counter', MF],
  ['llm_d_epp_request_error_total', 'counter', `${MF} error_code`],
  ['llm_d_epp_request_running', 'gauge', MF],
  ['llm_d_epp_request_duration_seconds', 'histogram', MF],
  ['llm_d_epp_request_size_bytes', 'histogram', MF],
  ['llm_d_epp_response_size_bytes', 'histogram', MF],
  ['llm_d_epp_request_input_tokens', 'histogram', MF],
  ['llm_d_epp_request_output_tokens', 'histogram', MF],
  ['llm_d_epp_request_cached_tokens', 'histogram', MF],
  ['llm_d_epp_request_ntpot_seconds', 'histogram', MF],
  ['llm_d_epp_request_ttft_seconds', 'histogram', `${MF} streaming`],
  ['llm_d_epp_request_streaming_tpot_seconds', 'histogram', MF],
  ['llm_d_epp_request_streaming_itl_seconds', 'histogram', MF],
  ['llm_d_epp_average_kv_cache_utilization', 'gauge', 'name'],
  ['llm_d_epp_average_queue_size', 'gauge', 'name'],
  ['llm_d_epp_average_running_requests', 'gauge', 'name'],
  ['llm_d_epp_std_dev_kv_cache_utilization', 'gauge', 'name'],
  ['llm_d_epp_std_dev_queue_size', 'gauge', 'name'],
  ['llm_d_epp_std_dev_running_requests', 'gauge', 'name'],
  ['llm_d_epp_ready_endpoints', 'gauge', 'name'],
  ['llm_d_epp_per_endpoint_queue_size', 'gauge', 'name model_server_endpoint'],
  ['llm_d_epp_scheduler_e2e_duration_seconds', 'histogram', ''],
  ['llm_d_epp_scheduler_attempts_total', 'counter', 'status target_model_name endpoint_name namespace port'],
  ['llm_d_epp_plugin_duration_seconds', 'histogram', plugin],
  ['llm_d_epp_prefix_indexer_size', 'gauge', ''],
  ['llm_d_epp_prefix_indexer_hit_ratio', 'histogram', ''],
  ['llm_d_epp_prefix_indexer_hit_bytes', 'histogram', ''],
  ['llm_d_epp_request_processing_duration_seconds', 'histogram', ''],
  ['llm_d_epp_info', 'gauge', 'commit build_ref'],
  ['llm_d_epp_flow_control_request_queue_duration_seconds', 'histogram', waited],
  ['llm_d_epp_flow_control_dispatch_cycle_duration_seconds', 'histogram', ''],
  ['llm_d_epp_flow_control_request_enqueue_duration_seconds', 'histogram', 'fairness_id priority outcome'],
  ['llm_d_epp_flow_control_queue_size', 'gauge', flow],
  ['llm_d_epp_flow_control_queue_bytes', 'gauge', flow],
  ['llm_d_epp_flow_control_pool_saturation', 'gauge', 'inference_pool'],
  ['llm_d_epp_model_rewrite_decisions_total', 'counter', 'model_rewrite_name model_name target_model'],
]

const sorted = (named: readonly Named[]): string[] => named.map((parts) => parts.join(' | ')).sort()

function namesOf(emitsLlmdNames: boolean): string[] {
  const { families } = createMetrics(idle, { emitsLlmdNames }).registry
  return sorted(families.map(({ name, type, labelNames }) => [name, type, labelNames.join(' ')]))
}

describe('names, types and labels', () => {
  test("are the reference's, the conventions' and our own", () => {
    expect(namesOf(false)).toEqual(sorted([...reference, ...own]))
  })

  test("with llm-d's names, where they are asked for", () => {
    expect(namesOf(true)).toEqual(sorted([...reference, ...own, ...llmd]))
  })

  test('every metric says what it is, and its unit where it has one', () => {
    const { families } = createMetrics(idle, { emitsLlmdNames: true }).registry
    for (const { name, help, type } of families) {
      expect(help, name).toMatch(/^\S.{8,}\.$/)
      expect(name, name).toMatch(/^[a-z][a-z0-9_]*$/)
      expect(name.endsWith('_total'), name).toBe(type === 'counter')
      if (/(duration|ttft|tpot|itl)/.test(name) && type === 'histogram') expect(name).toMatch(/_seconds$/)
      expect(name).not.toMatch(/_(ms|milliseconds|kilobytes)/)
    }
  })
})
