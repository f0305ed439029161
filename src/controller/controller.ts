import type { Logger } from 'pino'
import type { Problem } from '../catalog/problem.ts'
import type { Clock } from '../clock.ts'
import type { KubeClient } from '../kubernetes/client.ts'
import { Gathering } from '../kubernetes/gathering.ts'
import { LeaderElector } from '../kubernetes/lease.ts'
import { type KubeObject, keyOf, type ResourceKind, resourceName } from '../kubernetes/object.ts'
import type { ReflectorState } from '../kubernetes/reflector.ts'
import { logProblems, ProblemReport } from '../sources/source.ts'
import { atMostEvery } from '../telemetry/log.ts'
import { AcceptedWriter } from './accepted-writer.ts'
import { Cluster } from './cluster.ts'
import { Events } from './events.ts'
import { createControllerMetrics } from './metrics.ts'
import { PoolWriter } from './pool-writer.ts'
import { type RolloutOptions, RolloutWriter } from './rollout-writer.ts'
import { RouteWriter } from './route-writer.ts'
import { WriteQueue, type WriteResult } from './write-queue.ts'
import type { Write, Writer } from './writer.ts'

export type ControllerOptions = {
  /** Look after this namespace alone; undefined for all. */
  readonly namespace: string | undefined
  /** Make the routes of OME InferenceServices and AIM Engine AIMServices; undefined makes none. */
  readonly routes: { readonly omeConfig: { readonly namespace: string; readonly name: string } } | undefined
  /** Write the status of InferencePools for the Gateways of these controllers; undefined writes none. */
  readonly poolStatusFor: readonly string[] | undefined
  /** Drive the rollouts of InferenceModels and InferenceModelRewrites; undefined drives none. */
  readonly rollouts: RolloutOptions | undefined
  readonly leaseNamespace: string
  /** Unlike that of every other replica. */
  readonly identity: string
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
}

/** Name of the Lease, and the component that Events are reported by. */
const leaseName = 'signalbox-controller'

/** Changes are gathered for so many milliseconds. */
const gatherMs = 50
/** For the writes under way when the process is told to end. */
const closeMs = 5_000
/** One line of the log for each resource. */
const logIntervalMs = 10_000

/** Watches a cluster, and keeps what its {@link Writer}s look after as it should be while this replica holds the lease. */
export class Controller {
  readonly metrics: ReturnType<typeof createControllerMetrics>
  readonly #options: ControllerOptions
  readonly #log: Logger
  readonly #writers: readonly Writer[]
  readonly #routes: RouteWriter | undefined
  readonly #rollouts: RolloutWriter | undefined
  readonly #cluster: Cluster
  readonly #elector: LeaderElector
  readonly #queue: WriteQueue
  readonly #events: Events
  readonly #report: ProblemReport
  readonly #failureLogs = new Map<string, () => void>()
  #lastFailure = ''
  readonly #changes: Gathering
  #isClosed = false
  #settled = () => {}

