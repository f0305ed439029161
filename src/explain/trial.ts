import type { PoolQueues } from '../admission/pool-queues.ts'
import { Conversation } from '../extproc/conversation.ts'
import type { ConversationContext, Routing } from '../extproc/conversation-context.ts'
import { bodyMode } from '../extproc/decode.ts'
import type { HeaderTable, HeaderValues } from '../extproc/headers.ts'
import { HeldMemory } from '../extproc/held-memory.ts'
import type { Endpoint } from '../pool/endpoint.ts'
import type { RequestQueue } from '../request/admit.ts'
import type { InferenceRequest } from '../request/inference-request.ts'
import type { Scheduled } from '../scheduling/plugin.ts'
import type { Scheduler } from '../scheduling/scheduler.ts'
import { readAnswers, type Told } from './answers.ts'
import type { ClientRequest } from './client-request.ts'
import type { ExplainedAdmission, ExplainedProfile } from './explanation.ts'
import type { ProfileRecorder } from './recorder.ts'

/** What requests are tried in: what serving goes by, and a scheduler over the same plugins that is recorded. */
export type TrialGround = {
  readonly context: ConversationContext
  /** Over the configuration that {@link recorder} watches. */
  readonly scheduler: Scheduler
  readonly recorder: ProfileRecorder
  /** Undefined without flow control. */
  readonly queues: PoolQueues | undefined
  /** The endpoints of a pool; nobody is told that a request came for it. */
  endpointsOf(poolKey: string): readonly Endpoint[]
}

/** What became of a request in its stages. */
export type Decision = {
  readonly request: InferenceRequest
  readonly scheduled: Scheduled | undefined
  /** What the queue or the saturation of the pool said; undefined when nobody was asked. */
  readonly admission: ExplainedAdmission | undefined
  readonly profiles: readonly ExplainedProfile[]
  readonly told: Told
}

/** Envoy passes a body on in pieces of about so many bytes. */
const pieceBytes = 16 * 1024

/**
 * Holds a real conversation about the request, as Envoy would in FULL_DUPLEX_STREAMED mode, in which nothing is for good: no
 * request is counted at an endpoint, plugins learn nothing, and the queue is asked but not entered. What would wait is
 * decided as if it were let through at this moment.
 */
export async function tryRequest(client: ClientRequest, routing: Routing, ground: TrialGround): Promise<Decision> {
  const { context, scheduler, recorder, queues, endpointsOf } = ground
  let request: InferenceRequest | undefined
  let scheduled: Scheduled | undefined
  let admission: ExplainedAdmission | undefined
  let profiles: readonly ExplainedProfile[] = []

  const silent: Scheduler = {
    ...scheduler,
    schedule(...given) {
      recorder.begin()
      const found = scheduler.schedule(...given)
      profiles = recorder.end()
      // A request counts at the endpoints that it goes to: at copies of them.
      scheduled = { ...found, endpoints: found.endpoints.map(copyOf), helpers: found.helpers.map(copyOf) }
      return scheduled
    },
    routed() {},
    promptRead() {},
    responseStarted: () => false,
    responseHeaders: () => [],
    ended() {},
  }

  const queueOf = (poolKey: string): RequestQueue | undefined => {
    const queue = queues?.peek(poolKey)
    if (queue === undefined) return undefined
    return {
      offer(item) {
        const saturation = scheduler.saturation(endpointsOf(poolKey))
        const outcome = queue.ask(item, saturation)
        const waiting = { requests: queue.requests, bytes: queue.bytes }
        const verdict = outcome === 'admitted' ? 'goes' : outcome === 'waiting' ? 'waits' : 'refused'
        admission = { verdict, saturation, queue: waiting, why: whyOf(outcome, saturation, queue.requests) }
        return outcome === 'waiting' ? 'admitted' : outcome
      },
      cancel() {},
    }
  }

  const written: Buffer[] = []
  const trial: ConversationContext = {
    ...context,
    heldMemory: new HeldMemory(context.limits.maxTotalHeldBytes),
    beginTrace: undefined,
    keepsPromptText: false,
    scheduling: { ...context.scheduling, endpointsOf, scheduler: silent, released() {}, spent() {} },
    admission: { flowOf: queueOf },
    answerHere(of, catalog) {
      request = of
      return context.answerHere(of, catalog)
    },
    observer: {
      decided(of) {
        request = of
      },
      refused(_code, of) {
        request = of
      },
      unroutable() {},
      ended() {},
    },
  }
  const waits = Promise.withResolvers<void>()
  const conversation = new Conversation(trial, routing, client.poolHint, {
    write: (bytes) => void written.push(bytes),
    run(step) {
      step()
      waits.resolve()
    },
  })
  conversation.protocolConfig({
    requestBodyMode: bodyMode.fullDuplex,
    responseBodyMode: bodyMode.fullDuplex,
    sendBodyWithoutWaiting: false,
  })
  if (client.subset !== undefined) conversation.subsetHint(client.subset)
  conversation.requestHeaders(valuesOf(client, routing.table), client.body.length === 0)
  for (let at = 0; at < client.body.length; at += pieceBytes) {
    conversation.requestBody(client.body.subarray(at, at + pieceBytes))
  }
  if (client.body.length > 0) conversation.requestBodyEnd(true)
  // A compressed body is decoded in threads.
  if (conversation.isWaiting) await waits.promise
  conversation.closed()
  return { request: request!, scheduled, admission, profiles, told: readAnswers(written) }
}

const copyOf = (endpoint: Endpoint): Endpoint => ({ ...endpoint })

function valuesOf({ method, path, headers }: ClientRequest, table: HeaderTable): HeaderValues {
  const values: HeaderValues = new Array(table.size).fill(undefined)
  for (const [name, value] of [[':method', method], [':path', path], ...headers] as const) {
    const slot = table.slotOf(name)
    if (slot >= 0) values[slot] = value
  }
  return values
}

function whyOf(
  outcome: ReturnType<ReturnType<PoolQueues['peek']>['ask']>,
  saturation: number,
  waiting: number,
): string {
  if (typeof outcome === 'object') return outcome.message
  if (outcome === 'admitted') return 'the pool has capacity'
  if (waiting > 0) return `${waiting} requests wait already`
  return Number.isFinite(saturation) && saturation >= 1
    ? 'the pool is full'
    : 'the pool has no capacity for this priority'
}
