import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { judge } from '../../src/rollout/judge.ts'
import { advance, lost, type Observation } from '../../src/rollout/machine.ts'
import type { RolloutPlan } from '../../src/rollout/plan.ts'
import { parseProgress, type RolloutProgress } from '../../src/rollout/progress.ts'
import { emptyTally } from '../../src/rollout/tally.ts'
import { planOf, tallyOf } from './rollouts.ts'

const begunAt = Date.UTC(2026, 0, 31, 12)

const nothing: Observation = { sides: { target: emptyTally, stable: emptyTally }, elapsedMs: 0, blindness: undefined }
const good = (elapsedMs = 0): Observation => ({
  ...nothing,
  elapsedMs,
  sides: { target: tallyOf(30), stable: tallyOf(3000) },
})
const bad: Observation = { ...nothing, elapsedMs: 2000, sides: { target: tallyOf(0, 12), stable: tallyOf(3000) } }
const blind: Observation = {
  ...nothing,
  blindness: 'the metrics of 1 of 2 replicas can not be read (a: it answers 500)',
}

/** Goes on with one observation after the other under one plan. */
const follow = (before: RolloutProgress | undefined, plan: RolloutPlan | undefined, ...observations: Observation[]) =>
  observations.reduce<RolloutProgress | undefined>(
    (progress, each) => advance(progress, { target: plan?.target ?? 'v2', plan }, each, begunAt),
    before,
  )!

const plan = planOf()
const [first, second, third] = plan.steps
const begun = follow(undefined, plan, nothing)
const atSecond = follow(begun, plan, good(first.forMs))

describe('a rollout', () => {
  test('waits while no replica can be seen', () => {
    expect(follow(undefined, plan, blind)).toMatchObject({
      phase: 'Waiting',
      weightPercent: 0,
      waitsFor: blind.blindness,
    })
  })

  test('begins with the first step once all replicas are seen', () => {
    expect(begun).toMatchObject({
      phase: 'Progressing',
      step: 0,
      weightPercent: 0.5,
      message: 'step 1 of 4: v2 has 0.5% for 5m',
      since: '2026-01-31T12:00:00Z',
    })
  })

  test('goes through all steps to the end', () => {
    const weights = [begun.weightPercent]
    let progress = begun
    for (const step of plan.steps.slice(0, 3)) {
      progress = follow(progress, plan, good(step.forMs))
      weights.push(progress.weightPercent)
    }
    expect(weights).toEqual([0.5, 5, 25, 100])
    expect(progress).toMatchObject({ phase: 'Completed', message: 'v2 has 100%, the last step' })
    expect(follow(progress, plan, bad)).toEqual(progress)
  })

  test('stays at a step until its time is over, and counts anew at the next one', () => {
    const almost = follow(begun, plan, good(first.forMs - 1))
    expect(almost).toMatchObject({ step: 0, waitsFor: '', seen: { target: { ok: 30 } } })
    expect(follow(almost, plan, { ...nothing, elapsedMs: 1 })).toMatchObject({
      step: 1,
      watchedMs: 0,
      seen: { target: { ok: 0 } },
    })
  })

  test('waits for samples, and says so', () => {
    const waiting = follow(begun, plan, { ...nothing, elapsedMs: first.forMs })
    expect(waiting).toMatchObject({
      phase: 'Waiting',
      weightPercent: 0.5,
      message: 'waits at step 1 of 4: v2 keeps 0.5%',
      step: 0,
      waitsFor: 'waits for 20 answers of each side (samples=20)',
    })
    expect(follow(waiting, plan, good())).toMatchObject({ step: 1, waitsFor: '' })
  })

  test('takes no step while a limit seems to be broken', () => {
    const sides = { target: tallyOf(30, 1), stable: tallyOf(3000) }
    expect(follow(begun, plan, { ...nothing, sides, elapsedMs: first.forMs })).toMatchObject({
      step: 0,
      phase: 'Waiting',
      waitsFor: 'errors=+1% seems to be broken, by too few answers to tell that from chance',
    })
  })

  test('takes no step while a replica can not be seen, and that time does not count', () => {
    const unseen = follow(begun, plan, { ...good(first.forMs), blindness: blind.blindness })
    expect(unseen).toMatchObject({ step: 0, watchedMs: 0, waitsFor: blind.blindness })
    expect(follow(unseen, plan, { ...nothing, elapsedMs: first.forMs })).toMatchObject({ step: 1, waitsFor: '' })
  })

  test('waits while a replica stays out of sight, and goes on when it is back', () => {
    const unseen = { ...blind, elapsedMs: 10_000 }
    expect(follow(begun, plan, unseen, unseen).phase).toBe('Progressing')
    const waiting = follow(begun, plan, unseen, unseen, unseen)
    expect(waiting).toMatchObject({ phase: 'Waiting', weightPercent: 0.5, waitsFor: blind.blindness })
    expect(follow(waiting, plan, nothing)).toMatchObject({ phase: 'Progressing', message: begun.message, waitsFor: '' })
  })

  test('is rolled back when a limit is broken, and says by what', () => {
    expect(follow(begun, plan, bad)).toMatchObject({
      phase: 'RolledBack',
      weightPercent: 0,
      message: expect.stringMatching(
        /^rolled back from step 1 of 4 \(0\.5%\) by errors=\+1%: 12 of 12 answers failed \(100%\), against 0% of 3000 of the stable targets; chance makes a good target look so bad once in /,
      ),
    })
  })

  test('is rolled back though not all replicas can be seen, and while it is paused', () => {
    expect(follow(begun, plan, { ...bad, blindness: blind.blindness }).phase).toBe('RolledBack')
    expect(follow(begun, planOf({ state: 'paused' }), nothing, bad).phase).toBe('RolledBack')
  })

  test('with all of the requests it needs nobody to compare with', () => {
    const timed = planOf({ steps: [{ weightPercent: 100, forMs: 60_000 }] })
    expect(follow(undefined, timed, nothing, { ...nothing, elapsedMs: 60_000 }).phase).toBe('Completed')
  })
})

