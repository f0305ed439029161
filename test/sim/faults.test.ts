import { describe, expect, test } from 'vitest'
import { FaultPlan, faultSchema, injectionSchema, parseFaultText } from '../../src/sim/faults.ts'
import { seededRandom } from '../../src/sim/random.ts'

describe('fault text', () => {
  test.each([
    ['status=503', { kind: 'status', code: 503 }],
    ['status;code=429;retryAfterSeconds=2', { kind: 'status', code: 429, retryAfterSeconds: 2 }],
    ['stall', { kind: 'stall' }],
    ['stall=250', { kind: 'stall', forMs: 250 }],
    ['stall;afterChunks=3', { kind: 'stall', afterChunks: 3 }],
    ['abort', { kind: 'abort' }],
    ['abort=0', { kind: 'abort', afterChunks: 0 }],
    ['truncate=2', { kind: 'truncate', afterChunks: 2 }],
    [' split = 5 ', { kind: 'split', maxBytes: 5 }],
    ['slow-read=1e6', { kind: 'slow-read', bytesPerSecond: 1_000_000 }],
  ])('%s', (text, fault) => {
    expect(faultSchema.parse(parseFaultText(text))).toEqual(fault)
  })

  test('a flag may also say how often', () => {
    expect(injectionSchema.parse(parseFaultText('abort;rate=0.1;first=3'))).toEqual({
      kind: 'abort',
      rate: 0.1,
      first: 3,
    })
  })

  test.each([
    ['', /expected kind status/],
    ['explode', /expected kind status/],
    ['explode=1', /expected kind status/],
    ['status', /code/],
    ['status=', /code/],
    ['status=200', />=400/],
    ['status=503;often=1', /often/],
    ['abort=x', /afterChunks/],
    ['abort;rate=0.5', /rate/],
    ['stall=0', /forMs/],
    ['split=0', /maxBytes/],
  ])('%j is refused', (text, problem) => {
    expect(() => faultSchema.parse(parseFaultText(text))).toThrow(problem)
  })
})

describe('the plan of a server', () => {
  const drawAll = (plan: FaultPlan, count: number) =>
    Array.from({ length: count }, (_, request) => plan.draw(seededRandom(1, request))?.kind)

  test('first N, then no more, until it is set again', () => {
    const plan = new FaultPlan()
    expect(drawAll(plan, 1)).toEqual([undefined])
    plan.set([{ kind: 'abort', first: 2 }])
    expect(drawAll(plan, 4)).toEqual(['abort', 'abort', undefined, undefined])
    plan.set(plan.injections)
    expect(drawAll(plan, 3)).toEqual(['abort', 'abort', undefined])
  })

  test('a rate strikes its share, and the same requests each time', () => {
    const plan = new FaultPlan()
    plan.set([{ kind: 'abort', rate: 0.25 }])
    const kinds = drawAll(plan, 2000)
    expect(kinds.filter(Boolean).length).toBeGreaterThan(430)
    expect(kinds.filter(Boolean).length).toBeLessThan(570)
    expect(drawAll(plan, 2000)).toEqual(kinds)
    plan.set([{ kind: 'abort', rate: 0 }])
    expect(drawAll(plan, 100).filter(Boolean)).toEqual([])
  })

  test('a request meets the first of the list that strikes', () => {
    const plan = new FaultPlan()
    plan.set([{ kind: 'abort', first: 1 }, { kind: 'split' }])
    expect(drawAll(plan, 3)).toEqual(['abort', 'split', 'split'])
  })

  test('what is meant for a model strikes its requests alone', () => {
    const plan = new FaultPlan()
    plan.set([injectionSchema.parse(parseFaultText('status=500;model=v2')), { kind: 'abort', model: 'v3' }])
    const draw = (model?: string) => plan.draw(seededRandom(1, 1), model)?.kind
    expect(['v1', 'v2', 'v3', undefined].map(draw)).toEqual([undefined, 'status', 'abort', undefined])
  })

  test('a request that the rate spares does not count towards first', () => {
    const plan = new FaultPlan()
    plan.set([{ kind: 'abort', rate: 0.5, first: 3 }])
    expect(drawAll(plan, 100).filter(Boolean)).toHaveLength(3)
  })
})
