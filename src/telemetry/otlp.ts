import { randomUUID } from 'node:crypto'
import { DiagLogLevel, diag } from '@opentelemetry/api'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import {
  detectResources,
  type Resource,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from '@opentelemetry/resources'
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  RandomIdGenerator,
  type Sampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace'
import type { Logger } from 'pino'
import manifest from '../../package.json' with { type: 'json' }
import type { Clock } from '../clock.ts'
import { GenAiProducer } from './gen-ai-producer.ts'
import { atMostEvery } from './log.ts'
import type { OtlpSettings } from './otlp-environment.ts'
import type { ModelPair } from './request-series.ts'
import { Tracer } from './tracer.ts'

/** Exporters tell of trouble so often at most, milliseconds: a collector that is gone would fill the log. */
const troubleIntervalMs = 60_000

/** Of what they say, UTF-16 code units: a collector may answer with any page. */
export const maxCauseLength = 500

export type OtlpParts = {
  readonly settings: OtlpSettings
  readonly clock: Pick<Clock, 'nowMs' | 'epochMs'>
  /** Tells this process from the others of one service; undefined where it is the only one. */
  readonly workerId: number | undefined
  /** What the GenAI metrics are read from. */
  readonly pairs: () => Iterable<ModelPair>
  readonly log: Logger
}

export type Otlp = {
  /** Undefined where no traces are sent. */
  readonly tracer: Tracer | undefined
  /** Sends what is left, and ends. Never rejects. */
  close(): Promise<void>
}

/** Sends traces and metrics over OTLP, as the environment says where. This file and what it imports is loaded only for that. */
export function startOtlp({ settings, clock, workerId, pairs, log }: OtlpParts): Otlp {
  logTrouble(log)
  const resource = resourceOf(workerId)
  const closing: (() => Promise<void>)[] = []
  let tracer: Tracer | undefined
  if (settings.exportsTraces) {
    const spans = new BatchSpanProcessor({ exporter: new OTLPTraceExporter(), ...settings.spanQueue })
    tracer = new Tracer({
      sampler: samplerOf(settings),
      ids: new RandomIdGenerator(),
      resource,
      clock,
      export: (span) => spans.onEnd(span),
    })
    closing.push(() => spans.shutdown())
  }
  if (settings.exportsMetrics) {
    const reader = new PeriodicExportingMetricReader({
      exporter: new OTLPMetricExporter(),
      exportIntervalMillis: settings.metricIntervalMs,
      exportTimeoutMillis: settings.metricTimeoutMs,
      metricProducers: [new GenAiProducer(resource, pairs, () => clock.epochMs())],
    })
    const meters = new MeterProvider({ resource, readers: [reader] })
    closing.push(() => meters.shutdown())
  }
  return {
    tracer,
    async close() {
      await Promise.all(closing.map((close) => close().catch((error: Error) => diag.error(error.message))))
    },
  }
}

/** What exporters have to say: what is wrong with the configuration at once, all else now and then. */
function logTrouble(log: Logger): void {
  let cause = ''
  const warn = atMostEvery(troubleIntervalMs, performance.now.bind(performance), (count) =>
    log.warn({ cause, count }, 'telemetry could not be sent over OTLP'),
  )
  const trouble = (...message: readonly unknown[]) => {
    cause = message.map(wordsOf).join(' ').slice(0, maxCauseLength)
    warn()
  }
  const silent = () => {}
  const logger = { error: trouble, warn: trouble, info: silent, debug: silent, verbose: silent }
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true })
}

/** The SDK tells of errors as JSON, of which the stack is of no use to who reads the log. */
function wordsOf(part: unknown): string {
  if (part instanceof Error) return part.message
  try {
    const { code, message, data } = JSON.parse(String(part))
    return [code, message, data].filter((each) => each !== undefined && each !== '').join(' ')
  } catch {
    return String(part)
  }
}

/** An instance that the environment names is the pod: each of several processes in it is one of its own. */
function resourceOf(workerId: number | undefined): Resource {
  const named = detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] })
  const pod = named.attributes['service.instance.id']
  const instance = pod === undefined ? randomUUID() : workerId === undefined ? pod : `${pod}/${workerId}`
  return resourceFromAttributes({ 'service.name': 'signalbox', 'service.version': manifest.version })
    .merge(named)
    .merge(resourceFromAttributes({ 'service.instance.id': instance }))
}

function samplerOf({ sampler, samplerRatio }: OtlpSettings): Sampler {
  switch (sampler) {
    case 'always_on':
      return new AlwaysOnSampler()
    case 'always_off':
      return new AlwaysOffSampler()
    case 'traceidratio':
      return new TraceIdRatioBasedSampler(samplerRatio)
    case 'parentbased_always_on':
      return new ParentBasedSampler({ root: new AlwaysOnSampler() })
    case 'parentbased_always_off':
      return new ParentBasedSampler({ root: new AlwaysOffSampler() })
    case 'parentbased_traceidratio':
      return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(samplerRatio) })
  }
}
