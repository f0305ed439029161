import { describe, expect, test } from 'vitest'
import { Events } from '../../src/controller/events.ts'
import type { Write } from '../../src/controller/writer.ts'
import { ApiError, type KubeClient } from '../../src/kubernetes/client.ts'
import { kinds } from '../../src/kubernetes/kinds.ts'
import { settled } from '../pool/manual-clock.ts'

type Created = { metadata: { name: string }; reason: string; message: string }

function setUp(answer: () => Promise<unknown> = async () => ({})) {
  const created: Created[] = []
  const results: string[] = []
  const client = {
    create: (_path: string, event: Created) => {
      created.push(event)
      return answer()
    },
  } as unknown as KubeClient
  const events = new Events(client, 'test', (result) => results.push(result))
  const tell = (name: string, { generation = 1, reason = 'Invalid', message = 'why' } = {}) =>
    events.tell(write(name, generation, [{ reason, message }]), Date.UTC(2026, 0, 31))
  return { created, results, tell }
}

const write = (name: string, generation: number, list: Write['events']): Write => ({
  kind: kinds.model,
  object: {
    apiVersion: 'v1',
    kind: 'Thing',
    metadata: { name, namespace: 'default', uid: `uid of ${name}`, generation },
  },
  events: list,
  send: async () => undefined,
})

describe('events', () => {
  test('have one name for the same reason of the same generation, so that the API has each once', () => {
    const { created, tell } = setUp()
    tell('a')
    tell('a', { message: 'in other words' })
    tell('a', { generation: 2 })
    tell('a', { reason: 'Conflicted' })
    const names = created.map(({ metadata }) => metadata.name)
    expect(names[1]).toBe(names[0])
    expect(new Set(names).size).toBe(3)
  })

  test('that the API has already are no failure, others are', async () => {
    const answers = [new ApiError(409, 'AlreadyExists', 'exists'), new ApiError(403, 'Forbidden', 'no')]
    const { results, tell } = setUp(() => Promise.reject(answers.shift()))
    tell('a')
    tell('b')
    await settled()
    expect(results).toEqual(['failed'])
  })

  test('are left out where there are too many at once', () => {
    const { created, results, tell } = setUp(() => new Promise(() => {}))
    for (let index = 0; index < 100; index += 1) tell(`m${index}`)
    expect(created).toHaveLength(16)
    expect(results).toEqual(Array.from({ length: 84 }, () => 'failed'))
  })

  test('have names and messages that the API takes, however long those of the object are', () => {
    const { created, tell } = setUp()
    tell('x'.repeat(253), { message: 'y'.repeat(5_000) })
    expect(created[0].metadata.name).toHaveLength(247)
    expect(created[0].message).toHaveLength(1_024)
  })
})
