import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Election, type LeaseTimes, type Step, type StoredLease } from '../../src/kubernetes/election.ts'

const times: LeaseTimes = { durationMs: 10_000, renewDeadlineMs: 7_000, retryMs: 2_000 }
const noon = Date.UTC(2026, 0, 31, 12)

describe('one contender', () => {
  const lease = (resourceVersion: string, record: StoredLease['record']): StoredLease => ({ resourceVersion, record })

  test('takes a lease that nobody has', () => {
    const election = new Election('a', times, () => 0)
    expect(election.step(0, noon)).toEqual({ do: 'read' })
    election.found(5, undefined)
    const create = election.step(5, noon)
    expect(create).toEqual({
      do: 'create',
      record: {
        holderIdentity: 'a',
        leaseDurationSeconds: 10,
        acquireTime: '2026-01-31T12:00:00.000000Z',
        renewTime: '2026-01-31T12:00:00.000000Z',
        leaseTransitions: 0,
      },
    })
    election.wrote(5, 40, lease('1', (create as Extract<Step, { do: 'create' }>).record))
    expect(election.leaderUntilMs).toBe(5 + times.renewDeadlineMs)
    expect(election.step(40, noon)).toEqual({ do: 'wait', untilMs: 5 + times.retryMs })
  })

  test('renews with what it has written, without reading', () => {
    const election = new Election('a', times, () => 0)
    const held = { holderIdentity: 'a', acquireTime: '2026-01-31T11:00:00.000000Z', leaseTransitions: 3 }
    election.found(0, lease('7', held))
    expect(election.step(0, noon)).toMatchObject({
      do: 'update',
      resourceVersion: '7',
      record: { holderIdentity: 'a', acquireTime: held.acquireTime, leaseTransitions: 3 },
    })
    election.wrote(0, 10, lease('8', held))
    expect(election.step(2_000, noon)).toMatchObject({ do: 'update', resourceVersion: '8' })
  })

  test("waits for another's lease to run out as it sees it, whatever the times in the record say", () => {
    const election = new Election('b', times, () => 0)
    const longAgo = { holderIdentity: 'a', leaseDurationSeconds: 10, renewTime: '1999-01-01T00:00:00.000000Z' }
    for (let nowMs = 0; nowMs < 10_000; nowMs += 2_000) {
      election.found(nowMs, lease('7', longAgo))
      expect(election.step(nowMs, noon)).toEqual({ do: 'wait', untilMs: nowMs + 2_000 })
      expect(election.step(nowMs + 2_000, noon)).toEqual({ do: 'read' })
    }
    election.found(10_000, lease('7', longAgo))
    expect(election.step(10_000, noon)).toMatchObject({
      do: 'update',
      resourceVersion: '7',
      record: { holderIdentity: 'b', leaseTransitions: 1 },
    })
  })

  test('a lease that was given back is taken at once', () => {
    const election = new Election('b', times, () => 0)
    election.found(0, lease('9', { holderIdentity: '', leaseDurationSeconds: 1, leaseTransitions: 4 }))
    expect(election.step(0, noon)).toMatchObject({ do: 'update', record: { leaseTransitions: 5 } })
  })

  test('is no longer leader once it reads that another is', () => {
    const election = new Election('a', times, () => 0)
    election.wrote(0, 0, lease('1', { holderIdentity: 'a' }))
    election.refused()
    election.found(2_100, lease('2', { holderIdentity: 'b' }))
    expect(election.leaderUntilMs).toBe(Number.NEGATIVE_INFINITY)
  })

  test('gives back what it has, and nothing else', () => {
    const election = new Election('a', times, () => 0)
    expect(election.release(0, noon)).toBeUndefined()
    election.wrote(0, 0, lease('1', { holderIdentity: 'a', leaseTransitions: 2 }))
    expect(election.release(1_000, noon)).toMatchObject({
      do: 'update',
      resourceVersion: '1',
      record: { holderIdentity: '', leaseTransitions: 2 },
    })
    expect(election.leaderUntilMs).toBe(Number.NEGATIVE_INFINITY)
  })
})

/** An API server that stores one Lease. */
class Store {
  lease: StoredLease | undefined
  #version = 0

  /** Undefined: refused. */
  write(step: Exclude<Step, { do: 'wait' | 'read' }>): StoredLease | undefined {
    const isStale =
      step.do === 'create' ? this.lease !== undefined : this.lease?.resourceVersion !== step.resourceVersion
    if (isStale) return undefined
    this.#version += 1
    return (this.lease = { resourceVersion: String(this.#version), record: step.record })
  }
}

/** What happens to one call: how long each way takes, and whether the question or the answer is lost. Milliseconds. */
type Fate = { readonly thereMs: number; readonly backMs: number; readonly loses: 'question' | 'answer' | 'nothing' }

type Life = {
  /** Local milliseconds for each true one. */
  readonly rate: number
  readonly bornMs: number
  /** How it ends, and when. */
  readonly diesMs: number
  readonly releases: boolean
  /** It does nothing at all from then on for so long, as a process that gets no CPU. */
  readonly stallsMs: number
  readonly stallMs: number
  readonly fates: readonly Fate[]
}

const callTimeoutMs = 3_000
const endMs = 90_000

const fate: fc.Arbitrary<Fate> = fc.record({
  thereMs: fc.oneof({ weight: 5, arbitrary: fc.integer({ min: 1, max: 50 }) }, fc.integer({ min: 1, max: 20_000 })),
  backMs: fc.oneof({ weight: 5, arbitrary: fc.integer({ min: 1, max: 50 }) }, fc.integer({ min: 1, max: 20_000 })),
  loses: fc.oneof(
    { weight: 8, arbitrary: fc.constant('nothing' as const) },
    fc.constantFrom('question' as const, 'answer' as const),
  ),
})

const life: fc.Arbitrary<Life> = fc.record({
  rate: fc.double({ min: 0.9, max: 1.1, noNaN: true }),
  bornMs: fc.integer({ min: 0, max: 30_000 }),
  diesMs: fc.integer({ min: 5_000, max: 2 * endMs }),
  releases: fc.boolean(),
  stallsMs: fc.integer({ min: 0, max: endMs }),
  stallMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 30_000 })),
  fates: fc.array(fate, { minLength: 1, maxLength: 30 }),
})

