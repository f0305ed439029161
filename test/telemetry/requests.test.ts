import { describe, expect, test } from 'vitest'
import type { InferenceRequest } from '../../src/request/inference-request.ts'
import { createMetrics, type MetricsState } from '../../src/telemetry/metrics.ts'
import { endpoints } from '../scheduling/endpoints.ts'
import {
  flightTo,
  idle,
  type RequestParts,
  type ResponseParts,
  requestWith,
  responseWith,
  routeTo,
  server,
} from './requests.ts'
import { parsePage } from './text-format.ts'

function world(state: Partial<MetricsState> = {}, emitsLlmdNames = true) {
  const metrics = createMetrics({ ...idle, ...state }, { emitsLlmdNames })
  const observer = metrics.conversationObserver
  const read = async () => parsePage(await metrics.registry.metrics())
  return {
    observer,
    read,
    /** A request that goes to the server; what it gets ends it. */
    exchange(parts: RequestParts, response?: ResponseParts, rewrite?: string): InferenceRequest {
      const request = requestWith(parts)
      observer.decided(request, routeTo('default/pool', rewrite), flightTo(), 64)
      if (response !== undefined) observer.ended(request, flightTo(), responseWith(response))
      return request
    },
    /** `name{labels} value` of the samples of the metrics, without those of buckets. */
    async lines(...names: string[]): Promise<string[]> {
      const families = await read()
      return names.flatMap((name) =>
        families
          .get(name)!
          .samples.filter((sample) => !sample.name.endsWith('_bucket'))
          .map((sample) => `${sample.name.slice(name.length)}{${Object.values(sample.labels)}} ${sample.value}`),
      )
    },
  }
}

const streamed: ResponseParts = {
  isStream: true,
  beganAtMs: 1_100,
  firstTokenAtMs: 1_200,
  endedAtMs: 3_200,
  events: 11,
  bytes: 4_000,
  usage: { promptTokens: 300, completionTokens: 21, cachedTokens: 128 },
}

