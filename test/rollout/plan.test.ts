import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defaultLimits } from '../../src/rollout/limits.ts'
import { readPlan, rolloutAnnotations } from '../../src/rollout/plan.ts'

const two = [['v1', 'v2']]

const read = (given: Readonly<Record<string, string>>, splits: readonly (readonly string[])[] = two) => {
  const annotations = Object.fromEntries(
    Object.entries(given).map(([name, value]) => [`signalbox.dev/rollout-${name}`, value]),
  )
  return readPlan(annotations, splits)
}

describe('a plan', () => {
  test('has steps, limits and what people ask for', () => {
    const given = {
      steps: '0.5% for 5m, 5% for 1h30m,25%  for 90s , 100%',
      target: 'v1',
      limits: 'errors=+2%, samples=50',
      state: 'paused',
      'restarted-at': '2026-01-31T12:00:00Z',
    }
    expect(read(given)).toEqual({
      rollout: {
        target: 'v1',
        plan: {
          steps: [
            { weightPercent: 0.5, forMs: 300_000 },
            { weightPercent: 5, forMs: 5_400_000 },
            { weightPercent: 25, forMs: 90_000 },
            { weightPercent: 100, forMs: 0 },
          ],
          target: 'v1',
          limits: { ...defaultLimits, errorPoints: 2, samples: 50 },
          state: 'paused',
          restartedAt: '2026-01-31T12:00:00Z',
        },
      },
      problems: [],
    })
  })

  test('rolls out the last target, runs, and has the usual limits, where nothing else is said', () => {
    expect(read({ steps: '100% for 1m' }).rollout).toEqual({
      target: 'v2',
      plan: {
        steps: [{ weightPercent: 100, forMs: 60_000 }],
        target: 'v2',
        limits: defaultLimits,
        state: undefined,
        restartedAt: undefined,
      },
    })
  })

  test('is of the last target of the first rule that has several', () => {
    expect(read({ steps: '100%' }, [['only'], ['a', 'b'], ['c', 'd']]).rollout?.target).toBe('b')
    expect(read({ steps: '100%', target: 'c' }, [['only'], ['a', 'b'], ['c', 'd']]).rollout?.target).toBe('c')
  })

  test('is not there without annotations', () => {
    expect(read({})).toEqual({ rollout: undefined, problems: [] })
  })

  test('reads back as it was written', () => {
    const step = fc.record({
      hundredths: fc.integer({ min: 1, max: 10_000 }),
      seconds: fc.integer({ min: 1, max: 9_999 }),
    })
    fc.assert(
      fc.property(fc.uniqueArray(step, { selector: ({ hundredths }) => hundredths, minLength: 1 }), (unordered) => {
        const steps = unordered.toSorted((a, b) => a.hundredths - b.hundredths)
        const text = steps.map(({ hundredths, seconds }) => `${hundredths / 100}% for ${seconds}s`).join(', ')
        expect(read({ steps: text }).rollout?.plan?.steps).toEqual(
          steps.map(({ hundredths, seconds }) => ({ weightPercent: hundredths / 100, forMs: seconds * 1_000 })),
        )
      }),
    )
  })
})

describe('what is wrong with a plan holds the weight, and says where', () => {
  test.each([
    ['steps', '', 'found "", allowed: steps like 5% for 10m'],
    ['steps', '5 for 10m, 100%', 'found "5 for 10m", allowed: steps like 5% for 10m'],
    ['steps', '-5% for 10m', 'found "-5% for 10m", allowed: steps like 5% for 10m'],
    ['steps', '0% for 5m, 100%', 'found "0% for 5m", allowed: a weight of more than 0% and at most 100%'],
    ['steps', '5% for 5m, 101%', 'found "101%", allowed: a weight of more than 0% and at most 100%'],
    ['steps', '25% for 5m, 5% for 5m', 'found 5% after 25%, allowed: a larger weight in each step'],
    ['steps', '5% for 5m, 5.0%', 'found 5.0% after 5%, allowed: a larger weight in each step'],
    ['steps', '5%, 100%', 'found "5%", allowed: steps like 5% for 10m; the last one alone needs no time'],
    ['steps', '5% for 10, 100%', 'found "5% for 10", allowed: a time like 30s, 10m or 1h30m'],
    ['steps', '5% for 0s, 100%', 'found "5% for 0s", allowed: a time like 30s, 10m or 1h30m'],
    ['steps', '5% for 10m,', 'found "", allowed: steps like 5% for 10m'],
    ['state', 'stopped', 'found "stopped", allowed: paused, aborted, or no such annotation'],
    ['limits', 'errors=1%', expect.stringContaining('errors=+1%')],
  ])('%s: %s', (name, value, message) => {
    const { rollout, problems } = read({ steps: '5% for 10m, 100%', [name]: value })
    expect(rollout).toEqual({ target: 'v2', plan: undefined })
    expect(problems).toEqual([{ annotation: `signalbox.dev/rollout-${name}`, message, effect: 'held' }])
  })

  test('each annotation for itself', () => {
    const { problems } = read({ steps: 'x', limits: 'y', state: 'z' })
    expect(problems.map(({ annotation }) => annotation)).toEqual([
      rolloutAnnotations.steps,
      rolloutAnnotations.limits,
      rolloutAnnotations.state,
    ])
  })
})

test('a target that is not there makes the resource unusable: nobody can tell which one is new', () => {
  expect(read({ steps: '100%', target: 'v3' }, [['v1', 'v2'], ['v2']])).toEqual({
    rollout: undefined,
    problems: [
      {
        annotation: rolloutAnnotations.target,
        message: 'found "v3", allowed: a target of the resource: v1, v2',
        effect: 'unusable',
      },
    ],
  })
})

test.each([
  ['one target', { steps: '100%' }, [['v1']], 'without effect: a rollout needs two targets, and the resource has one'],
  [
    'one target, twice',
    { steps: '100%' },
    [['v1', 'v1']],
    'without effect: a rollout needs two targets, and the resource has one',
  ],
  [
    'a target that is alone in its rule',
    { steps: '100%', target: 'v3' },
    [['v1', 'v2'], ['v3']],
    'without effect: a rollout needs two targets, and v3 is alone',
  ],
])('a plan for %s has no effect', (_, given, splits, message) => {
  expect(read(given, splits)).toEqual({
    rollout: undefined,
    problems: [{ annotation: rolloutAnnotations.steps, message, effect: 'no effect' }],
  })
})

test('without steps the other annotations have no effect', () => {
  const message = 'without effect: there is no signalbox.dev/rollout-steps'
  expect(read({ target: 'v2', state: 'paused' })).toEqual({
    rollout: undefined,
    problems: [
      { annotation: rolloutAnnotations.target, message, effect: 'no effect' },
      { annotation: rolloutAnnotations.state, message, effect: 'no effect' },
    ],
  })
})
