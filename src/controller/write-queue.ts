import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../clock.ts'
import { ApiError, isManagerConflict, type KubeClient } from '../kubernetes/client.ts'
import { type KubeObject, keyOf, resourceName } from '../kubernetes/object.ts'
import type { Write } from './writer.ts'

/**
 * How a write ended: `unchanged` when the API server stores something else than it was told, `gone` when there is no such
 * object any more. `conflict` when another manager has set the same fields: of a write that takes them over it is counted
 * beside how that ended.
 */
export type WriteResult = 'written' | 'unchanged' | 'deleted' | 'gone' | 'conflict' | 'failed'

export type WriteQueueOptions = {
  readonly client: KubeClient
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  /** Asked right before each write: a lease may have run out since it was planned. */
  mayWrite(): boolean
}

export type WriteListener = {
  /** @param object as it is stored now; undefined when it is gone or the write has failed */
  onResult(write: Write, result: WriteResult, object: KubeObject | undefined, message: string): void
  /** A write that had to wait may be planned again. */
  onDue(): void
}

export const writeLimits = {
  /** Writes under way of one kind: objects of a kind that takes long do not hold up the others. */
  concurrency: 8,
  /** Before an object is tried again after a failure, and before it is taken over again; doubled each time, half of it random. */
  firstRetryMs: 500,
  longestRetryMs: 60_000,
  /** For all objects, when the API server has too much to do (429) and does not say for how long. */
  busyMs: 1_000,
} as const

type Patience = { readonly failures: number; readonly untilMs: number; readonly content: object | undefined }

/**
 * Sends planned writes, each object's one at a time. It keeps no writes of its own: after a failure the object has to wait, and
 * what is then to be written is planned again.
 */
export class WriteQueue {
  readonly #options: WriteQueueOptions
  readonly #listener: WriteListener
  /** By kind and object; those of an object under way or that has to wait are left out. */
  #pending = new Map<string, Write>()
  /** Objects that have to wait after a failure, and what was written lately. */
  readonly #patience = new Map<string, Patience>()
  readonly #underWay = new Map<string, Promise<void>>()
  /** How many are under way, by kind. */
  readonly #busy = new Map<string, number>()
  /** The API server wants to be left alone until then. */
  #pausedUntilMs = Number.NEGATIVE_INFINITY
  #isClosed = false
  #cancelDue: (() => void) | undefined
  #dueMs = Number.POSITIVE_INFINITY

  constructor(options: WriteQueueOptions, listener: WriteListener) {
    this.#options = options
    this.#listener = listener
  }

  /** Writes that are to be sent or under way. */
  get size(): number {
    return this.#pending.size + this.#underWay.size
  }

