import { describe, expect, test } from 'vitest'
import { type DrivenResource, Driver, driverLimits, type StoredStates } from '../../src/rollout/driver.ts'
import type { RolloutPlan } from '../../src/rollout/plan.ts'
import { parseProgress } from '../../src/rollout/progress.ts'
import type { Sight } from '../../src/rollout/replicas.ts'
import { ManualClock } from '../pool/manual-clock.ts'
import { planOf, tallyOf } from './rollouts.ts'

const plan = planOf({
  steps: [
    { weightPercent: 1, forMs: 4_000 },
    { weightPercent: 10, forMs: 0 },
  ],
})
const key = 'inferencemodel.chat'

const chat = (itsPlan: RolloutPlan | undefined = plan): DrivenResource => ({
  kind: 'InferenceModel',
  namespace: 'default',
  name: 'chat',
  rollout: { target: 'v2', plan: itsPlan },
})

const sightOf = (target = tallyOf(0), stable = tallyOf(0), blindness?: string): Sight => ({
  tallies: new Map([
    [
      'InferenceModel default/chat',
      new Map([
        ['v1', stable],
        ['v2', target],
      ]),
    ],
  ]),
  blindness,
})

/** A driver, and a store as an API server has it: each write makes another version. */
function setUp(clock = new ManualClock()) {
  const driver = new Driver(clock)
  let version = 0
  let stored = new Map<string, StoredStates>()
  const store = (namespace: string, data: Record<string, string>) => {
    version += 1
    stored = new Map(stored).set(namespace, { version: String(version), data })
  }
  /** Looks, and stores what is due. */
  const look = (sight: Sight | undefined, resources = [chat()]) => {
    clock.advance(driverLimits.intervalMs)
    driver.advance(resources, stored, sight)
    const due = [...driver.due(resources, stored)]
    for (const [namespace, data] of due) {
      store(namespace, data)
      driver.saved(namespace, stored.get(namespace)!)
    }
    return due.length
  }
  const progress = () => {
    const text = stored.get('default')?.data[key]
    return text === undefined ? undefined : parseProgress(text)
  }
  return { clock, driver, look, progress, store, stored: () => stored }
}

const good = sightOf(tallyOf(30), tallyOf(3000))
const bad = sightOf(tallyOf(0, 12), tallyOf(3000))

describe('a driver', () => {
  test('stores a step and a phase at once, and what it sees meanwhile only now and then', () => {
    const { look, progress } = setUp()
    expect(look(sightOf())).toBe(1)
    expect(progress()).toMatchObject({ phase: 'Progressing', weightPercent: 1 })
    expect(look(sightOf(tallyOf(5), tallyOf(500)))).toBe(0)
    expect(look(good)).toBe(1)
    expect(progress()).toMatchObject({ phase: 'Completed', weightPercent: 10 })
    expect(look(undefined)).toBe(0)
  })

  test('stores what it sees after a while, for whoever takes over', () => {
    const { look, progress, clock } = setUp()
    const slow = [chat(planOf({ steps: [{ weightPercent: 1, forMs: 3_600_000 }] }))]
    look(sightOf(), slow)
    let writes = 0
    const looks = driverLimits.saveIntervalMs / driverLimits.intervalMs
    for (let i = 0; i < looks; i += 1) writes += look(sightOf(tallyOf(1), tallyOf(100)), slow)
    expect(writes).toBe(1)
    expect(progress()!.seen.target.ok).toBe(looks)
    expect(clock.nowMs()).toBeGreaterThan(0)
  })

  test('another one goes on from what is stored', () => {
    const first = setUp()
    first.look(sightOf())
    const second = new Driver(first.clock)
    second.advance([chat()], first.stored(), sightOf())
    expect(second.progressOf(chat())).toMatchObject({ phase: 'Progressing', step: 0, watchedMs: 0 })
  })

  test('goes by what somebody else has written, and not by what it remembers', () => {
    const { driver, look, progress, store, stored } = setUp()
    look(sightOf())
    const rolledBack = { ...progress()!, phase: 'RolledBack', weightPercent: 0 }
    store('default', { [key]: JSON.stringify(rolledBack) })
    look(good)
    look(good)
    expect(progress()).toMatchObject({ phase: 'RolledBack', weightPercent: 0 })
    expect(driver.needsSight([chat()], stored())).toBe(false)
  })

  test('rolls back, and looks no more', () => {
    const { driver, look, progress, stored } = setUp()
    look(sightOf())
    expect(driver.needsSight([chat()], stored())).toBe(true)
    look(bad)
    expect(progress()).toMatchObject({ phase: 'RolledBack', weightPercent: 0 })
    expect(driver.needsSight([chat()], stored())).toBe(false)
  })

  test('takes the state away with the rollout, and leaves it while the resource can not be read', () => {
    const { look, progress, stored } = setUp()
    look(sightOf())
    look(good, [{ ...chat(), rollout: undefined }])
    expect(progress()).toMatchObject({ phase: 'Progressing' })
    expect(look(sightOf(), [])).toBe(1)
    expect(stored().get('default')!.data).toEqual({})
  })

  test('stores nothing over what somebody else has written before it has read that', () => {
    const { driver, clock, progress, store, stored } = setUp()
    clock.advance(driverLimits.intervalMs)
    driver.advance([chat()], stored(), sightOf())
    store('default', {
      [key]: JSON.stringify({ ...driver.progressOf(chat())!, phase: 'RolledBack', weightPercent: 0 }),
    })
    expect([...driver.due([chat()], stored())]).toEqual([])
    driver.advance([chat()], stored(), good)
    expect([...driver.due([chat()], stored())]).toEqual([])
    expect(progress()).toMatchObject({ phase: 'RolledBack', weightPercent: 0 })
  })

  test('begins with the first step for a resource that is made again', () => {
    const { look, progress } = setUp()
    look(sightOf())
    look(good)
    look(good)
    expect(progress()).toMatchObject({ phase: 'Completed', weightPercent: 10 })
    look(sightOf(), [])
    look(sightOf())
    expect(progress()).toMatchObject({ phase: 'Progressing', weightPercent: 1 })
  })

  test('gives a target nothing whose state can not be read', () => {
    const { look, progress, store } = setUp()
    store('default', { [key]: '{"weightPercent": "much"}' })
    look(good)
    expect(progress()).toMatchObject({ phase: 'Aborted', weightPercent: 0 })
  })

  test('does not count the time in which its process was stopped', () => {
    const { clock, look, progress } = setUp()
    const slow = [
      chat(
        planOf({
          steps: [
            { weightPercent: 1, forMs: 60_000 },
            { weightPercent: 10, forMs: 0 },
          ],
        }),
      ),
    ]
    look(sightOf(), slow)
    clock.advance(3_600_000)
    look(good, slow)
    expect(progress()).toMatchObject({ step: 0, watchedMs: driverLimits.longestElapsedMs })
  })
})
