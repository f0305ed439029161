import type { Spawn, WorkerListener, WorkerProcess } from '../../src/workers/crew.ts'
import type { FromWorker, ToWorker } from '../../src/workers/messages.ts'

/** A worker process that does only what a test has it do. */
export class FakeProcess implements WorkerProcess {
  readonly got: ToWorker[] = []
  readonly #listener: WorkerListener
  isKilled = false

  constructor(listener: WorkerListener) {
    this.#listener = listener
  }

  send(message: ToWorker): void {
    this.got.push(structuredClone(message))
  }

  kill(): void {
    this.isKilled = true
    this.end('signal SIGKILL')
  }

  tell(message: FromWorker): void {
    this.#listener.told(structuredClone(message))
  }

  end(how = 'exit code 1'): void {
    this.#listener.ended(how)
  }

  /** The kinds of the messages that it has got, but for pings. */
  get kinds(): string[] {
    return this.got.map(({ kind }) => kind).filter((kind) => kind !== 'ping')
  }
}

export class FakeProcesses {
  /** In the order in which they were started. */
  readonly all: FakeProcess[] = []

  readonly spawn: Spawn = (listener) => {
    const process = new FakeProcess(listener)
    this.all.push(process)
    return process
  }

  serveAll(): void {
    for (const process of this.all) process.tell({ kind: 'serving', port: 9002 })
  }
}
