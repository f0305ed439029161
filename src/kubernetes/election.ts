/** spec of a coordination.k8s.io/v1 Lease, as far as it is used; times are RFC 3339 with microseconds. */
export type LeaseRecord = {
  /** Who holds it; '' or absent: nobody. */
  readonly holderIdentity?: string
  readonly leaseDurationSeconds?: number
  readonly acquireTime?: string
  readonly renewTime?: string
  /** How often it has gone from one holder to another. */
  readonly leaseTransitions?: number
}

/** A Lease as it is stored. */
export type StoredLease = { readonly resourceVersion: string; readonly record: LeaseRecord }

/** All durations in milliseconds. */
export type LeaseTimes = {
  /** Others may take the lease so long after they have seen its last renewal. */
  readonly durationMs: number
  /** The holder believes in it for so long after it began its last renewal; well below the duration. */
  readonly renewDeadlineMs: number
  /** Between two renewals, and between two looks at another's lease. */
  readonly retryMs: number
}

/** What an {@link Election} wants to be done next; the result goes to the method named. */
export type Step =
  /** Nothing before that moment. */
  | { readonly do: 'wait'; readonly untilMs: number }
  /** `found` */
  | { readonly do: 'read' }
  /** `wrote`, or `refused` when there is one already. */
  | { readonly do: 'create'; readonly record: LeaseRecord }
  /** `wrote`, or `refused` when it has another resourceVersion by now. */
  | { readonly do: 'update'; readonly record: LeaseRecord; readonly resourceVersion: string }

/**
 * One contender for a lease: decides, without clock or network of its own. Times are those of a local clock that never runs
 * backwards; the times in the record are for people. A lease has run out when it has not been seen to change for its duration,
 * so clocks of different nodes need not agree, only run at about the same rate.
 */
export class Election {
  readonly #identity: string
  readonly #times: LeaseTimes
  /** In [0, 1). */
  readonly #random: () => number
  /** As it was last seen; undefined: there is none. */
  #lease: StoredLease | undefined
  /** When it was first seen as it is, local time. */
  #seenMs = Number.NEGATIVE_INFINITY
  /** Whether {@link #lease} may be acted upon, or is to be read before. */
  #isFresh = false
  #nextMs = Number.NEGATIVE_INFINITY
  #leaderUntilMs = Number.NEGATIVE_INFINITY

  constructor(identity: string, times: LeaseTimes, random: () => number) {
    this.#identity = identity
    this.#times = times
    this.#random = random
  }

  /** Until when it is the leader, as far as is known; in the past when it is not. */
  get leaderUntilMs(): number {
    return this.#leaderUntilMs
  }

  /** Who holds the lease, as it was last seen; '' for nobody. */
  get holder(): string {
    return this.#lease?.record.holderIdentity ?? ''
  }

  step(nowMs: number, epochMs: number): Step {
    if (nowMs < this.#nextMs) return { do: 'wait', untilMs: this.#nextMs }
    if (!this.#isFresh) return { do: 'read' }
    const lease = this.#lease
    if (lease === undefined) return { do: 'create', record: this.#claim({}, epochMs) }
    if (this.holder !== '' && this.holder !== this.#identity) {
      const endsMs = this.#seenMs + this.#durationOf(lease.record)
      if (nowMs < endsMs) {
        this.#isFresh = false
        // Replicas do not look all at once, but each does as soon as the lease may have run out.
        this.#nextMs = Math.min(endsMs, nowMs + this.#times.retryMs * (1 + this.#random() / 4))
        return { do: 'wait', untilMs: this.#nextMs }
      }
    }
    return { do: 'update', record: this.#claim(lease.record, epochMs), resourceVersion: lease.resourceVersion }
  }

  /** The lease was read; undefined: there is none. */
  found(nowMs: number, lease: StoredLease | undefined): void {
    this.#see(nowMs, lease)
    if (this.holder !== this.#identity) this.#leaderUntilMs = Number.NEGATIVE_INFINITY
  }

  /** A write has succeeded. @param sentMs when it was begun: the API server may have stored it at any time since */
  wrote(sentMs: number, nowMs: number, lease: StoredLease): void {
    this.#see(nowMs, lease)
    this.#leaderUntilMs = sentMs + this.#times.renewDeadlineMs
    this.#nextMs = sentMs + this.#times.retryMs
  }

  /** A write came too late: somebody else has written. */
  refused(): void {
    this.#isFresh = false
  }

  /** The API server has not answered, or not in time; whether a write was stored is unknown. */
  failed(sentMs: number): void {
    this.#isFresh = false
    this.#nextMs = sentMs + this.#times.retryMs
  }

  /** Gives up. Returns what to write so that others need not wait; undefined when there is nothing to give back. */
  release(nowMs: number, epochMs: number): Extract<Step, { do: 'update' }> | undefined {
    const isLeader = nowMs < this.#leaderUntilMs
    this.#leaderUntilMs = Number.NEGATIVE_INFINITY
    const lease = this.#lease
    if (!isLeader || lease === undefined) return undefined
    const record = { ...lease.record, holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime(epochMs) }
    return { do: 'update', record, resourceVersion: lease.resourceVersion }
  }

  #see(nowMs: number, lease: StoredLease | undefined): void {
    if (lease?.resourceVersion !== this.#lease?.resourceVersion) this.#seenMs = nowMs
    this.#lease = lease
    this.#isFresh = true
  }

  #claim(before: LeaseRecord, epochMs: number): LeaseRecord {
    const isOurs = before.holderIdentity === this.#identity
    const now = microTime(epochMs)
    return {
      ...before,
      holderIdentity: this.#identity,
      leaseDurationSeconds: Math.ceil(this.#times.durationMs / 1000),
      acquireTime: isOurs ? (before.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (before.leaseTransitions ?? 0) + (isOurs || this.#lease === undefined ? 0 : 1),
    }
  }

  /** What the holder has promised; it may be configured in another way. */
  #durationOf({ leaseDurationSeconds }: LeaseRecord): number {
    return leaseDurationSeconds === undefined ? this.#times.durationMs : leaseDurationSeconds * 1000
  }
}

/** metav1.MicroTime. */
const microTime = (epochMs: number): string => new Date(epochMs).toISOString().replace('Z', '000Z')
