import { describe, expect, test } from 'vitest'
import { WriteQueue, type WriteResult, writeLimits } from '../../src/controller/write-queue.ts'
import type { Write } from '../../src/controller/writer.ts'
import { ApiError, type KubeClient } from '../../src/kubernetes/client.ts'
import { kinds } from '../../src/kubernetes/kinds.ts'
import type { KubeObject, ResourceKind } from '../../src/kubernetes/object.ts'
import { ManualClock, settled } from '../pool/manual-clock.ts'

const object = (name: string, resourceVersion = '1'): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Thing',
  metadata: { namespace: 'default', name, resourceVersion },
})

/** Writes that a test answers, and what the queue tells of them. */
function setUp() {
  const clock = new ManualClock()
  const results: string[] = []
  const open = new Map<
    string,
    { resolve(object: KubeObject | 'deleted' | undefined): void; reject(error: Error): void }
  >()
  let mayWrite = true
  let due = 0
  const queue = new WriteQueue(
    { client: {} as KubeClient, clock, random: () => 1, mayWrite: () => mayWrite },
    {
      onResult: (write, result: WriteResult) => results.push(`${write.object.metadata.name} ${result}`),
      onDue: () => {
        due += 1
      },
    },
  )
  const write = (name: string, kind: ResourceKind = kinds.model, content?: object): Write => ({
    kind,
    object: object(name),
    ...(content !== undefined && { content }),
    events: [],
    send: () => new Promise((resolve, reject) => open.set(name, { resolve, reject })),
  })
  const end = async (name: string, outcome: KubeObject | Error | 'deleted' | undefined) => {
    const { resolve, reject } = open.get(name)!
    open.delete(name)
    if (outcome instanceof Error) reject(outcome)
    else resolve(outcome)
    await settled()
  }
  return {
    clock,
    queue,
    write,
    results,
    end,
    written: (name: string) => end(name, object(name, '2')),
    sent: () => [...open.keys()],
    forbidWrites: () => {
      mayWrite = false
    },
    get due() {
      return due
    },
  }
}

const atOnce = writeLimits.concurrency
const names = (count: number, prefix = 'm') => Array.from({ length: count }, (_, index) => `${prefix}${index}`)