  /** All that is to be written now: what is not under way and not among `writes` is no longer needed. */
  replace(writes: Iterable<Write>): void {
    if (this.#isClosed) return
    const nowMs = this.#options.clock.nowMs()
    this.#pending = new Map()
    for (const write of writes) {
      const key = idOf(write)
      if (this.#underWay.has(key)) continue
      const patience = this.#patience.get(key)
      const isTheSame = isDeepStrictEqual(patience?.content, write.content)
      const waitUntilMs = patience !== undefined && isTheSame ? patience.untilMs : nowMs
      if (waitUntilMs > nowMs) this.#wakeAt(waitUntilMs)
      else this.#pending.set(key, write)
    }
    for (const [key, { untilMs }] of this.#patience) {
      if (untilMs + writeLimits.longestRetryMs < nowMs) this.#patience.delete(key)
    }
    for (const [key, write] of this.#pending) this.#send(key, write)
  }

  /** Sends nothing more of what is planned, and bears no grudge. */
  clear(): void {
    this.#pending.clear()
    this.#patience.clear()
    this.#cancelDue?.()
    this.#dueMs = Number.POSITIVE_INFINITY
  }

  /** Resolves when all that was under way has been answered. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.clear()
    await Promise.all(this.#underWay.values())
  }

  #send(key: string, write: Write): void {
    const kind = resourceName(write.kind)
    const busy = this.#busy.get(kind) ?? 0
    if (busy >= writeLimits.concurrency || !this.#options.mayWrite()) return
    if (this.#options.clock.nowMs() < this.#pausedUntilMs) return this.#wakeAt(this.#pausedUntilMs)
    this.#busy.set(kind, busy + 1)
    this.#pending.delete(key)
    const sending = this.#perform(key, write).then(() => {
      this.#underWay.delete(key)
      this.#busy.set(kind, this.#busy.get(kind)! - 1)
      this.#sendNext(kind)
    })
    this.#underWay.set(key, sending)
  }

  #sendNext(kind: string): void {
    for (const [key, write] of this.#pending) {
      if (resourceName(write.kind) === kind) return this.#send(key, write)
    }
  }

  async #perform(key: string, write: Write): Promise<void> {
    let hasConflict = false
    const onConflict = (message: string) => {
      hasConflict = true
      this.#listener.onResult(write, 'conflict', undefined, message)
    }
    try {
      const object = await write.send(this.#options.client, onConflict)
      if (object === undefined) return this.#listener.onResult(write, 'gone', undefined, '')
      if (object === 'deleted') {
        // What is wanted again later was undone by nobody else.
        this.#patience.delete(key)
        return this.#listener.onResult(write, 'deleted', undefined, '')
      }
      const isUnchanged = object.metadata.resourceVersion === write.object.metadata.resourceVersion
      // Whoever else writes the same, or undoes it, or an API server that drops a field, would keep both busy.
      if (hasConflict || isUnchanged || this.#isRepeated(key, write)) this.#postpone(key, write)
      else this.#remember(key, write)
      this.#listener.onResult(write, isUnchanged ? 'unchanged' : 'written', object, '')
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) {
        return this.#listener.onResult(write, 'gone', undefined, error.message)
      }
      if (error instanceof ApiError && error.status === 429) this.#pause(error.retryAfterMs || writeLimits.busyMs)
      this.#postpone(key, write)
      const result = isManagerConflict(error) ? 'conflict' : 'failed'
      this.#listener.onResult(write, result, undefined, (error as Error).message)
    }
  }

  /** Not long ago the same was written, so somebody has undone it. */
  #isRepeated(key: string, { content }: Write): boolean {
    const before = this.#patience.get(key)
    return content !== undefined && before !== undefined && isDeepStrictEqual(before.content, content)
  }

  #remember(key: string, { content }: Write): void {
    if (content === undefined) this.#patience.delete(key)
    else this.#patience.set(key, { failures: 0, untilMs: this.#options.clock.nowMs(), content })
  }

  #pause(ms: number): void {
    const { clock } = this.#options
    this.#pausedUntilMs = clock.nowMs() + Math.min(ms, writeLimits.longestRetryMs)
  }

  #postpone(key: string, { content }: Write): void {
    const { clock, random } = this.#options
    const before = this.#patience.get(key)
    const failures = before !== undefined && isDeepStrictEqual(before.content, content) ? before.failures + 1 : 1
    const { firstRetryMs, longestRetryMs } = writeLimits
    const waitMs = Math.min(longestRetryMs, firstRetryMs * 2 ** (failures - 1)) * (0.5 + random() / 2)
    this.#patience.set(key, { failures, untilMs: clock.nowMs() + waitMs, content })
    this.#wakeAt(clock.nowMs() + waitMs)
  }

  #wakeAt(atMs: number): void {
    if (this.#isClosed || atMs >= this.#dueMs) return
    this.#cancelDue?.()
    this.#dueMs = atMs
    this.#cancelDue = this.#options.clock.after(atMs - this.#options.clock.nowMs(), () => {
      this.#dueMs = Number.POSITIVE_INFINITY
      this.#listener.onDue()
    })
  }
}

const idOf = ({ kind, object }: Write): string => `${resourceName(kind)} ${keyOf(object)}`
