import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import { drainGraceMs, maxPingsBeforeServing, maxUnansweredPings, pingIntervalMs, restartDelayMs } from './limits.ts'
import type { FromWorker, ToWorker } from './messages.ts'

/** A process of its own, and the channel to it. */
export type WorkerProcess = {
  /** What is sent to one that has ended is lost without a word. */
  send(message: ToWorker): void
  kill(): void
}

export type WorkerListener = {
  told(message: FromWorker): void
  /** @param how exit code or signal, for people */
  ended(how: string): void
}

export type Spawn = (listener: WorkerListener) => WorkerProcess

export type CrewOptions = {
  readonly clock: Clock
  readonly spawn: Spawn
  /** The first message to a worker. */
  startOf(worker: WorkerProcess, name: string): ToWorker
  /** What the crew itself has no use for. */
  told(worker: WorkerProcess, message: FromWorker): void
  ended(worker: WorkerProcess): void
  /** The first serves, or the last does not any more. */
  onAvailable(): void
  readonly log: Logger
}

/** A place in the crew: one process after the other has it. */
type Place = {
  readonly name: string
  process: WorkerProcess | undefined
  isServing: boolean
  servingSinceMs: number
  unansweredPings: number
  nextDelayMs: number
}

/** Keeps so many worker processes running, as many as there are places. */
export class Crew {
  readonly #options: CrewOptions
  readonly #places: readonly Place[]
  readonly #timers = new Set<() => void>()
  readonly #started = Promise.withResolvers<number>()
  #hasStarted = false
  #isEnding = false
  #noneLeft: (() => void) | undefined

  constructor(size: number, options: CrewOptions) {
    this.#options = options
    this.#places = Array.from({ length: size }, (_, i) => newPlace(`${i + 1}`))
  }

  /** Resolves to the port when all serve. @throws the error of the first that can't */
  start(): Promise<number> {
    for (const place of this.#places) this.#spawn(place)
    this.#after(pingIntervalMs, () => this.#ping())
    return this.#started.promise
  }

  /** Those that have begun, whether they serve yet or not. */
  get workers(): WorkerProcess[] {
    return this.#places.flatMap(({ process }) => process ?? [])
  }

  get serving(): WorkerProcess[] {
    return this.#places.flatMap(({ process, isServing }) => (isServing ? (process ?? []) : []))
  }

  send(message: ToWorker): void {
    for (const worker of this.workers) worker.send(message)
  }

  /** Has all serve to their ends; resolves when the last one has ended. */
  async drain(timeoutMs: number): Promise<void> {
    this.#isEnding = true
    this.#clearTimers()
    this.send({ kind: 'drain' })
    if (this.workers.length === 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#noneLeft = resolve
    this.#after(timeoutMs + drainGraceMs, () => this.#killAll())
    await promise
    this.#clearTimers()
  }

  /** Ends all at once. */
  kill(): void {
    this.#isEnding = true
    this.#clearTimers()
    this.#killAll()
  }

  #spawn(place: Place): void {
    const worker = this.#options.spawn({
      told: (message) => this.#told(place, worker, message),
      ended: (how) => this.#ended(place, worker, how),
    })
    place.process = worker
    place.unansweredPings = 0
    worker.send(this.#options.startOf(worker, place.name))
  }

  #told(place: Place, worker: WorkerProcess, message: FromWorker): void {
    // What was on its way when it ended comes after its end: it has nothing in flight any more.
    if (place.process !== worker) return
    switch (message.kind) {
      case 'serving':
        return this.#serves(place, worker, message.port)
      case 'pong':
        place.unansweredPings = 0
        return
      case 'failed': {
        const { message: cause, syscall } = message
        this.#options.log.error({ worker: place.name, cause }, 'a worker cannot serve')
        if (!this.#hasStarted) this.#started.reject(Object.assign(new Error(cause), syscall && { syscall }))
        return
      }
      default:
        this.#options.told(worker, message)
    }
  }

  #serves(place: Place, worker: WorkerProcess, port: number): void {
    const { clock, onAvailable, log } = this.#options
    place.isServing = true
    place.servingSinceMs = clock.nowMs()
    // A slow start may have left more questions unanswered than one who serves is allowed.
    place.unansweredPings = 0
    // Connections last: those that came while there were fewer workers would stay with them.
    for (const other of this.serving) if (other !== worker) other.send({ kind: 'renew' })
    if (this.serving.length === 1) onAvailable()
    if (this.#hasStarted) log.info({ worker: place.name }, 'a worker serves again')
    if (this.serving.length < this.#places.length) return
    this.#hasStarted = true
    this.#started.resolve(port)
  }

  #ended(place: Place, worker: WorkerProcess, how: string): void {
    const { clock, log, ended, onAvailable } = this.#options
    const wasServing = place.isServing
    place.process = undefined
    place.isServing = false
    ended(worker)
    if (wasServing && this.serving.length === 0) onAvailable()
    if (this.#isEnding) {
      if (this.workers.length === 0) this.#noneLeft?.()
      return
    }
    if (!this.#hasStarted) {
      this.#started.reject(new Error(`worker ${place.name} has ended before it served: ${how}`))
      return this.kill()
    }
    const hasServedWell = wasServing && clock.nowMs() - place.servingSinceMs >= restartDelayMs.servedWell
    const delayMs = hasServedWell ? restartDelayMs.first : place.nextDelayMs
    place.nextDelayMs = Math.min(2 * delayMs, restartDelayMs.most)
    log.error({ worker: place.name, how, delayMs }, 'a worker has ended, and is started again')
    this.#after(delayMs, () => this.#spawn(place))
  }

  /** Counts questions, not time: that goes on while this process itself is stopped. */
  #ping(): void {
    this.#after(pingIntervalMs, () => this.#ping())
    for (const place of this.#places) {
      if (place.process === undefined) continue
      if (place.unansweredPings >= (place.isServing ? maxUnansweredPings : maxPingsBeforeServing)) {
        this.#options.log.error({ worker: place.name }, 'a worker does not answer, and is killed')
        place.process.kill()
      } else {
        place.unansweredPings += 1
        place.process.send({ kind: 'ping' })
      }
    }
  }

  #killAll(): void {
    for (const worker of this.workers) worker.kill()
  }

  #after(delayMs: number, run: () => void): void {
    const cancel = this.#options.clock.after(delayMs, () => {
      this.#timers.delete(cancel)
      run()
    })
    this.#timers.add(cancel)
  }

  #clearTimers(): void {
    for (const cancel of this.#timers) cancel()
    this.#timers.clear()
  }
}

const newPlace = (name: string): Place => ({
  name,
  process: undefined,
  isServing: false,
  servingSinceMs: 0,
  unansweredPings: 0,
  nextDelayMs: restartDelayMs.first,
})