describe('a write queue', () => {
  test('sends a few of a kind at once, and the next when one is answered', async () => {
    const { queue, write, sent, written, results } = setUp()
    queue.replace(names(atOnce + 2).map((name) => write(name)))
    expect(sent()).toEqual(names(atOnce))
    expect(queue.size).toBe(atOnce + 2)
    await written('m0')
    expect(sent()).toEqual(names(atOnce + 1).slice(1))
    expect(results).toEqual(['m0 written'])
  })

  test('a kind whose writes hang holds up no other', () => {
    const { queue, write, sent } = setUp()
    queue.replace([...names(2 * atOnce).map((name) => write(name)), write('objective', kinds.objective)])
    expect(sent()).toContain('objective')
  })

  test('an object is written by one write at a time; what is planned meanwhile is not sent', async () => {
    const { queue, write, sent, written } = setUp()
    queue.replace([write('a')])
    queue.replace([write('a')])
    await written('a')
    expect(sent()).toEqual([])
    expect(queue.size).toBe(0)
  })

  test('what is no longer planned is not sent', async () => {
    const { queue, write, sent, written } = setUp()
    queue.replace(names(atOnce + 2).map((name) => write(name)))
    queue.replace([write('last')])
    await written('m0')
    expect(sent()).toEqual([...names(atOnce).slice(1), 'last'])
  })

  test('after a failure an object waits, twice as long each time, while others are written', async () => {
    const { queue, write, sent, end, written, clock, results } = setUp()
    const { firstRetryMs } = writeLimits
    for (const waitMs of [firstRetryMs, 2 * firstRetryMs, 4 * firstRetryMs]) {
      queue.replace([write('bad'), write('good')])
      await written('good')
      await end('bad', new Error('no answer'))
      await clock.advance(waitMs - 1)
      queue.replace([write('bad')])
      expect(sent()).toEqual([])
      await clock.advance(1)
    }
    queue.replace([write('bad')])
    expect(sent()).toEqual(['bad'])
    expect(results.filter((each) => each === 'bad failed')).toHaveLength(3)
  })

  test('says when a wait is over, so that the write is planned again', async () => {
    const scene = setUp()
    scene.queue.replace([scene.write('bad')])
    await scene.end('bad', new Error('no answer'))
    expect(scene.due).toBe(0)
    await scene.clock.advance(writeLimits.firstRetryMs)
    expect(scene.due).toBe(1)
  })

  test('a success ends the patience', async () => {
    const { queue, write, end, written, clock, sent } = setUp()
    queue.replace([write('a')])
    await end('a', new Error('no answer'))
    await clock.advance(writeLimits.firstRetryMs)
    queue.replace([write('a')])
    await written('a')
    queue.replace([write('a')])
    expect(sent()).toEqual(['a'])
  })

  test('other content is tried at once, with the patience of the beginning', async () => {
    const { queue, write, end, sent, clock } = setUp()
    const put = (value: number) => queue.replace([write('a', kinds.httpRoute, { value })])
    for (const waitMs of [writeLimits.firstRetryMs, 2 * writeLimits.firstRetryMs]) {
      put(1)
      await end('a', new Error('refused'))
      put(1)
      expect(sent()).toEqual([])
      await clock.advance(waitMs)
    }
    put(2)
    expect(sent()).toEqual(['a'])
    await end('a', new Error('refused'))
    await clock.advance(writeLimits.firstRetryMs)
    put(2)
    expect(sent()).toEqual(['a'])
  })

  test('what somebody undoes again and again is written ever more slowly; something else is written at once', async () => {
    const { queue, clock, write, results } = setUp()
    const put = (value: number): Write => ({
      ...write('a', kinds.httpRoute, { value }),
      send: async () => object('a', '2'),
    })
    const hourMs = 3_600_000
    for (let ms = 0; ms < hourMs; ms += 100) {
      queue.replace([put(1)])
      await clock.advance(100)
    }
    const times = results.length
    expect(times).toBeGreaterThan(10)
    expect(times).toBeLessThanOrEqual(hourMs / writeLimits.longestRetryMs + 10)
    for (const value of [2, 1, 2]) {
      queue.replace([put(value)])
      await settled()
    }
    expect(results).toHaveLength(times + 3)
  })

  test('what was deleted on purpose is written again at once', async () => {
    const { queue, write, results } = setUp()
    const put = (outcome: KubeObject | 'deleted', content?: object): Write => ({
      ...write('a', kinds.httpRoute, content),
      send: async () => outcome,
    })
    for (let round = 0; round < 3; round += 1) {
      queue.replace([put(object('a', '2'), { value: 1 })])
      await settled()
      queue.replace([put('deleted')])
      await settled()
    }
    expect(results).toHaveLength(6)
  })

  test('tells a field that another manager owns from any other failure', async () => {
    const { queue, write, end, results } = setUp()
    queue.replace([write('owned'), write('old'), write('deleted')])
    const cause = { reason: 'FieldManagerConflict', message: 'conflict with "other"', field: '.spec.rules' }
    await end('owned', new ApiError(409, 'Conflict', 'Apply failed with 1 conflict', 0, [cause]))
    await end('old', new ApiError(409, 'Conflict', 'the object has been modified'))
    await end('deleted', 'deleted')
    expect(results).toEqual(['owned conflict', 'old failed', 'deleted deleted'])
  })

  test('an object that is gone is not tried again', async () => {
    const { queue, write, end, results, clock } = setUp()
    queue.replace([write('a'), write('b')])
    await end('a', new ApiError(404, 'NotFound', 'not found'))
    await end('b', undefined)
    expect(results).toEqual(['a gone', 'b gone'])
    expect(clock.pendingTimers).toBe(0)
  })

  test('a write that the API server takes without a change is not repeated at once', async () => {
    const { queue, write, end, results, sent } = setUp()
    queue.replace([write('a')])
    await end('a', object('a', '1'))
    expect(results).toEqual(['a unchanged'])
    queue.replace([write('a')])
    expect(sent()).toEqual([])
  })

  test('two controllers that take a condition from each other do so ever more slowly', async () => {
    const { queue, clock, write, results } = setUp()
    const contested = (): Write => ({
      ...write('a'),
      async send(_client, onConflict) {
        onConflict('theirs')
        return object('a', '2')
      },
    })
    const hourMs = 3_600_000
    for (let ms = 0; ms < hourMs; ms += 100) {
      queue.replace([contested()])
      await clock.advance(100)
    }
    const taken = results.filter((each) => each === 'a written').length
    expect(results.filter((each) => each === 'a conflict')).toHaveLength(taken)
    expect(taken).toBeGreaterThan(10)
    expect(taken).toBeLessThanOrEqual(hourMs / writeLimits.longestRetryMs + 10)
  })

  test('sends nothing once the lease may be gone, though it was planned before', async () => {
    const { queue, write, sent, written, forbidWrites } = setUp()
    queue.replace(names(atOnce + 2).map((name) => write(name)))
    forbidWrites()
    for (const name of names(atOnce)) await written(name)
    expect(sent()).toEqual([])
  })

  test('closing waits for what is under way, and sends nothing more', async () => {
    const { queue, write, sent, written } = setUp()
    queue.replace(names(atOnce + 2).map((name) => write(name)))
    let isClosed = false
    const closing = queue.close().then(() => {
      isClosed = true
    })
    for (const name of names(atOnce - 1)) await written(name)
    expect(isClosed).toBe(false)
    await written(`m${atOnce - 1}`)
    await closing
    expect(sent()).toEqual([])
  })

  test('leaves an API server alone that has too much to do, for as long as it asks', async () => {
    const { queue, write, sent, end, written, clock } = setUp()
    queue.replace(names(atOnce + 2).map((name) => write(name)))
    await end('m0', new ApiError(429, 'TooManyRequests', 'too many requests', 5000))
    await written('m1')
    expect(sent()).toEqual(names(atOnce).slice(2))
    queue.replace([write('later'), write('objective', kinds.objective)])
    await clock.advance(4999)
    expect(sent()).toEqual(names(atOnce).slice(2))
    await clock.advance(1)
    queue.replace([write('later'), write('objective', kinds.objective)])
    expect(sent()).toEqual([...names(atOnce).slice(2), 'later', 'objective'])
  })
})
