import { expect, test } from 'vitest'
import { Engine, type EngineTime, type Sequence, tokensMade } from '../../src/sim/engine.ts'

const limits = { maxNumSeqs: 2, maxLoras: 1, kvBlocks: 10, kvBlockTokens: 16 }
const atZero: EngineTime = { nowMs: () => 0, adapterLoadMs: () => 0 }
const open = new AbortController().signal

function sequence(adapter?: string, fields: Partial<Sequence> = {}): Sequence {
  return { adapter, promptTokens: 16, promptBlocks: [], answerTokens: 16, pace: undefined, ...fields }
}

/** Enters all and records who runs, in order. */
function enterAll(engine: Engine, sequences: readonly Sequence[], signal = open) {
  const started: Sequence[] = []
  const entered = sequences.map((each) => engine.enter(each, signal).then(() => started.push(each)))
  return { started, entered, settle: () => new Promise(setImmediate) }
}

test('so many run at once; the others wait and start in their order', async () => {
  const engine = new Engine(limits, atZero)
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
  const engine = new Engine({ ...limits, maxNumSeqs: 3 }, atZero)
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
  const engine = new Engine(limits, atZero)
  const [first, again, other, base] = [sequence('v1'), sequence('v1'), sequence('v2'), sequence()]
  const { started, settle } = enterAll(engine, [first, again, other, base])
  await settle()
  engine.leave(first)
  await settle()
  expect(started).toEqual([first, again, base])
  expect(engine.snapshot(0)).toMatchObject({ running: 2, waiting: 1, waitingAdapters: ['v2'] })
})

test('a client that gives up leaves the queue, and its place goes to the next', async () => {
  const engine = new Engine({ ...limits, maxNumSeqs: 1 }, atZero)
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
  const engine = new Engine({ ...limits, maxNumSeqs: 3 }, atZero)
  const loads = [engine.load()]
  for (let count = 0; count < 3; count++) {
    await engine.enter(sequence(), open)
    loads.push(engine.load())
  }
  expect(loads).toEqual([0, 0, 0.5, 1])
})

test('the KV cache holds the prompt and the tokens made so far, in whole blocks', async () => {
  const engine = new Engine(limits, atZero)
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

test('sequences that share the beginning of their prompts share its blocks, and later ones find it in the cache', async () => {
  const engine = new Engine({ ...limits, maxNumSeqs: 3 }, atZero)
  const first = sequence(undefined, { promptTokens: 40, promptBlocks: [1, 2] })
  const second = sequence(undefined, { promptTokens: 60, promptBlocks: [1, 2, 3] })
  expect((await engine.enter(first, open)).cachedTokens).toBe(0)
  expect(engine.snapshot(0).kvUsage, 'two whole blocks and a part').toBe(0.3)
  expect((await engine.enter(second, open)).cachedTokens).toBe(32)
  expect(engine.snapshot(0).kvUsage).toBe(0.5)
  engine.leave(first)
  engine.leave(second)
  expect(engine.snapshot(0).kvUsage, 'what nobody uses counts as free').toBe(0)
  expect((await engine.enter(second, open)).cachedTokens).toBe(48)
})

test('the last token of a prompt is computed even when all of it is in the cache', async () => {
  const engine = new Engine(limits, atZero)
  const whole = () => sequence(undefined, { promptTokens: 32, promptBlocks: [1, 2] })
  await engine.enter(whole(), open)
  expect((await engine.enter(whole(), open)).cachedTokens).toBe(16)
})

test('an adapter that is not loaded makes its requests wait for it, one that is loaded does not', async () => {
  let nowMs = 1000
  const engine = new Engine({ ...limits, maxNumSeqs: 3 }, { nowMs: () => nowMs, adapterLoadMs: () => 300 })
  const v1 = sequence('v1')
  expect((await engine.enter(v1, open)).adapterReadyAtMs).toBe(1300)
  nowMs = 1100
  const again = sequence('v1')
  expect((await engine.enter(again, open)).adapterReadyAtMs, 'it is still loading').toBe(1300)
  engine.leave(v1)
  engine.leave(again)
  nowMs = 2000
  const warm = sequence('v1')
  expect((await engine.enter(warm, open)).adapterReadyAtMs, 'it stayed without requests').toBe(2000)
  engine.leave(warm)
  engine.leave(v1)
  const v2 = sequence('v2')
  expect((await engine.enter(v2, open)).adapterReadyAtMs, 'it takes the only slot').toBe(2300)
  engine.leave(v2)
  expect((await engine.enter(sequence('v1'), open)).adapterReadyAtMs, 'and v1 has to load again').toBe(2300)
})

test('a request that waited in the queue begins to load its adapter when it gets the slot', async () => {
  let nowMs = 0
  const engine = new Engine(limits, { nowMs: () => nowMs, adapterLoadMs: () => 300 })
  const v1 = sequence('v1')
  await engine.enter(v1, open)
  const waiting = engine.enter(sequence('v2'), open)
  nowMs = 500
  engine.leave(v1)
  expect((await waiting).adapterReadyAtMs).toBe(800)
})
