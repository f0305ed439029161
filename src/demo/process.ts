import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'

/** How much of a program's last output is kept to explain its end, characters. */
const maxTailChars = 16_384

/** From SIGTERM to SIGKILL. Longer than the programs need to drain. */
const killAfterMs = 5_000

/**
 * Starts the program and, beside it, a watcher that reads a pipe (file descriptor 3) whose other end is in this process.
 * When this process is gone, however it went, the pipe ends and the watcher ends the program. Both are in a session of their
 * own: ctrl-C in the terminal reaches only this process, and the watcher keeps the program's id from being used again.
 */
const guardedStart = `
(cat <&3; kill -TERM $$; sleep ${killAfterMs / 1000}; kill -KILL -$$) >/dev/null 2>&1 &
exec "$@" 3<&-`

export type Program = { readonly name: string; readonly command: string; readonly args: readonly string[] }

/** A program that runs beside this one and never outlives it. */
export class GuardedProcess {
  readonly name: string
  readonly pid: number
  /** Resolves when the program has ended, with how it ended in words. */
  readonly ended: Promise<string>
  readonly #child: ChildProcess
  #tail = ''
  #running = true
  #stopping = false

  constructor({ name, command, args }: Program) {
    this.name = name
    this.#child = spawn('/bin/sh', ['-c', guardedStart, name, command, ...args], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      detached: true,
    })
    if (this.#child.pid === undefined) throw new Error(`${name} could not be started: /bin/sh is missing`)
    this.pid = this.#child.pid
    const keep = (text: string) => {
      this.#tail = (this.#tail + text).slice(-maxTailChars)
    }
    this.#child.stdout!.setEncoding('utf8').on('data', keep)
    this.#child.stderr!.setEncoding('utf8').on('data', keep)
    this.ended = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        this.#running = false
        this.#signalGroup('SIGKILL') // the watcher
        resolve(signal === null ? `exit code ${code}` : signal)
      })
    })
  }

  get running(): boolean {
    return this.#running
  }

  /** Whether {@link stop} was called: an end that was asked for. */
  get stopping(): boolean {
    return this.#stopping
  }

  /** The last lines of what it wrote. */
  lastLines(count = 20): string {
    return this.#tail.trimEnd().split('\n').slice(-count).join('\n')
  }

  async stop(): Promise<void> {
    this.#stopping = true
    if (!this.#running) return
    this.#child.kill('SIGTERM')
    const patience = new AbortController()
    const kill = sleep(killAfterMs, undefined, { signal: patience.signal }).then(
      () => this.#signalGroup('SIGKILL'),
      () => {},
    )
    await this.ended
    patience.abort()
    await kill
  }

  #signalGroup(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.pid, signal)
    } catch {
      // Nobody of the group is left.
    }
  }
}

/**
 * Waits until `ready` holds. Fails with the program's last lines when it ends before, or is not ready in time.
 * A `ready` that throws counts as not yet.
 */
export async function untilReady(program: GuardedProcess, ready: () => Promise<boolean>, timeoutMs = 20_000) {
  const deadlineMs = performance.now() + timeoutMs
  while (!(await ready().catch(() => false))) {
    if (!program.running) throw new Error(`${program.name} ended: ${await program.ended}\n${program.lastLines()}`)
    if (performance.now() > deadlineMs) {
      throw new Error(`${program.name} was not ready after ${timeoutMs / 1000} s\n${program.lastLines()}`)
    }
    await sleep(25)
  }
}
