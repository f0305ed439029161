import type { Logger } from 'pino'
import { systemClock } from '../clock.ts'
import type { ClientRequest } from '../explain/client-request.ts'
import { Health } from '../extproc/health.ts'
import { LivePools } from '../pool/live-pools.ts'
import { readScheduling, Serving } from '../serving.ts'
import type { Snapshot } from '../sources/source.ts'
import { SentCertificates } from './certificates.ts'
import { flowControlOfWorker, limitsOfWorker } from './limits.ts'
import type { EndpointNews, FromWorker, SnapshotMessage, ToWorker } from './messages.ts'
import { Reports } from './reports.ts'

/** The way to the primary, and out. */
export type WorkerChannel = {
  send(message: FromWorker): void
  /** Ends the process when what was sent has left. */
  exit(code: number): void
}

export type StartMessage = Extract<ToWorker, { kind: 'start' }>

/** One of several processes that serve: what it knows comes from the primary, and what it has in flight is told there. */
export class Worker {
  readonly #channel: WorkerChannel
  readonly #log: Logger
  readonly #pools = new LivePools()
  readonly #health = new Health()
  readonly #serving: Serving
  readonly #certificates: SentCertificates | undefined
  readonly #reports: Reports
  #snapshot: Snapshot
  #longestIntervalMs: number
  #isServing = false

  constructor({ options, snapshot, news, isReady, certificate }: StartMessage, channel: WorkerChannel, log: Logger) {
    this.#channel = channel
    this.#log = log
    this.#snapshot = snapshot
    this.#longestIntervalMs = news.longestIntervalMs
    this.#certificates = certificate && new SentCertificates(certificate)
    const configuration = readScheduling(options, () => this.#longestIntervalMs)
    this.#reports = new Reports(this.#pools, configuration.plugins, systemClock, (report) =>
      channel.send({ kind: 'report', ...report }),
    )
    const { workers, limits } = options
    const { flowControl } = configuration
    this.#serving = new Serving(
      { ...options, limits: limitsOfWorker(limits, workers) },
      { ...configuration, flowControl: flowControl && flowControlOfWorker(flowControl, workers) },
      {
        pools: this.#pools,
        touched: (poolKey) => this.#reports.touched(poolKey),
        released: (poolKey) => this.#reports.released(poolKey),
        // The primary tells them.
        problemCount: () => 0,
        onDecision: options.hasAdminPage ? (explanation) => channel.send({ kind: 'decision', explanation }) : undefined,
      },
      this.#health,
      log,
    )
    this.#apply(snapshot)
    this.#take(news)
    this.#health.setReady(isReady)
  }

  /** Tells the primary that it serves, or why it can't. */
  async start(): Promise<void> {
    try {
      const port = await this.#serving.listen(this.#certificates)
      this.#isServing = true
      this.#channel.send({ kind: 'serving', port })
    } catch (error) {
      const { message, syscall } = error as NodeJS.ErrnoException
      this.#channel.send({ kind: 'failed', message, syscall })
      this.#channel.exit(1)
    }
  }

  told(message: ToWorker): void {
    switch (message.kind) {
      case 'start':
        return
      case 'certificate':
        return this.#certificates?.take(message.pair)
      case 'snapshot':
        return this.#applyMessage(message)
      case 'news':
        return this.#take(message)
      case 'ready':
        return this.#health.setReady(message.isReady)
      case 'renew':
        return this.#serving.renewConnections()
      case 'collect':
        return void this.#sendPage(message.names && new Set(message.names))
      case 'explain':
        return void this.#explain(message.id, message.client)
      case 'ping':
        return this.#channel.send({ kind: 'pong' })
      case 'drain':
        return void this.#drain()
    }
  }

  #applyMessage({ catalog = this.#snapshot.catalog, endpoints }: SnapshotMessage): void {
    this.#apply({ catalog, endpoints })
    this.#reports.poolsChanged()
  }

  #apply(snapshot: Snapshot): void {
    this.#snapshot = snapshot
    this.#pools.update(snapshot.catalog, snapshot.endpoints)
    this.#serving.applied(snapshot)
  }

  #take(news: EndpointNews): void {
    this.#longestIntervalMs = news.longestIntervalMs
    this.#reports.take(news)
    this.#serving.releaseAll()
  }

  async #sendPage(names: ReadonlySet<string> | undefined): Promise<void> {
    for await (const text of this.#serving.page.pieces(names)) this.#channel.send({ kind: 'page', text, isLast: false })
    this.#channel.send({ kind: 'page', text: '', isLast: true })
  }

  async #explain(id: number, client: ClientRequest): Promise<void> {
    const told = { kind: 'explained', id, explanation: undefined, failure: undefined } as const
    try {
      this.#channel.send({ ...told, explanation: await this.#serving.explain(client) })
    } catch (error) {
      this.#channel.send({ ...told, failure: (error as Error).message })
    }
  }

  async #drain(): Promise<void> {
    this.#health.setReady(false)
    if (this.#isServing) {
      await this.#serving.drain().catch((error: Error) => this.#log.error({ cause: error.stack }, 'the drain failed'))
    }
    this.#channel.exit(0)
  }
}
