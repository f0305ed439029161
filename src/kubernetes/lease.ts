import type { Clock } from '../clock.ts'
import { ApiError, type KubeClient } from './client.ts'
import { Election, type LeaseRecord, type LeaseTimes, type Step, type StoredLease } from './election.ts'
import { collectionPath, type KubeObject, objectPath, type ResourceKind } from './object.ts'

const leaseKind: ResourceKind = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', plural: 'leases' }

export const defaultLeaseTimes: LeaseTimes = { durationMs: 10_000, renewDeadlineMs: 7_000, retryMs: 2_000 }

/** A call that has not been answered after so long has failed: the renew deadline leaves time for a second one. */
const callTimeoutMs = 3_000

export type LeaderElectorOptions = {
  /** Of the Lease. */
  readonly namespace: string
  readonly name: string
  /** Unlike that of every other contender, also of this one's earlier and later lives. */
  readonly identity: string
  readonly times?: LeaseTimes
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
}

export type LeaderListener = {
  /** It has become leader, or it is no longer. */
  onChange(isLeader: boolean): void
  /** The Lease can't be read or written; told once until it can. */
  onFailing(error: Error): void
}

/**
 * Contends for a Lease and keeps it. Needs the rights to get, create and update it. While the API server is gone, the leader
 * remains leader up to the renew deadline.
 */
export class LeaderElector {
  readonly #client: Pick<KubeClient, 'get' | 'create' | 'update'>
  readonly #options: LeaderElectorOptions
  readonly #listener: LeaderListener
  readonly #election: Election
  readonly #path: string
  #told = false
  #isFailing = false
  #isClosing = false
  #running: Promise<void> | undefined
  #wake = () => {}
  #cancelEnd = () => {}

  constructor(
    client: Pick<KubeClient, 'get' | 'create' | 'update'>,
    options: LeaderElectorOptions,
    listener: LeaderListener,
  ) {
    const { identity, namespace, name, times = defaultLeaseTimes, random } = options
    this.#client = client
    this.#options = options
    this.#listener = listener
    this.#election = new Election(identity, times, random)
    this.#path = objectPath(leaseKind, namespace, name)
  }

  /** True only as long as nobody else can have the lease, whatever this process was kept from doing. */
  get isLeader(): boolean {
    return this.#options.clock.nowMs() < this.#election.leaderUntilMs
  }

  /** Identity of the holder as it was last seen; '' for nobody. */
  get holder(): string {
    return this.#election.holder
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Contends no more, and gives back the lease if it has it. The listener hears of that, and of nothing after. */
  async close(): Promise<void> {
    this.#isClosing = true
    this.#wake()
    await this.#running
    const { clock } = this.#options
    const release = this.#election.release(clock.nowMs(), clock.epochMs())
    this.#tell()
    // Who can't be told that the lease is free finds out when it has run out.
    if (release !== undefined) await this.#within(this.#update(release)).catch(() => {})
  }

  async #run(): Promise<void> {
    const { clock } = this.#options
    while (!this.#isClosing) {
      const step = this.#election.step(clock.nowMs(), clock.epochMs())
      if (step.do === 'wait') await this.#pause(step.untilMs - clock.nowMs())
      else await this.#take(step)
      this.#tell()
    }
  }

  async #take(step: Exclude<Step, { do: 'wait' }>): Promise<void> {
    const { clock } = this.#options
    const sentMs = clock.nowMs()
    try {
      switch (step.do) {
        case 'read': {
          const lease = await this.#within(this.#read())
          this.#election.found(clock.nowMs(), lease)
          break
        }
        case 'create': {
          const lease = await this.#within(this.#create(step.record))
          this.#election.wrote(sentMs, clock.nowMs(), lease)
          break
        }
        case 'update': {
          const lease = await this.#within(this.#update(step))
          this.#election.wrote(sentMs, clock.nowMs(), lease)
          break
        }
      }
      this.#isFailing = false
    } catch (error) {
      if (error instanceof ApiError && error.status === 409) return this.#election.refused()
      this.#election.failed(sentMs)
      if (!this.#isFailing) this.#listener.onFailing(error as Error)
      this.#isFailing = true
    }
  }

  async #read(): Promise<StoredLease | undefined> {
    try {
      return storedLease((await this.#client.get(this.#path)) as KubeObject)
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined
      throw error
    }
  }

  async #create(spec: LeaseRecord): Promise<StoredLease> {
    const { apiVersion, kind } = leaseKind
    const { namespace, name } = this.#options
    const lease = { apiVersion, kind, metadata: { namespace, name }, spec }
    return storedLease(await this.#client.create(collectionPath(leaseKind, namespace), lease))
  }

  async #update({ record, resourceVersion }: Extract<Step, { do: 'update' }>): Promise<StoredLease> {
    const { apiVersion, kind } = leaseKind
    const { namespace, name } = this.#options
    const lease = { apiVersion, kind, metadata: { namespace, name, resourceVersion }, spec: record }
    return storedLease(await this.#client.update(this.#path, lease))
  }

  /** A late answer is no answer: it would say how things were long ago. */
  async #within<T>(call: Promise<T>): Promise<T> {
    let cancel = () => {}
    const timeout = new Promise<never>((_, reject) => {
      const expire = () => reject(new Error(`the API server has not answered within ${callTimeoutMs} ms`))
      cancel = this.#options.clock.after(callTimeoutMs, expire)
    })
    call.catch(() => {})
    try {
      return await Promise.race([call, timeout])
    } finally {
      cancel()
    }
  }

  #tell(): void {
    const { clock } = this.#options
    const { isLeader } = this
    this.#cancelEnd()
    if (isLeader) {
      const endsInMs = Math.max(0, this.#election.leaderUntilMs - clock.nowMs())
      this.#cancelEnd = clock.after(endsInMs, () => this.#tell())
    }
    if (isLeader === this.#told) return
    this.#told = isLeader
    this.#listener.onChange(isLeader)
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(Math.max(0, ms), resolve)
      this.#wake = () => {
        cancel()
        resolve()
      }
    })
  }
}

function storedLease({ metadata, spec }: KubeObject): StoredLease {
  return { resourceVersion: metadata.resourceVersion!, record: (spec ?? {}) as LeaseRecord }
}
