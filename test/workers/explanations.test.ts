import { describe, expect, test } from 'vitest'
import type { Explanation } from '../../src/explain/explanation.ts'
import { NotServing } from '../../src/explain/not-serving.ts'
import { Explanations } from '../../src/workers/explanations.ts'
import { explainTimeoutMs } from '../../src/workers/limits.ts'
import type { ToWorker } from '../../src/workers/messages.ts'
import { ManualClock } from '../pool/manual-clock.ts'

const client = { method: 'GET', path: '/', headers: [], body: Buffer.alloc(0) }
const explanation = { summary: 'goes' } as Explanation
const makeWorker = () => {
  const sent: ToWorker[] = []
  return { sent, send: (message: ToWorker) => void sent.push(message) }
}
const told = { kind: 'explained', explanation: undefined, failure: undefined } as const

describe('a worker is asked to explain', () => {
  test('and its answer is that of its question, whatever the order', async () => {
    const explanations = new Explanations(new ManualClock())
    const worker = makeWorker()
    const answers = [explanations.ask(worker, client), explanations.ask(worker, client)]
    expect(worker.sent).toEqual([1, 2].map((id) => ({ kind: 'explain', id, client })))
    explanations.told({ ...told, id: 2, explanation: { ...explanation, summary: 'second' } })
    explanations.told({ ...told, id: 1, explanation })
    expect((await Promise.all(answers)).map(({ summary }) => summary)).toEqual(['goes', 'second'])
  })

  test('and what it could not do is its own error', async () => {
    const explanations = new Explanations(new ManualClock())
    const answer = explanations.ask(makeWorker(), client)
    explanations.told({ ...told, id: 1, failure: 'a defect' })
    await expect(answer).rejects.toThrow('a defect')
  })

  test('and is given up when it ends, or stays silent; a late answer is nobody’s', async () => {
    const clock = new ManualClock()
    const explanations = new Explanations(clock)
    const [first, second] = [makeWorker(), makeWorker()]
    const [ofFirst, ofSecond] = [explanations.ask(first, client), explanations.ask(second, client)]
    explanations.forget(first)
    await expect(ofFirst).rejects.toThrow(NotServing)
    clock.advance(explainTimeoutMs)
    await expect(ofSecond).rejects.toThrow(NotServing)
    explanations.told({ ...told, id: 2, explanation })
  })

  test('unless there is none', async () => {
    await expect(new Explanations(new ManualClock()).ask(undefined, client)).rejects.toThrow(NotServing)
  })
})