/** Runs contenders in simulated time, and gives back each moment at which several thought that they lead, and when any did. */
function simulate(lives: readonly Life[]) {
  const store = new Store()
  type Happening = { atMs: number; order: number; run: () => void }
  const agenda: Happening[] = []
  let nowMs = 0
  let order = 0
  const at = (atMs: number, run: () => void) => {
    agenda.push({ atMs, order: order++, run })
    agenda.sort((a, b) => a.atMs - b.atMs || a.order - b.order)
  }

  const contenders = lives.map((life, index) => {
    const election = new Election(`contender-${index}`, times, () => (index * 0.37) % 1)
    const localMs = () => nowMs * life.rate + index * 1_000_000
    // Clocks of nodes say what they like of the day.
    const epochMs = () => noon + index * 3_600_000 - nowMs
    let isAlive = false
    let calls = 0
    /** Nothing is done during a stall: it is done after it. */
    const awake = (run: () => void) => {
      const stallEndMs = life.stallsMs + life.stallMs
      if (nowMs >= life.stallsMs && nowMs < stallEndMs) at(stallEndMs, () => isAlive && run())
      else if (isAlive) run()
    }
    const act = () => {
      const step = election.step(localMs(), epochMs())
      if (step.do === 'wait') return at(nowMs + Math.max(1, (step.untilMs - localMs()) / life.rate), () => awake(act))
      const { thereMs, backMs, loses } = life.fates[calls++ % life.fates.length]
      const sentMs = localMs()
      let isAnswered = false
      const answer = (take: () => void) =>
        awake(() => {
          if (isAnswered) return
          isAnswered = true
          take()
          act()
        })
      at(nowMs + callTimeoutMs / life.rate, () => answer(() => election.failed(sentMs)))
      if (loses === 'question') return
      at(nowMs + thereMs, () => {
        const result = step.do === 'read' ? store.lease : store.write(step)
        if (loses === 'answer') return
        at(nowMs + backMs, () =>
          answer(() => {
            if (step.do === 'read') election.found(localMs(), result)
            else if (result === undefined) election.refused()
            else election.wrote(sentMs, localMs(), result)
          }),
        )
      })
    }
    at(life.bornMs, () => {
      isAlive = true
      awake(act)
    })
    at(life.bornMs + life.diesMs, () => {
      isAlive = false
      const step = life.releases ? election.release(localMs(), epochMs()) : undefined
      if (step !== undefined) store.write(step)
    })
    return { isLeader: () => isAlive && localMs() < election.leaderUntilMs }
  })

  const several: { atMs: number; leaders: number[] }[] = []
  let ledMs = 0
  while (agenda.length > 0 && agenda[0].atMs <= endMs) {
    const { atMs, run } = agenda.shift()!
    // Between two happenings leaders can only cease to be: right after one is when there are the most.
    nowMs = atMs
    run()
    const leaders = contenders.flatMap((each, index) => (each.isLeader() ? [index] : []))
    if (leaders.length > 1) several.push({ atMs, leaders })
    if (leaders.length > 0) ledMs = nowMs
  }
  return { several, ledMs }
}

describe('several contenders', () => {
  test('never are two leader at once, whatever is slow, lost, stalled, killed or badly timed', () => {
    let led = 0
    fc.assert(
      fc.property(fc.array(life, { minLength: 2, maxLength: 5 }), (lives) => {
        const { several, ledMs } = simulate(lives)
        if (ledMs > 0) led += 1
        expect(several).toEqual([])
      }),
      { numRuns: 2_000, seed: 20_260_131 },
    )
    expect(led).toBeGreaterThan(1_500)
  })

  test('the property would notice a holder that believes in its lease for longer than others wait', () => {
    const slow: Fate = { thereMs: 10, backMs: 10, loses: 'nothing' }
    const lost: Fate = { ...slow, loses: 'question' }
    const calm = { rate: 1, bornMs: 0, diesMs: 2 * endMs, releases: false, stallsMs: 0, stallMs: 0 }
    // Its clock goes at half the speed.
    const late = { ...calm, rate: 0.5, fates: [slow, slow, lost, lost, lost, lost, lost, lost] }
    const { several } = simulate([late, { ...calm, bornMs: 100, fates: [slow] }])
    expect(several).not.toEqual([])
  })

  test('when the holder is killed, another leads within 15 s', () => {
    const prompt: Fate = { thereMs: 10, backMs: 10, loses: 'nothing' }
    const calm = { rate: 1, stallsMs: 0, stallMs: 0, releases: false, fates: [prompt] }
    fc.assert(
      fc.property(fc.integer({ min: 10_000, max: 40_000 }), (diesMs) => {
        const killed = { ...calm, bornMs: 0, diesMs }
        const { ledMs } = simulate([killed, { ...calm, bornMs: 500, diesMs: diesMs + 14_500 }])
        expect(ledMs).toBeGreaterThan(diesMs)
      }),
    )
  })
})