describe('a request that is answered', () => {
  const its = { model: 'qwen', target: 'qwen-2', priority: 1, fairnessId: 'team', bodyBytes: 1_000 }

  test('counts under the names of the reference', async () => {
    const { exchange, lines } = world()
    exchange(its, streamed)
    expect(
      await lines(
        'inference_objective_request_total',
        'inference_objective_request_error_total',
        'inference_objective_running_requests',
        'inference_objective_request_sizes',
        'inference_objective_response_sizes',
        'inference_objective_request_duration_seconds',
        'inference_objective_input_tokens',
        'inference_objective_output_tokens',
        'inference_objective_prompt_cached_tokens',
      ),
    ).toEqual([
      '{qwen,qwen-2,1} 1',
      '{qwen} 0',
      ...['_sum{qwen,qwen-2} 1000', '_count{qwen,qwen-2} 1'],
      ...['_sum{qwen,qwen-2} 4000', '_count{qwen,qwen-2} 1'],
      ...['_sum{qwen,qwen-2} 2.2', '_count{qwen,qwen-2} 1'],
      ...['_sum{qwen,qwen-2} 300', '_count{qwen,qwen-2} 1'],
      ...['_sum{qwen,qwen-2} 21', '_count{qwen,qwen-2} 1'],
      ...['_sum{qwen,qwen-2} 128', '_count{qwen,qwen-2} 1'],
    ])
  })

  test('its times: to the first token, between tokens, for each token', async () => {
    const { exchange, lines } = world()
    exchange(its, streamed)
    expect(
      await lines(
        'inference_objective_request_ttft_seconds',
        'inference_objective_request_tpot_seconds',
        'inference_objective_normalized_time_per_output_token_seconds',
        'inference_objective_inference_request_metric',
        'llm_d_epp_request_ttft_seconds',
        'llm_d_epp_request_streaming_itl_seconds',
      ),
    ).toEqual([
      ...['_sum{qwen,qwen-2} 0.2', '_count{qwen,qwen-2} 1'],
      ...['_sum{qwen,qwen-2} 0.1', '_count{qwen,qwen-2} 1'],
      ...[`_sum{qwen,qwen-2} ${2.2 / 21}`, '_count{qwen,qwen-2} 1'],
      ...['{qwen,qwen-2,ttft} 0.2', '{qwen,qwen-2,tpot} 0.1'],
      ...['_sum{qwen,qwen-2,team,1,true} 0.2', '_count{qwen,qwen-2,team,1,true} 1'],
      ...['_sum{qwen,qwen-2,team,1} 2', '_count{qwen,qwen-2,team,1} 10'],
    ])
  })

  test('as a whole: its first token is its end, and nothing is between tokens', async () => {
    const { exchange, lines } = world()
    exchange(its, { ...streamed, isStream: false })
    expect(
      await lines(
        'llm_d_epp_request_ttft_seconds',
        'inference_objective_request_ttft_seconds',
        'inference_objective_request_tpot_seconds',
        'llm_d_epp_request_streaming_itl_seconds',
        'gen_ai_server_time_to_first_token_seconds',
      ),
    ).toEqual([
      ...['_sum{qwen,qwen-2,team,1,false} 2.2', '_count{qwen,qwen-2,team,1,false} 1'],
      ...['_sum{qwen,qwen-2} 2.2', '_count{qwen,qwen-2} 1'],
    ])
  })

  test.each([
    ['/v1/chat/completions', 'chat,openai'],
    ['/v1/completions', 'text_completion,openai'],
    ['/v1/embeddings', 'embeddings,openai'],
    ['/v1/responses', 'chat,openai'],
    ['/v1/messages', 'chat,anthropic'],
    ['/vllm.grpc.engine.VllmEngine/Generate', 'text_completion,vllm'],
    ['/vllm.grpc.engine.VllmEngine/Embed', 'embeddings,vllm'],
    ['/v1/rerank', 'other,openai'],
  ])('%s counts under the names of the conventions as %s', async (path, operation) => {
    const { exchange, lines } = world({}, false)
    exchange({ ...its, path }, { ...streamed, model: 'qwen-2-fp8' })
    const labels = `${operation},qwen,qwen-2-fp8`
    expect(
      await lines(
        'gen_ai_server_request_duration_seconds',
        'gen_ai_server_time_to_first_token_seconds',
        'gen_ai_server_time_per_output_token_seconds',
        'gen_ai_client_token_usage',
      ),
    ).toEqual([
      ...[`_sum{${labels}} 2.2`, `_count{${labels}} 1`],
      ...[`_sum{${labels}} 0.2`, `_count{${labels}} 1`],
      ...[`_sum{${labels}} 0.1`, `_count{${labels}} 1`],
      ...[`_sum{${labels},input} 300`, `_count{${labels},input} 1`],
      ...[`_sum{${labels},output} 21`, `_count{${labels},output} 1`],
    ])
  })

  test('with an error of the model server', async () => {
    const { exchange, lines } = world()
    exchange(its, { status: 503, endedAtMs: 2_000, isStream: true, firstTokenAtMs: 1_500, usage: { promptTokens: 1 } })
    expect(
      await lines(
        'inference_objective_request_error_total',
        'llm_d_epp_request_error_total',
        'gen_ai_server_request_duration_seconds',
        'signalbox_upstream_responses_total',
        'inference_objective_input_tokens',
        'inference_objective_request_ttft_seconds',
      ),
    ).toEqual([
      '{qwen,qwen-2,ModelServerError} 1',
      '{qwen,qwen-2,team,1,ModelServerError} 1',
      ...['_sum{chat,openai,qwen,qwen-2,503} 1', '_count{chat,openai,qwen,qwen-2,503} 1'],
      '{5xx} 1',
    ])
  })

  test.each([
    [200, []],
    [399, []],
    [400, ['{qwen,qwen-2,ModelServerError} 1']],
    [500, ['{qwen,qwen-2,ModelServerError} 1']],
    [Number.NaN, []],
  ])('status %d', async (status, errors) => {
    const { exchange, lines } = world()
    exchange(its, { status })
    expect(await lines('inference_objective_request_error_total')).toEqual(errors)
  })

  test('by models of any names has a bounded number of series', async () => {
    const { exchange, read } = world()
    for (let i = 0; i < 1_500; i += 1) exchange(its, { model: `answering-${i}` })
    const { samples } = (await read()).get('gen_ai_server_request_duration_seconds')!
    const names = new Set(samples.map(({ labels }) => labels.gen_ai_response_model))
    // Its own two names have places, too.
    expect([names.size, names.has('other')]).toEqual([999, true])
  })

  test('that is cut, or not seen, has a size and no duration', async () => {
    const { exchange, observer, lines } = world()
    exchange(its, { endedAtMs: Number.NaN })
    observer.ended(exchange(its), flightTo(), undefined)
    expect(
      await lines(
        'inference_objective_request_sizes',
        'inference_objective_request_duration_seconds',
        'inference_objective_running_requests',
      ),
    ).toEqual(['_sum{qwen,qwen-2} 2000', '_count{qwen,qwen-2} 2', '{qwen} 0'])
  })

  test('of which nothing was read has no tokens', async () => {
    const { exchange, observer, lines } = world()
    observer.ended(exchange(its), flightTo(), { ...responseWith({}), reader: undefined } as never)
    expect(await lines('inference_objective_input_tokens', 'inference_objective_request_ttft_seconds')).toEqual([])
    expect(await lines('inference_objective_request_duration_seconds')).toHaveLength(2)
  })
})

