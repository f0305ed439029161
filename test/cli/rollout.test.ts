import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RolloutProgress } from '../../src/rollout/progress.ts'
import { StateFile, storedStates } from '../../src/rollout/state-file.ts'
import { emptyTally } from '../../src/rollout/tally.ts'

const binary = join(import.meta.dirname, '..', '..', 'bin', 'signalbox')

const model = `apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata:
  name: trip-planner
  annotations:
    signalbox.dev/rollout-steps: "0.5% for 5m, 5% for 10m, 25% for 10m, 100%"
    signalbox.dev/sticky-by: user
spec:
  modelName: trip-planner
  poolRef: {name: qwen-pool}
  targetModels: [{name: travel-helper-v1}, {name: travel-helper-v2}]
`

const progress: RolloutProgress = {
  target: 'travel-helper-v2',
  weightPercent: 0.5,
  phase: 'Progressing',
  step: 0,
  startedAt: '2026-01-31T12:00:00Z',
  since: '2026-01-31T12:00:00Z',
  watchedMs: 190_000,
  blindMs: 0,
  restartedAt: undefined,
  seen: {
    target: { ...emptyTally, ok: 47, ttft: { 0.41: 40, 0.45: 7 }, tokenTime: { 0.025: 47 } },
    stable: { ...emptyTally, ok: 9282, error: 19, ttft: { 0.38: 9000, 0.41: 282 }, tokenTime: { 0.024: 9282 } },
  },
  limits: undefined,
  message: 'step 1 of 4: travel-helper-v2 has 0.5% for 5m',
  waitsFor: '',
}

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'signalbox-rollout-'))
  await writeFile(join(folder, 'model.yaml'), model)
  const state = storedStates({ 'inferencemodel.trip-planner': JSON.stringify(progress) })
  await new StateFile(join(folder, 'rollouts.yaml')).write(new Map([['default', state]]))
})
afterAll(() => rm(folder, { recursive: true }))

const rollout = (...args: string[]) =>
  promisify(execFile)(binary, ['rollout', ...args], { cwd: folder }).then(
    ({ stdout, stderr }) => ({ stdout, stderr, code: 0 }),
    ({ stdout, stderr, code }) => ({ stdout, stderr, code }),
  )

test('status lines up within 80 columns', async () => {
  const { stdout, code } = await rollout('status', '-f', '.')
  expect(code).toBe(0)
  expect(stdout.replace(/for \d\S*,/, 'for TIME,')).toBe(`inferencemodel/trip-planner in default
  Progressing, step 1 of 4 for TIME, 3m10s of 5m watched
  step 1 of 4: travel-helper-v2 has 0.5% for 5m
                                 WEIGHT   ANSWERS   ERRORS   TTFT P90   TOKENS/S
  travel-helper-v2                 0.5%        47       0%     423 ms       40.4
  stable                          99.5%      9301   0.204%     378 ms         42
`)
})

test('pause, resume and abort of files say what to write where', async () => {
  const { stdout } = await rollout('pause', 'inferencemodel/trip-planner', '-f', '.')
  expect(
    stdout,
  ).toBe(`inferencemodel/trip-planner is in a file, which is yours to change. At model.yaml:5:3, under annotations:
  set        signalbox.dev/rollout-state: "paused"
`)
})

test('a plan of a resource with one target is said to have no effect, and why', async () => {
  const alone = await mkdtemp(join(tmpdir(), 'signalbox-rollout-'))
  await writeFile(join(alone, 'model.yaml'), model.replace(', {name: travel-helper-v2}', ''))
  const { stdout, code } = await rollout('status', '-f', alone)
  await rm(alone, { recursive: true })
  expect([stdout, code]).toEqual([
    `inferencemodel/trip-planner in default
  without effect: a rollout needs two targets, and the resource has one
`,
    1,
  ])
})

test('nothing is driven of a file that is not there', async () => {
  const { stderr, code } = await rollout(
    ...['drive', '-f=model.yaml', '--replica', 'http://127.0.0.1:9', '--state', 'none.yaml'],
  )
  expect(code).toBe(1)
  expect(stderr).toContain('error: =model.yaml: no such file or directory')
})

test('a rollout that is not there is named, with those that are', async () => {
  const { stderr, code } = await rollout('abort', 'inferencemodel/chat', '-f', '.')
  expect(code).toBe(1)
  expect(stderr).toBe(
    'error: no rollout of inferencemodel/chat in default: there is inferencemodel/trip-planner\n(signalbox COMMAND --help lists the flags)\n',
  )
})
