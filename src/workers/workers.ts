import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { ClientRequest } from '../explain/client-request.ts'
import type { Explanation } from '../explain/explanation.ts'
import type { Health } from '../extproc/health.ts'
import type { Certificates } from '../extproc/tls.ts'
import type { Endpoint } from '../pool/endpoint.ts'
import type { ServiceOptions } from '../service.ts'
import { stateOf, type Watched } from '../serving.ts'
import type { Snapshot } from '../sources/source.ts'
import { createMetrics } from '../telemetry/metrics.ts'
import type { MetricsPage } from '../telemetry/metrics-page.ts'
import { type Merge, mergedPages, mergesOf, PageValues } from '../telemetry/page-sum.ts'
import { Crew, type Spawn, type WorkerProcess } from './crew.ts'
import { Explanations } from './explanations.ts'
import type { FromWorker, ToWorker } from './messages.ts'
import { NewsDesk } from './news-desk.ts'
import { WorkerPages } from './worker-pages.ts'

/** What {@link Workers} needs of the world. */
export type WorkersContext = { readonly clock: Clock; readonly spawn: Spawn; readonly log: Logger }

/** Serving by several processes: what {@link Serving} is in one. */
export class Workers {
  readonly #options: ServiceOptions
  readonly #watching: Pick<Watched, 'touched' | 'onDecision'>
  readonly #health: Health
  readonly #log: Logger
  readonly #crew: Crew
  readonly #desk: NewsDesk<WorkerProcess>
  readonly #pages: WorkerPages<WorkerProcess>
  readonly #explanations: Explanations<WorkerProcess>
  #certificates: Certificates | undefined
  #snapshot: Snapshot | undefined
  #isReady = false

  /** @param health of this process: ready while any worker serves */
  constructor(
    options: ServiceOptions,
    watching: Watched & { readonly longestIntervalMs: number },
    health: Health,
    { clock, spawn, log }: WorkersContext,
  ) {
    this.#options = options
    this.#watching = watching
    this.#health = health
    this.#log = log
    this.#desk = new NewsDesk({
      clock,
      pools: watching.pools,
      longestIntervalMs: () => watching.longestIntervalMs,
      send: (worker, news) => worker.send({ kind: 'news', ...news }),
    })
    // How full a pool is, and what else is known of requests alone, the workers say.
    const { registry: own } = createMetrics({ ...stateOf(watching, options), openExchanges: () => 0 }, options)
    const mergeOf = mergesOf(own.families, own.registry)
    this.#pages = new WorkerPages(clock, mergeOf)
    this.#explanations = new Explanations(clock)
    this.page = { contentType: own.contentType, pieces: (names) => this.#pieces(own, mergeOf, names) }
    this.#crew = new Crew(options.workers, {
      clock,
      spawn,
      startOf: (worker, name) => this.#startOf(worker, name),
      told: (worker, message) => this.#told(worker, message),
      ended: (worker) => {
        this.#desk.leave(worker)
        this.#pages.forget(worker)
        this.#explanations.forget(worker)
      },
      onAvailable: () => this.#tellReady(),
      log,
    })
  }

  /** The metrics of all processes, as one. */
  readonly page: { readonly contentType: string; pieces(names?: ReadonlySet<string>): AsyncGenerator<string> }

  /** Resources have changed, and the pools have taken that. */
  applied(snapshot: Snapshot): void {
    const { catalog, endpoints } = snapshot
    const isOfEndpoints = catalog === this.#snapshot?.catalog
    this.#snapshot = snapshot
    this.#crew.send({ kind: 'snapshot', catalog: isOfEndpoints ? undefined : catalog, endpoints })
  }

  scraped(endpoint: Endpoint): void {
    this.#desk.scraped(endpoint)
  }

  /** Starts the workers; resolves to the port when all serve. @throws the error of the first that can't */
  listen(certificates: Certificates | undefined): Promise<number> {
    this.#certificates = certificates
    certificates?.onChange((pair) => this.#crew.send({ kind: 'certificate', pair }))
    return this.#crew.start()
  }

  /** What a worker would make of a request now. Nothing comes of it. @throws NotServing */
  explain(client: ClientRequest): Promise<Explanation> {
    return this.#explanations.ask(this.#crew.serving[0], client)
  }

  setReady(isReady: boolean): void {
    this.#isReady = isReady
    this.#tellReady()
    this.#crew.send({ kind: 'ready', isReady })
  }

  async drain(): Promise<void> {
    await this.#crew.drain(this.#options.drainTimeoutMs)
    this.#desk.close()
  }

  #tellReady(): void {
    this.#health.setReady(this.#isReady && this.#crew.serving.length > 0)
  }

  #startOf(worker: WorkerProcess, workerName: string): ToWorker {
    return {
      kind: 'start',
      options: this.#options,
      workerName,
      logLevel: this.#log.level,
      certificate: this.#certificates?.current,
      snapshot: this.#snapshot!,
      news: this.#desk.join(worker),
      isReady: this.#isReady,
    }
  }

  #told(worker: WorkerProcess, message: FromWorker): void {
    switch (message.kind) {
      case 'report':
        for (const poolKey of message.touched) this.#watching.touched(poolKey)
        return this.#desk.reported(worker, message)
      case 'explained':
        return this.#explanations.told(message)
      case 'decision':
        return this.#watching.onDecision?.(message.explanation)
      case 'page':
        return this.#pages.read(worker, message.text, message.isLast)
    }
  }

  async *#pieces(
    ownPage: MetricsPage,
    mergeOf: (family: string) => Merge,
    names: ReadonlySet<string> | undefined,
  ): AsyncGenerator<string> {
    const ask = (worker: WorkerProcess) => worker.send({ kind: 'collect', names: names && [...names] })
    const pages = await this.#pages.collect(this.#crew.serving, ask, names)
    const own = new PageValues()
    for await (const text of ownPage.pieces(names)) own.read(text)
    yield* mergedPages([own, ...pages], mergeOf, names)
  }
}