describe('requests of one model', () => {
  test('are summed over fairness ids and priorities for the reference, and told apart for llm-d', async () => {
    const { exchange, lines } = world()
    exchange({ model: 'm', fairnessId: 'a', priority: 1, bodyBytes: 1 }, streamed)
    exchange({ model: 'm', fairnessId: 'b', priority: 1, bodyBytes: 2 }, { ...streamed, isStream: false })
    exchange({ model: 'm', priority: -1, bodyBytes: 4 })
    expect(
      await lines(
        'inference_objective_request_total',
        'inference_objective_running_requests',
        'inference_objective_request_sizes',
        'inference_objective_request_ttft_seconds',
        'llm_d_epp_request_total',
        'llm_d_epp_request_running',
        'llm_d_epp_request_size_bytes',
      ),
    ).toEqual([
      ...['{m,m,1} 2', '{m,m,-1} 1', '{m} 1'],
      ...['_sum{m,m} 3', '_count{m,m} 2', '_sum{m,m} 2.4000000000000004', '_count{m,m} 2'],
      ...['{m,m,a,1} 1', '{m,m,b,1} 1', '{m,m,default-flow,-1} 1'],
      ...['{m,m,a,1} 0', '{m,m,b,1} 0', '{m,m,default-flow,-1} 1'],
      ...['_sum{m,m,a,1} 1', '_count{m,m,a,1} 1', '_sum{m,m,b,1} 2', '_count{m,m,b,1} 1'],
    ])
  })

  test('are the same at the next scrape', async () => {
    const { exchange, lines } = world()
    for (const model of ['m', 'n']) {
      for (const priority of [0, 1]) exchange({ model, priority, bodyBytes: 5 }, streamed)
    }
    const names = ['inference_objective_request_sizes', 'inference_objective_request_ttft_seconds']
    const first = await lines(...names)
    expect(first.slice(0, 4)).toEqual(['_sum{m,m} 10', '_count{m,m} 2', '_sum{n,n} 10', '_count{n,n} 2'])
    expect(await lines(...names)).toEqual(first)
  })

  test('names that were not resolved take no place from others', async () => {
    const { exchange, observer, lines } = world({}, false)
    for (let i = 0; i < 1_500; i += 1)
      observer.refused('invalid_json', requestWith({ model: `junk-${i}`, poolKey: '' }))
    exchange({ model: 'served' })
    expect(await lines('inference_objective_request_total', 'inference_objective_request_error_total')).toEqual([
      '{served,served,0} 1',
      '{other,other,BadRequest} 1500',
    ])
  })

  test("fairness ids make no series where llm-d's names are not asked for", async () => {
    const { exchange, read } = world({}, false)
    for (let i = 0; i < 10; i += 1) exchange({ model: 'm', fairnessId: `team-${i}` }, streamed)
    expect((await read()).get('inference_objective_request_total')!.samples).toEqual([
      {
        name: 'inference_objective_request_total',
        labels: { model_name: 'm', target_model_name: 'm', priority: '0' },
        value: 10,
      },
    ])
  })

  test('a thousand names have series of their own, and those of resources', async () => {
    const { exchange, observer, read } = world({ namesModel: (name) => name === 'served' })
    for (let i = 0; i < 1_500; i += 1) exchange({ model: `m-${i}`, fairnessId: `f-${i}` })
    exchange({ model: 'served', target: 'm-1400' })
    for (let i = 0; i < 1_500; i += 1) {
      observer.refused('model_not_found', requestWith({ model: `junk-${i}`, poolKey: '', fairnessId: `g-${i}` }))
    }
    const families = await read()
    const values = (label: string) =>
      new Set(
        ['llm_d_epp_request_total', 'llm_d_epp_request_error_total'].flatMap((name) =>
          families.get(name)!.samples.map(({ labels }) => labels[label]),
        ),
      )
    expect(values('model_name').size).toBe(1_002)
    expect([values('model_name').has('served'), values('model_name').has('other')]).toEqual([true, true])
    expect(values('fairness_id').size).toBeLessThanOrEqual(1_002)
    expect([...values('target_model_name')].filter((name) => name.startsWith('junk'))).toEqual([])
  })

  test('names that need escapes come back as they were', async () => {
    const { exchange, read } = world()
    const model = 'a"b\\c\nd,e="f"} 1'
    exchange({ model }, streamed)
    const { samples } = (await read()).get('llm_d_epp_request_duration_seconds')!
    expect(new Set(samples.map(({ labels }) => labels.model_name))).toEqual(new Set([model]))
  })
})

