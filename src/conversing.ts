import type { Logger } from 'pino'
import { PoolQueues } from './admission/pool-queues.ts'
import type { Catalog } from './catalog/catalog.ts'
import { systemClock } from './clock.ts'
import type { Explanation } from './explain/explanation.ts'
import { createTrialGround } from './explain/ground.ts'
import { DecisionTeller } from './explain/recent.ts'
import type { TrialGround } from './explain/trial.ts'
import type { ConversationContext } from './extproc/conversation-context.ts'
import { slot } from './extproc/headers.ts'
import { HeldMemory } from './extproc/held-memory.ts'
import type { LivePools } from './pool/live-pools.ts'
import { answerModels } from './request/models-list.ts'
import { usageMetadata } from './response/usage-metadata.ts'
import type { SchedulingConfiguration } from './scheduling/configuration.ts'
import { createScheduler, type Scheduler } from './scheduling/scheduler.ts'
import type { ServiceOptions } from './service.ts'
import type { AccessLog } from './telemetry/access-log.ts'
import { atMostEvery } from './telemetry/log.ts'
import type { Metrics } from './telemetry/metrics.ts'
import { joinObservers } from './telemetry/observers.ts'
import type { OtlpExport } from './telemetry/otlp-export.ts'

/** What conversations are held with, and the queues that their requests wait in. */
export type Conversing = {
  readonly context: ConversationContext
  /** Request headers that are read beside those of rules, lower case. */
  readonly headerNames: readonly string[]
  /** How full a pool is: 1 is full. */
  saturationOf(poolKey: string): number
  /** Blocks of prompts that are remembered, each once for each endpoint; undefined where none are. */
  readonly prefixIndexSize: () => number | undefined
  /** Undefined without flow control. */
  readonly queues: PoolQueues | undefined
  /** Where requests are tried, for people who ask why. Made when it is asked for. */
  readonly trialGround: () => TrialGround
}

/** Who wants to know which pools are in use. Called for every request: cheap. */
export type PoolActivity = {
  /** A request came for the pool, and may be sent to one of its endpoints now. */
  touched(poolKey: string): void
  /** Less is in flight in the pool than before. */
  released(poolKey: string): void
}

/** Who is told of single requests, where it is switched on. */
export type RequestTellers = {
  readonly otlp: OtlpExport | undefined
  readonly accessLog: AccessLog | undefined
  readonly decisions: DecisionListener | undefined
}

/** Who is told some of the decisions in full. */
export type DecisionListener = {
  /** By which requests are decided now. */
  readonly catalog: () => Catalog
  /** Processes that serve. */
  readonly processes: number
  tell(explanation: Explanation): void
}

const warnIntervalMs = 60_000

/** The header by which clients of the Anthropic API are known. */
const anthropicHeader = 'anthropic-version'

export type ConversingOptions = Pick<
  ServiceOptions,
  | 'limits'
  | 'rejectsUnknownModels'
  | 'keepsContentLength'
  | 'emitsEndpointScores'
  | 'keepsToSubset'
  | 'trustsHints'
  | 'answersModels'
>