describe('people', () => {
  const paused = planOf({ state: 'paused' })
  const aborted = planOf({ state: 'aborted' })

  test('pause it: it keeps its weight, takes no step, and goes on with what it has seen', () => {
    const stopped = follow(begun, paused, good(first.forMs), good(first.forMs))
    expect(stopped).toMatchObject({
      phase: 'Paused',
      weightPercent: 0.5,
      watchedMs: 0,
      message: 'paused at step 1 of 4: v2 keeps 0.5%',
    })
    expect(follow(stopped, plan, nothing)).toMatchObject({
      phase: 'Progressing',
      step: 0,
      seen: { target: { ok: 60 } },
    })
  })

  test('pause it before it has begun', () => {
    const stopped = follow(undefined, paused, nothing)
    expect(stopped).toMatchObject({
      phase: 'Paused',
      weightPercent: 0,
      message: 'paused before the first step: v2 keeps 0%',
    })
    expect(follow(stopped, plan, nothing)).toMatchObject({ phase: 'Progressing', weightPercent: 0.5 })
  })

  test('abort it, at any step and after the last one; that they take the word back does not begin it anew', () => {
    const done = follow(begun, planOf({ steps: [first] }), good(first.forMs))
    expect(done.phase).toBe('Completed')
    for (const before of [begun, atSecond, done]) {
      const stopped = follow(before, aborted, good())
      expect(stopped).toMatchObject({ phase: 'Aborted', weightPercent: 0 })
      expect(follow(stopped, plan, good())).toMatchObject({ phase: 'Aborted', weightPercent: 0 })
    }
  })

  test.each(['RolledBack', 'Aborted'])('begin it anew after %s by another time of restarted-at', (phase) => {
    const ended = phase === 'Aborted' ? follow(atSecond, aborted, nothing) : follow(atSecond, plan, bad)
    expect(ended.phase).toBe(phase)
    const restarted = planOf({ restartedAt: '2026-01-31T13:00:00Z' })
    const anew = follow(ended, restarted, nothing)
    expect(anew).toMatchObject({ phase: 'Progressing', step: 0, weightPercent: 0.5, seen: { target: emptyTally } })
    expect(follow(anew, restarted, good(first.forMs)).step).toBe(1)
    // The annotation goes: nothing happens.
    expect(follow(anew, plan, nothing)).toMatchObject({ step: 0, phase: 'Progressing' })
  })
})

describe('a plan that changes', () => {
  test('goes on at the step that has the weight, with what was seen', () => {
    const more = planOf({
      steps: [{ weightPercent: 0.1, forMs: 1000 }, { weightPercent: 1, forMs: 1000 }, second, third],
    })
    const before = follow(atSecond, plan, good(1000))
    expect(follow(before, more, nothing)).toMatchObject({
      step: 2,
      weightPercent: 5,
      watchedMs: 1000,
      seen: { target: { ok: 30 } },
      message: 'step 3 of 4: v2 has 5% for 10m',
    })
  })

  test('goes down to the next lower step where none has the weight', () => {
    const others = planOf({
      steps: [
        { weightPercent: 2, forMs: 1000 },
        { weightPercent: 50, forMs: 1000 },
      ],
    })
    expect(follow(atSecond, others, nothing)).toMatchObject({ step: 0, weightPercent: 2, watchedMs: 0 })
  })

  test('goes on after its end when steps are added', () => {
    const short = planOf({ steps: [first, { weightPercent: 5, forMs: 0 }] })
    const done = follow(begun, short, good(first.forMs))
    expect(done.phase).toBe('Completed')
    expect(follow(done, plan, nothing)).toMatchObject({ phase: 'Progressing', step: 1, weightPercent: 5 })
  })

  test('begins anew for another target', () => {
    expect(follow(atSecond, planOf({ target: 'v3' }), nothing)).toMatchObject({
      target: 'v3',
      step: 0,
      weightPercent: 0.5,
    })
  })

  test('can not be read: no step is taken, and the limits that were there hold', () => {
    const strict = follow(begun, planOf({ limits: { ...plan.limits, errorPoints: 50 } }), nothing)
    const held = follow(strict, undefined, good(first.forMs))
    expect(held).toMatchObject({ step: 0, weightPercent: 0.5, waitsFor: expect.stringContaining('can not be read') })
    expect(follow(held, undefined, { ...bad, sides: { target: tallyOf(50, 10), stable: tallyOf(3000) } }).phase).toBe(
      'Progressing',
    )
    const worse = { ...bad, sides: { target: tallyOf(0, 400), stable: tallyOf(3000) } }
    expect(follow(held, undefined, worse).phase).toBe('RolledBack')
    expect(follow(undefined, undefined, nothing)).toMatchObject({ phase: 'Waiting', weightPercent: 0 })
  })
})