describe('requests that are refused', () => {
  test.each([
    ['invalid_json', 'BadRequest'],
    ['body_too_large', 'BadRequest'],
    ['saturated', 'ResourceExhausted'],
    ['no_endpoint', 'ServiceUnavailable'],
    ['no_server', 'Internal'],
  ] as const)('%s is %s', async (code, errorCode) => {
    const { observer, lines } = world()
    observer.refused(code, requestWith({ model: 'm', priority: 2, decidedAtMs: Number.NaN }))
    expect(
      await lines(
        'signalbox_requests_total',
        'inference_objective_request_error_total',
        'llm_d_epp_request_error_total',
      ),
    ).toEqual([`{${code}} 1`, `{m,m,${errorCode}} 1`, `{m,m,default-flow,2,${errorCode}} 1`])
    expect(await lines('inference_objective_request_total')).toEqual([])
  })

  test('after their decision they are counted both ways, and run no more when they end', async () => {
    const { exchange, observer, lines } = world()
    const request = exchange({ model: 'm' })
    observer.refused('invalid_json', request)
    observer.ended(request, flightTo(), undefined)
    expect(
      await lines('signalbox_requests_total', 'inference_objective_running_requests', 'bbr_success_total'),
    ).toEqual(['{routed} 1', '{invalid_json} 1', '{m} 0', '{} 1'])
  })
})

