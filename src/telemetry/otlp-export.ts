import cluster from 'node:cluster'
import type { Logger } from 'pino'
import { systemClock } from '../clock.ts'
import type { InferenceRequest } from '../request/inference-request.ts'
import { traceparentHeader, tracestateHeader } from '../request/trace-context.ts'
import { observeEnds } from './exchange-ends.ts'
import type { ExchangeObserver } from './observers.ts'
import type { Otlp } from './otlp.ts'
import { type OtlpSettings, readOtlpSettings } from './otlp-environment.ts'
import type { ModelPair } from './request-series.ts'

/** At the end of the process what is left is sent for so long, milliseconds. */
const lastExportMs = 1500

/** Traces and metrics over OTLP, for a service that has one place for them: its libraries are loaded when it starts. */
export class OtlpExport {
  readonly #settings: OtlpSettings
  readonly #log: Logger
  #otlp: Otlp | undefined

  constructor(settings: OtlpSettings, log: Logger) {
    this.#settings = settings
    this.#log = log
  }

  /** Request headers that are read for it. */
  get headerNames(): readonly string[] {
    return this.#settings.exportsTraces ? [traceparentHeader, tracestateHeader] : []
  }

  get exportsTraces(): boolean {
    return this.#settings.exportsTraces
  }

  /** The leading part of prompts is a part of traces. */
  get capturesContent(): boolean {
    return this.#settings.exportsTraces && this.#settings.capturesContent
  }

  readonly observer: ExchangeObserver = observeEnds(systemClock.nowMs, (ended) => this.#otlp?.tracer?.end(ended))

  readonly beginTrace = (request: InferenceRequest): void => {
    this.#otlp?.tracer?.begin(request)
  }

  /** To be called before requests come. @param pairs what the GenAI metrics are read from */
  async start(pairs: () => Iterable<ModelPair>): Promise<void> {
    const { startOtlp } = await import('./otlp.ts')
    this.#otlp = startOtlp({
      settings: this.#settings,
      clock: systemClock,
      workerId: cluster.worker?.id,
      pairs,
      log: this.#log,
    })
  }

  /** Sends what is left, as long as that does not take too long. */
  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, lastExportMs)
    })
    await Promise.race([this.#otlp?.close(), late])
    clearTimeout(timer)
  }
}

/**
 * What the environment asks for; undefined where that is nothing. Says in the log what it asks for in vain.
 * @param tracing traces may be sent
 */
export function createOtlpExport(
  env: Readonly<Record<string, string | undefined>>,
  tracing: boolean,
  log: Logger,
): OtlpExport | undefined {
  const settings = readOtlpSettings(env, tracing)
  for (const problem of settings.problems) log.warn(problem)
  if (!settings.exportsTraces && !settings.exportsMetrics) return undefined
  return new OtlpExport(settings, log)
}
