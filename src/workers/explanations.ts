import type { Clock } from '../clock.ts'
import type { ClientRequest } from '../explain/client-request.ts'
import type { Explanation } from '../explain/explanation.ts'
import { NotServing } from '../explain/not-serving.ts'
import { explainTimeoutMs } from './limits.ts'
import type { FromWorker, ToWorker } from './messages.ts'

type Question<Worker> = {
  readonly worker: Worker
  readonly resolve: (explanation: Explanation) => void
  readonly reject: (error: Error) => void
  readonly cancelTimer: () => void
}

/** What workers were asked to explain. Each of them has the state that requests are decided by. */
export class Explanations<Worker extends { send(message: ToWorker): void }> {
  readonly #clock: Clock
  readonly #questions = new Map<number, Question<Worker>>()
  #asked = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @throws NotServing without a worker, or when it has ended or does not answer in time; the worker's own error */
  ask(worker: Worker | undefined, client: ClientRequest): Promise<Explanation> {
    if (worker === undefined) return Promise.reject(new NotServing('no worker serves at this moment; try again'))
    this.#asked += 1
    const id = this.#asked
    return new Promise((resolve, reject) => {
      const giveUp = () => this.#take(id)?.reject(new NotServing('the worker does not answer; try again'))
      const cancelTimer = this.#clock.after(explainTimeoutMs, giveUp)
      this.#questions.set(id, { worker, resolve, reject, cancelTimer })
      worker.send({ kind: 'explain', id, client })
    })
  }

  told({ id, explanation, failure }: Extract<FromWorker, { kind: 'explained' }>): void {
    const question = this.#take(id)
    if (explanation !== undefined) question?.resolve(explanation)
    else question?.reject(new Error(failure))
  }

  /** A worker has ended. */
  forget(worker: Worker): void {
    for (const [id, question] of this.#questions) {
      if (question.worker === worker) this.#take(id)?.reject(new NotServing('the worker has ended; try again'))
    }
  }

  #take(id: number): Question<Worker> | undefined {
    const question = this.#questions.get(id)
    this.#questions.delete(id)
    question?.cancelTimer()
    return question
  }
}
