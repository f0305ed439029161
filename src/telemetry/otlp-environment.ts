type Environment = Readonly<Record<string, string | undefined>>

export const samplerNames = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const
export type SamplerName = (typeof samplerNames)[number]

/** What the OpenTelemetry environment variables ask for; those of exporters and of the resource the SDK reads by itself. */
export type OtlpSettings = {
  readonly exportsTraces: boolean
  readonly exportsMetrics: boolean
  readonly sampler: SamplerName
  /** Share of the traces that begin here, 0 to 1. */
  readonly samplerRatio: number
  readonly capturesContent: boolean
  readonly spanQueue: {
    /** Spans that wait to be sent; more are dropped. */
    readonly maxQueueSize: number
    readonly maxExportBatchSize: number
    readonly scheduledDelayMillis: number
    readonly exportTimeoutMillis: number
  }
  readonly metricIntervalMs: number
  readonly metricTimeoutMs: number
  /** What is set and can't be followed, for people. */
  readonly problems: readonly string[]
}

/**
 * https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and its page on OTLP exporters.
 * @param tracing traces may be sent
 */
export function readOtlpSettings(env: Environment, tracing = true): OtlpSettings {
  const problems: string[] = []
  const number = (name: string, byDefault: number, most = 2 ** 31 - 1): number => {
    const text = env[name]?.trim()
    if (!text) return byDefault
    const value = Number(text)
    if (value > 0 && value <= most && (most === 1 || Number.isInteger(value))) return value
    if (most === 1 && value === 0) return 0
    problems.push(
      `${name}=${text} is no ${most === 1 ? 'number from 0 to 1' : 'whole number above 0'}: it is taken for ${byDefault}`,
    )
    return byDefault
  }
  const sampler = env.OTEL_TRACES_SAMPLER?.trim() || 'parentbased_always_on'
  const isKnown = (samplerNames as readonly string[]).includes(sampler)
  if (!isKnown) {
    problems.push(`OTEL_TRACES_SAMPLER=${sampler} is none of ${samplerNames.join(', ')}: parentbased_always_on is used`)
  }
  const metricIntervalMs = number('OTEL_METRIC_EXPORT_INTERVAL', 60_000)
  const maxQueueSize = number('OTEL_BSP_MAX_QUEUE_SIZE', 2048)
  return {
    exportsTraces: tracing && isExported(env, 'TRACES', problems),
    exportsMetrics: isExported(env, 'METRICS', problems),
    sampler: isKnown ? (sampler as SamplerName) : 'parentbased_always_on',
    samplerRatio: number('OTEL_TRACES_SAMPLER_ARG', 1, 1),
    capturesContent: isTrue(env.OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT),
    spanQueue: {
      maxQueueSize,
      maxExportBatchSize: Math.min(maxQueueSize, number('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 512)),
      scheduledDelayMillis: number('OTEL_BSP_SCHEDULE_DELAY', 5000),
      exportTimeoutMillis: number('OTEL_BSP_EXPORT_TIMEOUT', 30_000),
    },
    metricIntervalMs,
    metricTimeoutMs: Math.min(metricIntervalMs, number('OTEL_METRIC_EXPORT_TIMEOUT', 30_000)),
    problems,
  }
}

/** A signal is sent when it has an endpoint and nothing says otherwise. */
function isExported(env: Environment, signal: 'TRACES' | 'METRICS', problems: string[]): boolean {
  const endpoint = env[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`]?.trim() || env.OTEL_EXPORTER_OTLP_ENDPOINT?.trim()
  if (!endpoint || isTrue(env.OTEL_SDK_DISABLED)) return false
  const exporter = env[`OTEL_${signal}_EXPORTER`]?.trim() || 'otlp'
  if (exporter === 'none') return false
  const what = signal === 'TRACES' ? 'traces' : 'metrics'
  if (exporter !== 'otlp') {
    problems.push(`OTEL_${signal}_EXPORTER=${exporter} is neither otlp nor none: no ${what} are sent`)
    return false
  }
  const protocol =
    env[`OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`]?.trim() || env.OTEL_EXPORTER_OTLP_PROTOCOL?.trim() || 'http/protobuf'
  if (protocol !== 'http/protobuf') {
    problems.push(
      `OTLP over ${protocol} is not supported: no ${what} are sent. Set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, ` +
        'and the endpoint to the port of the collector for it, mostly 4318',
    )
    return false
  }
  // Not said in the log: it may hold a password. What lacks its scheme, such as collector:4318, is a URL of the scheme collector.
  if (!/^https?:$/.test(URL.parse(endpoint)?.protocol ?? '')) {
    problems.push(`the OTLP endpoint is no URL such as http://collector:4318: no ${what} are sent`)
    return false
  }
  return true
}

const isTrue = (text: string | undefined): boolean => text?.trim().toLowerCase() === 'true'