  constructor(client: KubeClient, options: ControllerOptions, log: Logger) {
    const { clock, random, namespace, routes, poolStatusFor, rollouts, leaseNamespace, identity } = options
    this.#options = options
    this.#log = log
    this.#changes = new Gathering(clock, gatherMs, () => this.#plan())
    this.#routes = routes && new RouteWriter(routes.omeConfig, clock, namespace)
    const pools = poolStatusFor && new PoolWriter(poolStatusFor, clock, namespace)
    this.#rollouts = rollouts && new RolloutWriter(rollouts, clock, namespace, () => this.#changes.changed())
    const writers = [new AcceptedWriter(clock, namespace), this.#rollouts, pools, this.#routes]
    this.#writers = writers.filter((each) => each !== undefined)
    const watched = new Map(this.#writers.flatMap((writer) => writer.watched).map((each) => [each.kind, each]))
    this.#cluster = new Cluster(
      client,
      { watched: [...watched.values()], clock, random },
      {
        onChanged: () => this.#changes.changed(),
        onState: (kind, state) => this.#stateChanged(kind, state),
      },
    )
    this.#elector = new LeaderElector(
      client,
      { namespace: leaseNamespace, name: leaseName, identity, clock, random },
      {
        onChange: (isLeader) => this.#leadershipChanged(isLeader),
        onFailing: (error) => log.warn({ lease: `${leaseNamespace}/${leaseName}` }, `the lease: ${error.message}`),
      },
    )
    this.#queue = new WriteQueue(
      { client, clock, random, mayWrite: () => this.#elector.isLeader },
      {
        onResult: (write, result, object, message) => this.#written(write, result, object, message),
        onDue: () => this.#changes.changed(),
      },
    )
    this.#events = new Events(client, leaseName, (result, message) => {
      this.metrics.countEvent(result)
      if (message !== undefined) log.debug({ cause: message }, 'an event could not be written')
    })
    this.#report = new ProblemReport((change) => logProblems(change, log))
    this.metrics = createControllerMetrics({
      isLeader: () => this.#elector.isLeader,
      pendingWrites: () => this.#queue.size,
      resourceProblems: () => this.#problems.length,
      services: () => (this.#elector.isLeader ? (this.#routes?.states() ?? []) : []),
      rollouts: () => (this.#elector.isLeader ? (this.#rollouts?.standings() ?? []) : []),
      watches: () => this.#cluster.states(),
    })
  }

  /**
   * Resolves when every kind has been read, or was found to be missing or forbidden; while no API server answers it waits.
   * False when it was closed before.
   */
  async start(): Promise<boolean> {
    this.#cluster.start()
    this.#elector.start()
    while (!this.#cluster.isSettled && !this.#isClosed) {
      await new Promise<void>((resolve) => {
        this.#settled = resolve
      })
    }
    return !this.#isClosed
  }

  /** All that was told has been written, or has to wait. */
  get isIdle(): boolean {
    return this.#elector.isLeader && !this.#changes.isPending && this.#queue.size === 0
  }

  /** Lets the writes under way end, then gives back the lease. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#settled()
    this.#rollouts?.stop()
    this.#changes.close()
    const hasEnded = await this.#hasEndedWithin(closeMs, this.#queue.close())
    // With writes still on their way nobody else may begin: then the lease has to run out.
    if (hasEnded) await this.#elector.close()
    await this.#cluster.close()
  }

  #hasEndedWithin(ms: number, ended: Promise<void>): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(ms, () => resolve(false))
      void ended.then(() => {
        cancel()
        resolve(true)
      })
    })
  }

  #stateChanged(kind: ResourceKind, state: ReflectorState): void {
    this.#settled()
    const resource = resourceName(kind)
    switch (state.name) {
      case 'starting':
      case 'synced':
        return this.#log.debug({ resource }, 'watched')
      case 'missing':
        return this.#log.info({ resource }, 'not installed; looked for again every few seconds')
      case 'forbidden':
        return this.#log.error({ resource, cause: state.message }, 'may not be read: the role lacks get, list or watch')
      case 'failing':
        return this.#log.warn({ resource, cause: state.message }, 'cannot be read now')
    }
  }

  #leadershipChanged(isLeader: boolean): void {
    const { holder } = this.#elector
    this.#log.info(isLeader ? {} : { holder }, isLeader ? 'leader: this replica writes now' : 'no longer leader')
    // What another replica could not write this one may.
    this.#queue.clear()
    if (isLeader) this.#rollouts?.start()
    else this.#rollouts?.stop()
    this.#changes.changed()
  }

  #plan(): void {
    if (!this.#elector.isLeader) return
    this.#queue.replace(this.#writers.flatMap((writer) => [...writer.plan(this.#cluster)]))
    this.#report.update(this.#problems)
  }

  get #problems(): readonly Problem[] {
    return this.#writers.flatMap((writer) => writer.problems)
  }

  #written(write: Write, result: WriteResult, object: KubeObject | undefined, message: string): void {
    const { kind } = write
    this.metrics.countWrite(kind, result)
    const about = { resource: resourceName(kind), object: keyOf(write.object) }
    switch (result) {
      case 'written':
        this.#log.debug(about, 'written')
        this.#events.tell(write, this.#options.clock.epochMs())
        break
      case 'unchanged':
        this.#log.debug(about, 'is written, and stays as it was')
        break
      case 'deleted':
        this.#log.debug(about, 'deleted')
        this.#cluster.forget(kind, write.object)
        break
      case 'gone':
        this.#cluster.forget(kind, write.object)
        break
      case 'conflict':
        this.#logFailure(about.resource, `${about.object}: another manager owns a field: ${message}`)
        break
      case 'failed':
        this.#logFailure(about.resource, `${about.object}: ${message}`)
        break
    }
    if (object !== undefined) this.#cluster.learn(kind, object, write.object)
    this.#changes.changed()
  }

  /** The first of many, and then how many there were: what fails for one object may fail for thousands. */
  #logFailure(resource: string, message: string): void {
    this.#lastFailure = message
    let log = this.#failureLogs.get(resource)
    if (log === undefined) {
      log = atMostEvery(logIntervalMs, this.#options.clock.nowMs, (failures) =>
        this.#log.warn({ resource, failures, last: this.#lastFailure }, 'could not be written as they should be'),
      )
      this.#failureLogs.set(resource, log)
    }
    log()
  }
}
