import { describe, expect, test } from 'vitest'
import { readOtlpSettings, samplerNames } from '../../src/telemetry/otlp-environment.ts'

const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }

describe('what is sent', () => {
  test.each([
    [{}, [false, false]],
    [endpoint, [true, true]],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector:4318/v1/traces' }, [true, false]],
    [{ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://collector:4318/v1/metrics' }, [false, true]],
    [{ ...endpoint, OTEL_TRACES_EXPORTER: 'none' }, [false, true]],
    [{ ...endpoint, OTEL_METRICS_EXPORTER: 'none', OTEL_TRACES_EXPORTER: 'otlp' }, [true, false]],
    [{ ...endpoint, OTEL_SDK_DISABLED: 'true' }, [false, false]],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: '' }, [false, false]],
  ])('%j: traces and metrics %j', (env, expected) => {
    const { exportsTraces, exportsMetrics, problems } = readOtlpSettings(env)
    expect([exportsTraces, exportsMetrics]).toEqual(expected)
    expect(problems).toEqual([])
  })

  test.each([
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, /OTLP over grpc is not supported: no traces .* 4318$/],
    [{ OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json' }, /OTLP over http\/json is not supported/],
    [{ OTEL_TRACES_EXPORTER: 'zipkin' }, /OTEL_TRACES_EXPORTER=zipkin is neither otlp nor none/],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'collector' }, /the OTLP endpoint is no URL such as http/],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'localhost:4318' }, /the OTLP endpoint is no URL such as http/],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'me:hunter2@localhost' }, /^(?!.*hunter2).*is no URL such as http/],
  ])('with %j no traces, and it is said why', (more, problem) => {
    const { exportsTraces, problems } = readOtlpSettings({ ...endpoint, ...more })
    expect(exportsTraces).toBe(false)
    expect(problems[0]).toMatch(problem)
  })
})

describe('settings', () => {
  test('have the defaults of the specification', () => {
    expect(readOtlpSettings(endpoint)).toMatchObject({
      sampler: 'parentbased_always_on',
      samplerRatio: 1,
      capturesContent: false,
      spanQueue: {
        maxQueueSize: 2048,
        maxExportBatchSize: 512,
        scheduledDelayMillis: 5000,
        exportTimeoutMillis: 30_000,
      },
      metricIntervalMs: 60_000,
      metricTimeoutMs: 30_000,
    })
  })

  test.each(samplerNames)('the sampler %s', (sampler) => {
    const settings = readOtlpSettings({ OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: '0.25' })
    expect(settings).toMatchObject({ sampler, samplerRatio: 0.25, problems: [] })
  })

  test('an export takes no longer than the time until the next, and no batch is larger than the queue', () => {
    const env = { OTEL_METRIC_EXPORT_INTERVAL: '1000', OTEL_BSP_MAX_QUEUE_SIZE: '100' }
    const { metricTimeoutMs, spanQueue } = readOtlpSettings(env)
    expect([metricTimeoutMs, spanQueue.maxExportBatchSize]).toEqual([1000, 100])
  })

  test.each([
    [{ OTEL_TRACES_SAMPLER: 'xray' }, /OTEL_TRACES_SAMPLER=xray is none of always_on, /],
    [{ OTEL_TRACES_SAMPLER_ARG: '1.5' }, /OTEL_TRACES_SAMPLER_ARG=1.5 is no number from 0 to 1/],
    [{ OTEL_BSP_MAX_QUEUE_SIZE: '-1' }, /OTEL_BSP_MAX_QUEUE_SIZE=-1 is no whole number above 0: it is taken for 2048/],
  ])('%j is said to be wrong', (env, problem) => {
    expect(readOtlpSettings(env).problems).toEqual([expect.stringMatching(problem)])
  })

  test('content is captured only where that is said', () => {
    const name = 'OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT'
    const captured = ['true', 'True', 'false', '1', ''].map(
      (value) => readOtlpSettings({ [name]: value }).capturesContent,
    )
    expect(captured).toEqual([true, true, false, false, false])
  })
})
