import type { Endpoint } from '../pool/endpoint.ts'
import type { Scheduled, Usage } from '../scheduling/plugin.ts'
import type { InferenceRequest } from './inference-request.ts'
import type { Scheduling } from './pick.ts'

/** A request that has been sent to its endpoint and not ended: it counts there until it has. */
export class Flight {
  readonly request: InferenceRequest
  readonly scheduled: Scheduled
  readonly #scheduling: Scheduling
  /** The endpoint that serves it: the first that was scheduled, or one to which the proxy fell back. */
  #endpoint: Endpoint
  #hasReadPrompt: boolean
  #hasStarted = false
  #isEnded = false

  /**
   * @param scheduled with at least one endpoint
   * @param seesEnd whether the end of the answer will be seen
   */
  constructor(scheduling: Scheduling, request: InferenceRequest, scheduled: Scheduled, seesEnd: boolean) {
    this.#scheduling = scheduling
    this.request = request
    this.scheduled = scheduled
    this.#endpoint = scheduled.endpoints[0]
    this.#hasReadPrompt = request.isPromptRead
    // First, as nothing counts when a plugin throws.
    scheduling.scheduler.routed(request, scheduled)
    this.#endpoint.inFlight++
    this.#endpoint.endsUnseen = !seesEnd
    for (const helper of scheduled.helpers) helper.inFlight++
  }

  get endpoint(): Endpoint {
    return this.#endpoint
  }

  /** The proxy says at which address the response comes from. */
  servedBy(address: string): void {
    // Of endpoints behind one address it can't tell which.
    if (address === this.#endpoint.address || address === this.scheduled.destination || this.#isEnded) return
    const served = this.#scheduling.endpointAt(address)
    if (served === undefined) return
    this.#endpoint.inFlight--
    served.inFlight++
    this.#endpoint = served
  }

  /** More of the body has come after the decision. */
  bodyRead(): void {
    if (this.#hasReadPrompt || !this.request.isPromptRead) return
    this.#hasReadPrompt = true
    this.#scheduling.scheduler.promptRead(this.request, this.scheduled)
  }

  /** The first bytes of the answer have come: those who helped with its prompt have done their work. */
  responseStarted(): void {
    if (this.#hasStarted || this.#isEnded) return
    this.#hasStarted = true
    const { helpers } = this.scheduled
    for (const helper of helpers) helper.inFlight--
    const isFreed = this.#scheduling.scheduler.responseStarted(this.request, this.scheduled)
    if (isFreed || helpers.length > 0) this.#scheduling.released(this.request.poolKey)
  }

  /** Headers that the response gets, flat: name, value … */
  get responseHeaders(): readonly string[] {
    return this.#scheduling.scheduler.responseHeaders(this.request, this.#endpoint)
  }

  /** The exchange is over, or can't be seen any more. Counts once, however often it is called. */
  end(usage: Usage | undefined): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#endpoint.inFlight--
    if (!this.#hasStarted) for (const helper of this.scheduled.helpers) helper.inFlight--
    this.#scheduling.scheduler.ended(this.request, this.scheduled, usage)
    if (usage !== undefined) this.#scheduling.spent(this.request, usage)
    this.#scheduling.released(this.request.poolKey)
  }
}
