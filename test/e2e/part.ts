import { GuardedProcess, type Program, untilReady } from '../../src/demo/process.ts'

/** A program of the scene, which a test may end and start again. */
export class Part {
  readonly #program: Program
  readonly #isReady: () => Promise<boolean>
  #process: GuardedProcess | undefined

  constructor(program: Program, isReady: () => Promise<boolean>) {
    this.#program = program
    this.#isReady = isReady
  }

  /** The one that was started last. */
  get process(): GuardedProcess {
    return this.#process!
  }

  /** Resolves when it serves. Not while one still runs: both would have the same ports. */
  async start(): Promise<void> {
    this.#process = new GuardedProcess(this.#program)
    await untilReady(this.#process, this.#isReady)
  }

  /** Resolves when it has ended, however long that takes. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    process.kill(this.process.pid, signal)
    await this.process.ended
  }

  async stop(): Promise<void> {
    await this.#process?.stop()
  }
}