test('a state that people have given a weight though it is over gives the target nothing', () => {
  for (const phase of ['RolledBack', 'Aborted'] as const) {
    expect(follow({ ...begun, phase, weightPercent: 50 }, plan, nothing)).toMatchObject({ phase, weightPercent: 0 })
  }
})

test('what is stored is all that another one needs to go on', () => {
  for (const progress of [begun, atSecond, follow(atSecond, plan, good(1000)), follow(atSecond, plan, bad)]) {
    expect(parseProgress(JSON.stringify(progress))).toEqual(progress)
  }
})

test('a state that nobody can read gives the target nothing until it is begun anew', () => {
  expect(parseProgress('{"target":"v2"}')).toBeUndefined()
  expect(parseProgress('no JSON')).toBeUndefined()
  const progress = lost({ target: 'v2', plan }, begunAt)
  expect(follow(progress, plan, good(first.forMs))).toMatchObject({ phase: 'Aborted', weightPercent: 0 })
  expect(follow(progress, planOf({ restartedAt: '2026-01-31T13:00:00Z' }), nothing).phase).toBe('Progressing')
})

describe('whatever happens', () => {
  const anyTally = fc.record({ ok: fc.nat(200), error: fc.nat(20) }).map(({ ok, error }) => tallyOf(ok, error))
  const anyStep = fc.record({
    plan: fc.option(
      fc.record({
        weights: fc.uniqueArray(fc.constantFrom(0.5, 1, 5, 25, 50, 100), { minLength: 1, maxLength: 4 }),
        target: fc.constantFrom('v2', 'v2', 'v2', 'v3'),
        state: fc.constantFrom(undefined, undefined, 'paused' as const, 'aborted' as const),
        restartedAt: fc.constantFrom(undefined, 'a', 'b'),
      }),
      { nil: undefined },
    ),
    target: anyTally,
    stable: anyTally,
    elapsedMs: fc.nat(4000),
    isBlind: fc.boolean(),
    /** Clocks of machines differ, and are set. */
    nowMs: fc.integer({ min: 0, max: 4e12 }),
    isRestarted: fc.boolean(),
  })

  test('the weight grows by one step at a time, and but for the first one never without a good verdict; what is over stays at 0', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 30 }), (steps) => {
        let progress: RolloutProgress | undefined
        for (const { plan: changes, target, stable, elapsedMs, isBlind, nowMs, isRestarted } of steps) {
          const given =
            changes &&
            planOf({
              ...changes,
              steps: changes.weights.toSorted((a, b) => a - b).map((weightPercent) => ({ weightPercent, forMs: 2000 })),
            })
          const observation = { sides: { target, stable }, elapsedMs, blindness: isBlind ? 'blind' : undefined }
          const before = isRestarted && progress ? parseProgress(JSON.stringify(progress)) : progress
          progress = advance(before, { target: given?.target ?? 'v2', plan: given }, observation, nowMs)
          const { weightPercent, phase, seen } = progress
          const isOver = phase === 'RolledBack' || phase === 'Aborted'
          if (isOver) expect(weightPercent).toBe(0)
          if (before === undefined || given === undefined) {
            expect(weightPercent).toBeLessThanOrEqual(before?.weightPercent ?? given?.steps[0].weightPercent ?? 0)
            continue
          }
          const isAnew =
            before.target !== given.target ||
            (given.restartedAt !== undefined && given.restartedAt !== before.restartedAt)
          const wasOver = before.phase === 'RolledBack' || before.phase === 'Aborted'
          if (wasOver && !isAnew) expect(weightPercent).toBe(0)
          const weights = given.steps.map((each) => each.weightPercent)
          if (weightPercent > 0) expect(weights).toContain(weightPercent)
          const grows = weightPercent > (isAnew ? 0 : before.weightPercent)
          if (!grows || weightPercent === weights[0]) continue
          expect(isBlind).toBe(false)
          expect(given.state).toBeUndefined()
          const from = weights.findLastIndex((each) => each <= before.weightPercent)
          expect(weights.indexOf(weightPercent)).toBe(from + 1)
          expect(seen.target).toEqual(emptyTally)
          if (before.weightPercent === weights[from]) {
            const all = advance(
              before,
              { target: given.target, plan: { ...given, state: 'paused' } },
              observation,
              nowMs,
            )
            expect(judge(all.seen, given.limits, from).kind).toBe('good')
          }
        }
      }),
      { numRuns: 300 },
    )
  })
})
