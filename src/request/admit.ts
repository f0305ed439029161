import type { FlowController } from '../admission/flow-controller.ts'
import { FlowItem } from '../admission/flow-item.ts'
import type { Rejection } from '../admission/rejection.ts'
import { shedding } from '../admission/shedding.ts'
import { durationMs } from '../scheduling/go-duration.ts'
import { type Refusal, refuse } from './errors.ts'
import type { InferenceRequest } from './inference-request.ts'
import type { Scheduling } from './pick.ts'

/** Lets requests through, or not, before a server is picked for them. */
export type Admission = {
  /** The queue of a pool; undefined without flow control, where requests do not wait. */
  flowOf(poolKey: string): RequestQueue | undefined
}

/** Where requests wait. */
export type RequestQueue = Pick<FlowController, 'offer' | 'cancel'>

/** What becomes of a request that waits: one of the two, once. */
export type Waiting = {
  admitted(): void
  refused(refusal: Refusal): void
}

/** A request's place in a queue. */
export class QueuedRequest extends FlowItem {
  /** For metrics: the model that was asked for, and the one that the server will be. */
  readonly model: string
  readonly targetModel: string
  readonly #controller: RequestQueue
  readonly #waiting: Waiting

  constructor(request: InferenceRequest, controller: RequestQueue, waiting: Waiting) {
    super({
      priority: request.priority,
      fairnessId: request.fairnessId,
      bytes: Math.max(request.bodyBytes, request.facts.declaredBytes ?? 0),
      ttlMs: durationMs(request.hint('ttl') ?? ''),
      sloTtftMs: milliseconds(request.hint('ttftMs')),
      receivedAtMs: request.startedAtMs,
    })
    this.model = request.model ?? ''
    this.targetModel = request.targetModel
    this.#controller = controller
    this.#waiting = waiting
  }

  override onAdmitted(): void {
    this.#waiting.admitted()
  }

  override onRejected(rejection: Rejection): void {
    this.#waiting.refused(refusalOf(rejection))
  }

  /** Gives the place up. */
  cancel(): void {
    this.#controller.cancel(this)
  }
}

/** Whether the request may be sent to its pool now: undefined says yes, a refusal no, a place in the queue not yet. */
export function admit(
  admission: Admission,
  scheduling: Scheduling,
  request: InferenceRequest,
  waiting: Waiting,
  random: () => number,
): QueuedRequest | Refusal | undefined {
  if (request.poolKey === '') return undefined
  const { scheduler } = scheduling
  request.guessedFairnessId = scheduler.fairnessIdOf(request)
  const controller = admission.flowOf(request.poolKey)
  if (controller === undefined && request.priority < 0) {
    const shed = shedding(request.priority, scheduler.saturation(scheduling.endpointsOf(request.poolKey)))
    if (shed !== undefined) return refusalOf(shed)
  }
  if (scheduler.hasAdmitters) {
    const candidates = scheduling.endpointsOf(request.poolKey)
    const why = scheduler.refusal(request, candidates, scheduler.saturation(candidates), random)
    if (why !== undefined) return refuse('not_admitted', why, droppedHeaders('rejected-saturated', 1))
  }
  if (controller === undefined) return undefined
  const queued = new QueuedRequest(request, controller, waiting)
  const outcome = controller.offer(queued)
  if (outcome === 'admitted') return undefined
  return outcome === 'waiting' ? queued : refusalOf(outcome)
}

function refusalOf({ reason, retryAfterSeconds, message }: Rejection): Refusal {
  return refuse(codes[reason], message, droppedHeaders(reason, retryAfterSeconds))
}

const codes = {
  'rejected-saturated': 'saturated',
  'rejected-ttl-expired': 'queue_timeout',
  'rejected-no-endpoints': 'no_endpoint',
  'rejected-shutting-down': 'shutting_down',
} as const

const droppedHeaders = (reason: string, retryAfterSeconds: number): readonly string[] => [
  'retry-after',
  String(retryAfterSeconds),
  'x-llm-d-request-dropped-reason',
  reason,
]

/** A header's number of milliseconds; undefined for anything else. */
function milliseconds(value: string | undefined): number | undefined {
  if (value === undefined || value.trim() === '') return undefined
  const number = Number(value)
  return Number.isFinite(number) && number >= 0 ? number : undefined
}
