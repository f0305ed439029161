import type { Clock } from '../clock.ts'
import { ApiError, type KubeClient, type WatchEvent } from './client.ts'
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

export type ReflectorOptions = {
  readonly kind: ResourceKind
  /** Undefined: all namespaces. */
  readonly namespace?: string | undefined
  readonly labelSelector?: string | undefined
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
}

/** All durations in milliseconds. */
export const reflectorLimits = {
  /** Objects in one page of a list. */
  pageSize: 500,
  /** The first wait after a failure; each further one is twice as long, up to the longest. Replicas spread over half of it. */
  firstRetryMs: 250,
  longestRetryMs: 10_000,
  /** Between two looks for a kind that is not installed or not allowed. */
  absentRetryMs: 10_000,
  /** The API server ends a watch after this time to twice this time. */
  watchMs: 300_000,
} as const

/**
 * Keeps a listener informed of a collection: lists it in pages, watches it from there, goes on from the last bookmark when a
 * watch ends, and lists again when that is too old (410). Failures are retried for ever, with more and more patience.
 */
export class Reflector {
  readonly #client: KubeClient
  readonly #options: ReflectorOptions
  readonly #listener: ReflectorListener
  readonly #path: string
  readonly #abort = new AbortController()
  #state: ReflectorState = { name: 'starting' }
  /** Where the next watch begins; undefined asks for a list. */
  #resourceVersion: string | undefined
  #failures = 0
  #running: Promise<void> | undefined

  constructor(client: KubeClient, options: ReflectorOptions, listener: ReflectorListener) {
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
        const startedMs = this.#options.clock.nowMs()
        await this.#watch()
        // A watch that the API server ends at once is as good as none.
        if (this.#options.clock.nowMs() - startedMs < reflectorLimits.firstRetryMs)
          waitMs = reflectorLimits.firstRetryMs
      } catch (error) {
        waitMs = this.#failed(error as Error)
      }
      await this.#pause(waitMs)
    }
  }

  async #list(): Promise<void> {
    const objects: KubeObject[] = []
    const { kind, labelSelector } = this.#options
    let page: ListPage
    let from: string | undefined
    do {
      const query = { limit: reflectorLimits.pageSize, labelSelector, continue: from }
      page = (await this.#client.get(this.#path, query, this.#abort.signal)) as ListPage
      // Items of a list do not say what they are.
      for (const item of page.items) objects.push({ ...item, apiVersion: kind.apiVersion, kind: kind.kind })
      from = page.metadata.continue
    } while (from !== undefined && from !== '')
    if (this.#abort.signal.aborted) return
    this.#resourceVersion = page.metadata.resourceVersion
    this.#listener.onListed(objects)
    this.#succeeded()
  }

  async #watch(): Promise<void> {
    const { labelSelector, random } = this.#options
    const query = {
      resourceVersion: this.#resourceVersion,
      labelSelector,
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
    }
    await this.#client.watch(this.#path, query, { onOpen: () => this.#succeeded(), onEvent }, this.#abort.signal)
  }

  #succeeded(): void {
    this.#failures = 0
    this.#enter({ name: 'synced' })
  }

  /** Milliseconds to wait before the next try. */
  #failed(error: Error): number {
    if (this.#abort.signal.aborted) return 0
    const { firstRetryMs, longestRetryMs, absentRetryMs } = reflectorLimits
    const { random } = this.#options
    if (error instanceof ApiError) {
      switch (error.status) {
        case 410:
          this.#resourceVersion = undefined
          // All replicas are told at once: their lists shall not come at once, too.
          return firstRetryMs * random()
        case 404:
          this.#resourceVersion = undefined
          this.#enter({ name: 'missing' })
          return absentRetryMs * (0.5 + random() / 2)
        case 403:
          this.#enter({ name: 'forbidden', message: error.message })
          return absentRetryMs * (0.5 + random() / 2)
      }
    }
    this.#failures++
    // A connection that breaks is mostly one that can be made anew.
    if (this.#failures > 1 || this.#state.name !== 'synced') this.#enter({ name: 'failing', message: error.message })
    return Math.min(longestRetryMs, firstRetryMs * 2 ** (this.#failures - 1)) * (0.5 + random() / 2)
  }

  #enter(state: ReflectorState): void {
    if (state.name === this.#state.name) return
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

type ListPage = {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string }
  readonly items: readonly KubeObject[]
}