describe('what a body router counts', () => {
  test('models that are told, bodies without one, and with an empty one', async () => {
    const { observer, lines } = world()
    const decide = (parts: RequestParts) => observer.decided(requestWith(parts), routeTo(undefined), undefined, 0)
    decide({ model: 'm' })
    decide({ model: undefined })
    decide({ model: '' })
    decide({})
    observer.refused('model_missing', requestWith({ model: undefined, decidedAtMs: Number.NaN }))
    observer.refused('saturated', requestWith({ model: 'm', decidedAtMs: Number.NaN }))
    const broken = requestWith({ decidedAtMs: Number.NaN })
    broken.reader = { model: undefined, error: 'invalid' } as never
    observer.refused('invalid_json', broken)
    expect(await lines('bbr_success_total', 'bbr_body_field_not_found_total', 'bbr_body_field_empty_total')).toEqual([
      '{} 1',
      '{model} 2',
      '{model} 1',
    ])
    expect(await lines('signalbox_requests_total')).toEqual([
      '{named} 1',
      '{passed} 3',
      '{model_missing} 1',
      '{saturated} 1',
      '{invalid_json} 1',
    ])
    expect(await lines('inference_objective_request_total')).toEqual([])
  })
})

describe('our own', () => {
  test('phases, held bytes, early decisions, response bytes and statuses', async () => {
    const { exchange, lines } = world()
    exchange(
      { model: 'm', startedAtMs: 1_000, queuedAtMs: 1_010, decidedAtMs: 1_510, isEnded: false },
      { beganAtMs: 1_760, bytes: 7, status: 204 },
    )
    exchange({ model: 'm', startedAtMs: 1_000, decidedAtMs: 1_250 }, { beganAtMs: 1_500, bytes: 5, status: Number.NaN })
    expect(
      await lines(
        'signalbox_phase_duration_seconds',
        'signalbox_request_held_bytes',
        'signalbox_early_decisions_total',
        'signalbox_response_bytes_total',
        'signalbox_upstream_responses_total',
        'llm_d_epp_request_processing_duration_seconds',
      ),
    ).toEqual([
      ...['_sum{decision} 0.76', '_count{decision} 2', '_sum{body} 0.26', '_count{body} 2'],
      ...['_sum{queue} 0.5', '_count{queue} 1', '_sum{first_byte} 0.5', '_count{first_byte} 2'],
      ...['_sum{} 128', '_count{} 2', '{} 1', '{} 12', '{2xx} 1', '_sum{} 0.76', '_count{} 2'],
    ])
  })
})

describe('scheduling', () => {
  test('attempts by endpoint and target; an endpoint that is gone is told no more', async () => {
    const live = [...endpoints({ address: '[fd00::1]:9000', name: 'second' }), server]
    const { exchange, observer, lines } = world({
      pools: () => [['default/pool', { queued: 0, running: 0, kvUsage: 0, ready: 2 }]],
      endpoints: () => live,
    })
    exchange({ model: 'm' })
    exchange({ model: 'm', target: 't' })
    observer.decided(requestWith({ model: 'm' }), routeTo('default/pool'), flightTo(live[0]), 0)
    observer.refused('no_endpoint', requestWith({ model: 'm' }))
    const name = 'inference_extension_scheduler_attempts_total'
    expect(await lines(name)).toEqual([
      '{success,m,server-1,default,8000} 1',
      '{success,t,server-1,default,8000} 1',
      '{success,m,second,default,9000} 1',
      '{failure,m,,,} 1',
    ])
    live.pop()
    expect(await lines(name)).toEqual(['{success,m,second,default,9000} 1', '{failure,m,,,} 1'])
  })

  test('decisions of rewrites', async () => {
    const { exchange, lines } = world()
    exchange({ model: 'm', target: 't' }, undefined, 'canary')
    exchange({ model: 'm', target: 't', priority: 1 }, undefined, 'canary')
    exchange({ model: 'm', target: 't' }, undefined, 'blue-green')
    const expected = ['{canary,m,t} 2', '{blue-green,m,t} 1']
    expect(await lines('inference_extension_model_rewrite_decisions_total')).toEqual(expected)
    expect(await lines('llm_d_epp_model_rewrite_decisions_total')).toEqual(expected)
  })
})