/** Puts together what the stages of a request need: live pools, a scheduler, queues, metrics. */
export function createConversing(
  options: ConversingOptions,
  configuration: SchedulingConfiguration,
  pools: LivePools,
  activity: PoolActivity,
  metrics: Metrics,
  { otlp, accessLog, decisions }: RequestTellers,
  log: Logger,
): Conversing {
  const { scheduling } = metrics
  const tracing = otlp?.exportsTraces ? otlp : undefined
  const hidesScores = !options.emitsEndpointScores
  const keepsScores = !hidesScores || tracing !== undefined || accessLog !== undefined
  const teller =
    decisions &&
    new DecisionTeller({
      ...decisions,
      clock: systemClock,
      dateMs: systemClock.epochMs,
      trustsHints: options.trustsHints,
      hidesScores,
      endpointsOf: (poolKey) => pools.endpointsOf(poolKey),
      saturation: (endpoints) => scheduler.saturation(endpoints),
    })
  const timed = scheduling.timed(configuration)
  const untold = scheduling.timedScheduler(
    createScheduler(teller?.recorder.recorded(timed) ?? timed, { keepsScores }),
    configuration.producers,
  )
  const scheduler: Scheduler = teller?.watched(untold) ?? untold
  const endpointsOf = (poolKey: string) => {
    activity.touched(poolKey)
    return pools.endpointsOf(poolKey)
  }
  const { flowControl } = configuration
  const queues =
    flowControl &&
    new PoolQueues(flowControl, {
      clock: systemClock,
      saturation: (poolKey) => scheduler.saturation(endpointsOf(poolKey)),
      hasEndpoints: (poolKey) => pools.endpointsOf(poolKey).length > 0,
      observer: (poolKey) => metrics.queueObserver(poolKey),
    })
  const warnUnroutable = atMostEvery(warnIntervalMs, performance.now.bind(performance), (count) =>
    log.warn(
      { count },
      'request bodies arrive after their headers had to go on (STREAMED mode): the model in them cannot choose a route. ' +
        'Use FULL_DUPLEX_STREAMED, or set send_body_without_waiting_for_header_response in the ext_proc filter',
    ),
  )
  const context: ConversationContext = {
    limits: options.limits,
    heldMemory: new HeldMemory(options.limits.maxTotalHeldBytes),
    clock: systemClock,
    parsers: configuration.parsers,
    scheduling: {
      endpointsOf,
      endpointAt: (address) => pools.endpointAt(address),
      scheduler,
      keepsToSubset: options.keepsToSubset,
      hidesScores,
      released(poolKey) {
        activity.released(poolKey)
        queues?.release(poolKey)
      },
      spent({ poolKey, priority, fairnessId }, { promptTokens = 0, completionTokens = 0 }) {
        queues?.of(poolKey).spent(priority, fairnessId, promptTokens, completionTokens)
      },
    },
    admission: { flowOf: (poolKey) => queues?.of(poolKey) },
    response: { nowMs: systemClock.nowMs, usageMetadata: (reader) => usageMetadata(reader, configuration.reporters) },
    rejectsUnknownModels: options.rejectsUnknownModels,
    keepsContentLength: options.keepsContentLength,
    trustsHints: options.trustsHints,
    answerHere(request, catalog) {
      const { headers, facts } = request
      const method = headers?.[slot.method]
      // The proxy leaves out the body of an answer to HEAD.
      if (method !== 'GET' && method !== 'HEAD') return undefined
      if (!options.answersModels || facts.path === undefined) return undefined
      return answerModels(catalog, facts.path, request.header(anthropicHeader) === undefined ? 'openai' : 'anthropic')
    },
    random: Math.random,
    observer: joinObservers(
      {
        ...metrics.conversationObserver,
        unroutable() {
          metrics.unroutable.inc()
          warnUnroutable()
        },
      },
      [tracing, accessLog, teller].flatMap((each) => each?.observer ?? []),
    ),
    beginTrace: tracing?.beginTrace,
    keepsPromptText: tracing?.capturesContent ?? false,
  }
  let ground: TrialGround | undefined
  return {
    context,
    trialGround() {
      ground ??= createTrialGround(context, configuration, keepsScores, pools, queues)
      return ground
    },
    headerNames: [
      anthropicHeader,
      ...scheduler.headerNames,
      ...(tracing?.headerNames ?? []),
      ...(accessLog?.headerNames ?? []),
    ],
    prefixIndexSize: () => prefixIndexSize(configuration, pools),
    saturationOf: (poolKey) => scheduler.saturation(pools.endpointsOf(poolKey)),
    queues,
  }
}

function prefixIndexSize({ producers }: SchedulingConfiguration, pools: LivePools): number | undefined {
  const indexing = producers.filter((producer) => producer.indexEntries !== undefined)
  if (indexing.length === 0) return undefined
  const endpoints = new Set([...pools.members.values()].flat())
  return indexing.reduce((sum, producer) => {
    for (const endpoint of endpoints) sum += producer.indexEntries!(endpoint)
    return sum
  }, 0)
}
