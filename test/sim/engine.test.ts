import { expect, test } from 'vitest'
import { Engine, type Sequence, tokensMade } from '../../src/sim/engine.ts'

const limits = { maxNumSeqs: 2, maxLoras: 1, kvBlocks: 10 }
const open = new AbortController().signal

function sequence(adapter?: string, fields: Partial<Sequence> = {}): Sequence {
  return { adapter, promptTokens: 16, answerTokens: 16, pace: undefined, ...fields }
}

/** Enters all and records who runs, in order. */
function enterAll(engine: Engine, sequences: readonly Sequence[], signal = open) {
  const started: Sequence[] = []
  const entered = sequences.map((each) => engine.enter(each, signal).then(() => started.push(each)))
  return { started, entered, settle: () => new Promise(setImmediate) }
}

test('so many run at once; the others wait and start in their order', async () => {
  const engine = new Engine(limits)
  const [a, b, c, d] = [sequence(), sequence(), sequence(), sequence()]
  const { started, settle } = enterAll(engine, [a, b, c, d])
  await settle()
  expect(started).toEqual([a, b])
  expect(engine.snapshot(0)).toMatchObject({ running: 2, waiting: 2 })

  engine.leave(b)
  await settle()
  expect(started).toEqual([a, b, c])
  engine.leave(a)
  engine.leave(c)
  await settle()
  expect(started).toEqual([a, b, c, d])
  expect(engine.snapshot(0)).toMatchObject({ running: 1, waiting: 0 })
})

test('a request whose adapter has no room is passed by, and starts when the other adapter is gone', async () => {
  const engine = new Engine({ ...limits, maxNumSeqs: 3 })
  const [first, again, other, base] = [sequence('v1'), sequence('v1'), sequence('v2'), sequence()]
  const { started, settle } = enterAll(engine, [first, other, again, base])
  await settle()
  expect(started).toEqual([first, again, base])
  expect(engine.snapshot(0)).toMatchObject({ runningAdapters: ['v1'], waitingAdapters: ['v2'] })

  engine.leave(first)
  await settle()
  expect(started).not.toContain(other)
  engine.leave(again)
  await settle()
  expect(started).toContain(other)
  expect(engine.snapshot(0)).toMatchObject({ runningAdapters: ['v2'], waitingAdapters: [] })
})

test('a place that the first in the queue cannot use goes to the next who can', async () => {
  const engine = new Engine(limits)
  const [first, again, other, base] = [sequence('v1'), sequence('v1'), sequence('v2'), sequence()]
  const { started, settle } = enterAll(engine, [first, again, other, base])
  await settle()
  engine.leave(first)
  await settle()
  expect(started).toEqual([first, again, base])
  expect(engine.snapshot(0)).toMatchObject({ running: 2, waiting: 1, waitingAdapters: ['v2'] })
})

test('a client that gives up leaves the queue, and its place goes to the next', async () => {
  const engine = new Engine({ ...limits, maxNumSeqs: 1 })
  const connection = new AbortController()
  const [runs, givesUp, next] = [sequence(), sequence(), sequence()]
  await engine.enter(runs, open)
  const { entered } = enterAll(engine, [givesUp], connection.signal)
  const { started, settle } = enterAll(engine, [next])
  connection.abort(new Error('gone'))
  await expect(entered[0]).rejects.toThrow('gone')
  expect(engine.snapshot(0)).toMatchObject({ running: 1, waiting: 1 })

  engine.leave(givesUp)
  expect(engine.snapshot(0), 'leaving without having run changes nothing').toMatchObject({ running: 1, waiting: 1 })
  engine.leave(runs)
  await settle()
  expect(started).toEqual([next])
})

test('load goes from 0 for one request alone to 1 for a full batch', async () => {
  const engine = new Engine({ ...limits, maxNumSeqs: 3 })
  const loads = [engine.load()]
  for (let count = 0; count < 3; count++) {
    await engine.enter(sequence(), open)
    loads.push(engine.load())
  }
  expect(loads).toEqual([0, 0, 0.5, 1])
})

test('the KV cache holds the prompt and the tokens made so far, in whole blocks', async () => {
  const engine = new Engine(limits)
  await engine.enter(sequence(undefined, { promptTokens: 17, pace: { firstTokenAtMs: 100, itlMs: 10 } }), open)
  expect(engine.snapshot(0).kvUsage).toBe(0.2)
  expect(engine.snapshot(100 + 14 * 10).kvUsage).toBe(0.2)
  expect(engine.snapshot(100 + 15 * 10).kvUsage).toBe(0.3)
  await engine.enter(sequence(undefined, { promptTokens: 10_000 }), open)
  expect(engine.snapshot(0).kvUsage).toBe(1)
})

test('tokens are made from the first one on, never more than the answer has', () => {
  const paced = sequence(undefined, { answerTokens: 3, pace: { firstTokenAtMs: 100, itlMs: 10 } })
  expect([0, 99, 100, 109, 110, 120, 1000].map((nowMs) => tokensMade(paced, nowMs))).toEqual([0, 0, 1, 1, 2, 3, 3])
  expect(tokensMade(sequence(), 1000)).toBe(0)
  expect(tokensMade({ ...paced, pace: { firstTokenAtMs: 100, itlMs: 0 } }, 100)).toBe(3)
})
