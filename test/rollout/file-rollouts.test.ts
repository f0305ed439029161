import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Problem } from '../../src/catalog/problem.ts'
import { driverLimits } from '../../src/rollout/driver.ts'
import { FileRollouts } from '../../src/rollout/file-rollouts.ts'
import { StateFile, storedStates } from '../../src/rollout/state-file.ts'
import { ManualClock } from '../pool/manual-clock.ts'

const model = `apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata:
  name: chat
  annotations:
    signalbox.dev/rollout-steps: "1% for 1h, 100%"
    signalbox.dev/sticky-by: user
spec:
  modelName: chat
  poolRef: {name: pool}
  targetModels: [{name: v1}, {name: v2}]
`
const unreadable: Problem = { severity: 'error', place: 'model.yaml', path: '', message: 'permission denied' }

let folder: string
let path: string
let manifests: { texts: { path: string; text: string }[]; problems: Problem[] }
const readable = () => ({ texts: [{ path: 'model.yaml', text: model }], problems: [] })
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'signalbox-rollouts-'))
  path = join(folder, 'rollouts.yaml')
  manifests = readable()
})
afterEach(() => rm(folder, { recursive: true }))

function drive(onLook = async () => {}) {
  const clock = new ManualClock()
  const rollouts = new FileRollouts({
    manifests: async () => manifests,
    replicas: [{ id: 'a', name: 'a', url: 'http://a' }],
    fetchPage: async () => {
      await onLook()
      return Buffer.from('')
    },
    stateFile: new StateFile(path),
    defaultNamespace: 'default',
    clock,
  })
  return async () => {
    await clock.advance(driverLimits.intervalMs)
    await rollouts.look()
  }
}

const states = async () => (await new StateFile(path).read()).get('default')?.data ?? {}
const stored = async () => JSON.parse((await states())['inferencemodel.chat'])

/** Somebody writes that it was rolled back. */
const rollBack = () => {
  const state = JSON.stringify({ target: 'v2', weightPercent: 0, phase: 'RolledBack', step: 0 })
  return new StateFile(path).write(new Map([['default', storedStates({ 'inferencemodel.chat': state })]]))
}

test('a manifest that can not be read for a moment leaves its rollouts as they are', async () => {
  const look = drive()
  await look()
  await rollBack()
  await look()
  manifests = { texts: [], problems: [unreadable] }
  await look()
  manifests = readable()
  await look()
  expect(await stored()).toMatchObject({ phase: 'RolledBack', weightPercent: 0 })
})

test('nothing is taken away by one that begins while a manifest can not be read', async () => {
  await drive()()
  const before = await readFile(path, 'utf8')
  manifests = { texts: [{ path: 'model.yaml', text: 'kind: [' }], problems: [] }
  await expect(drive()()).rejects.toThrow('nothing is driven until all manifests can be read: model.yaml:1')
  expect(await readFile(path, 'utf8')).toBe(before)
})

test('a state file that is broken is left as it is, and nothing begins anew', async () => {
  const look = drive()
  await look()
  await writeFile(path, 'kind: [')
  await expect(look()).rejects.toThrow('the state can not be read: ')
  expect(await readFile(path, 'utf8')).toBe('kind: [')
})

test('what people write during a look counts', async () => {
  await drive(rollBack)()
  expect(await stored()).toMatchObject({ phase: 'RolledBack', weightPercent: 0 })
})

test('a rollout whose resource is gone from files that can be read leaves no state', async () => {
  const look = drive()
  await look()
  manifests = { texts: [], problems: [] }
  await look()
  expect(await states()).toEqual({})
})
