import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../clock.ts'
import { ApiError, type KubeClient, type WatchEvent } from './client.ts'
import { listAll, type Selection } from './list.ts'
import { collectionPath, type KubeObject, type ResourceKind } from './object.ts'

/** How well a reflector sees its collection. */
export type ReflectorState =
  /** Nothing is known yet. */
  | { readonly name: 'starting' }
  /** What is told is what is there, but for the last moment. */
  | { readonly name: 'synced' }
  /** The API server does not serve this kind: its CRD is not installed. */
  | { readonly name: 'missing' }
  /** RBAC does not let us list or watch it. */
  | { readonly name: 'forbidden'; readonly message: string }
  /** No answer, or none that is one. */
  | { readonly name: 'failing'; readonly message: string }

/** The collection has been listed, or there is a reason why not that may last. */
export const isSettled = ({ name }: ReflectorState): boolean => name !== 'starting' && name !== 'failing'

/** Who is told what a collection holds. What was told stays true for the listener until it is told otherwise. */
export type ReflectorListener = {
  /** All objects there are. Those that were known before and are not among them are gone. */
  onListed(objects: readonly KubeObject[]): void
  onChanged(object: KubeObject): void
  onDeleted(object: KubeObject): void
  onState(state: ReflectorState): void
}

export type ReflectorOptions = Selection & {
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
}

/** All durations in milliseconds. */
export const reflectorLimits = {
  /** The first wait after a failure; each further one is twice as long, up to the longest. Replicas spread over half of it. */
  firstRetryMs: 250,
  longestRetryMs: 10_000,
  /** Between two looks for a kind that is not installed or not allowed. */
  absentRetryMs: 10_000,
  /** What the API server asks for by Retry-After counts up to here. */
  longestRetryAfterMs: 60_000,
  /** The API server ends a watch after this time to twice this time. */
  watchMs: 300_000,
  /** A watch that lasted so long was a good one: what ends it is no further failure. */
  steadyMs: 10_000,
  /** Without a word for so long a watch is made anew. Bookmarks come about once a minute, of kinds of which anything comes. */
  silenceMs: 100_000,
  /** After so many watches in a row that break off at once, or tell nothing, lists have to do: a proxy may hold events back. */
  watchTries: 3,
} as const

/**
 * Keeps a listener informed of a collection: lists it in pages, watches it from there, goes on from the last bookmark when a
 * watch ends, and lists again when that is too old (410). Failures are retried for ever, with more and more patience, until a
 * watch tells something or lasts.
 */
export class Reflector {
  readonly #client: Pick<KubeClient, 'get' | 'watch'>
  readonly #options: ReflectorOptions
  readonly #listener: ReflectorListener
  readonly #path: string
  readonly #abort = new AbortController()
  #state: ReflectorState = { name: 'starting' }
  /** Where the next watch begins; undefined asks for a list. */
  #resourceVersion: string | undefined
  #failures = 0
  /** Watches in a row that have told nothing. */
  #silences = 0
  #running: Promise<void> | undefined

  constructor(client: Pick<KubeClient, 'get' | 'watch'>, options: ReflectorOptions, listener: ReflectorListener) {
    this.#client = client
    this.#options = options
    this.#listener = listener
    this.#path = collectionPath(options.kind, options.namespace)
  }

  get kind(): ResourceKind {
    return this.#options.kind
  }

  get state(): ReflectorState {
    return this.#state
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** The listener hears nothing more once this resolves. */
  async close(): Promise<void> {
    this.#abort.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      let waitMs = 0
      try {
        if (this.#resourceVersion === undefined) await this.#list()
        await this.#watch()
      } catch (error) {
        waitMs = this.#failed(error as Error)
      }
      await this.#pause(waitMs)
    }
  }

  async #list(): Promise<void> {
    const { objects, resourceVersion } = await listAll(this.#client, this.#options, this.#abort.signal)
    if (this.#abort.signal.aborted) return
    this.#resourceVersion = resourceVersion
    this.#listener.onListed(objects)
    this.#enter({ name: 'synced' })
  }

  async #watch(): Promise<void> {
    const { labelSelector, fieldSelector, clock, random } = this.#options
    const query = {
      resourceVersion: this.#resourceVersion,
      labelSelector,
      fieldSelector,
      allowWatchBookmarks: true,
      timeoutSeconds: Math.round((reflectorLimits.watchMs * (1 + random())) / 1000),
    }
    const onEvent = (event: WatchEvent) => {
      if (this.#abort.signal.aborted) return
      if (event.type === 'ERROR') {
        const { code = 500, reason = '', message = 'the watch failed' } = event.object
        throw new ApiError(code, reason, message)
      }
      if (event.type === 'DELETED') this.#listener.onDeleted(event.object)
      else if (event.type !== 'BOOKMARK') this.#listener.onChanged(event.object)
      this.#resourceVersion = event.object.metadata.resourceVersion
      this.#failures = 0
      this.#silences = 0
    }
    const { steadyMs, silenceMs, watchTries } = reflectorLimits
    let openedMs: number | undefined
    const onOpen = () => {
      openedMs = clock.nowMs()
      this.#enter({ name: 'synced' })
    }
    const hasLasted = () => openedMs !== undefined && clock.nowMs() - openedMs >= steadyMs
    let end: 'ended' | 'silent'
    try {
      end = await this.#client.watch(this.#path, query, { onOpen, onEvent }, this.#abort.signal, silenceMs)
    } finally {
      if (hasLasted()) this.#failures = 0
      else if (openedMs !== undefined && this.#failures >= watchTries) this.#resourceVersion = undefined
    }
    if (end === 'silent') {
      this.#silences += 1
      if (this.#silences % watchTries === 0) this.#resourceVersion = undefined
      return
    }
    if (!hasLasted()) throw new Error('a watch has ended at once')
  }

  /** Milliseconds to wait before the next try. */
  #failed(error: Error): number {
    if (this.#abort.signal.aborted) return 0
    const { firstRetryMs, longestRetryMs, absentRetryMs, longestRetryAfterMs } = reflectorLimits
    // All replicas are told at once: they shall not come back at once, too.
    const spread = 0.5 + this.#options.random() / 2
    let retryAfterMs = 0
    if (error instanceof ApiError) {
      switch (error.status) {
        case 410:
          this.#resourceVersion = undefined
          break
        case 404:
          this.#resourceVersion = undefined
          this.#enter({ name: 'missing' })
          return absentRetryMs * spread
        case 403:
          this.#enter({ name: 'forbidden', message: error.message })
          return absentRetryMs * spread
      }
      retryAfterMs = Math.min(longestRetryAfterMs, error.retryAfterMs)
    }
    this.#failures++
    // A connection that breaks is mostly one that can be made anew.
    if (this.#failures > 1 || this.#state.name !== 'synced') this.#enter({ name: 'failing', message: error.message })
    return retryAfterMs + Math.min(longestRetryMs, firstRetryMs * 2 ** (this.#failures - 1)) * spread
  }

  #enter(state: ReflectorState): void {
    if (isDeepStrictEqual(state, this.#state)) return
    this.#state = state
    this.#listener.onState(state)
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#abort
    if (ms <= 0 || signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const end = () => {
        cancel()
        signal.removeEventListener('abort', end)
        resolve()
      }
      const cancel = this.#options.clock.after(ms, end)
      signal.addEventListener('abort', end)
    })
  }
}
