import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { kinds } from '../../src/kubernetes/kinds.ts'
import { type KubeObject, keyOf } from '../../src/kubernetes/object.ts'
import { Reflector, type ReflectorState, reflectorLimits } from '../../src/kubernetes/reflector.ts'
import { ManualClock } from '../pool/manual-clock.ts'
import { startScriptedApi } from './api-script.ts'

const pod = (name: string, resourceVersion: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', resourceVersion },
})
const list = (resourceVersion: string, items: readonly object[], next?: string) => ({
  apiVersion: 'v1',
  kind: 'PodList',
  metadata: { resourceVersion, continue: next },
  items,
})
const changed = (type: 'ADDED' | 'MODIFIED' | 'DELETED', name: string, version: string) => ({
  type,
  object: pod(name, version),
})
const bookmark = (resourceVersion: string) => ({
  type: 'BOOKMARK',
  object: { kind: 'Pod', metadata: { resourceVersion } },
})
const expired = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' }

describe('a reflector', () => {
  let api: Awaited<ReturnType<typeof startScriptedApi>>
  let clock: ManualClock
  let reflector: Reflector
  /** Names of what is there, as the listener was told. */
  let known: Set<string>
  let states: ReflectorState['name'][]
  let told: number

  beforeEach(async () => {
    api = await startScriptedApi()
    clock = new ManualClock()
    known = new Set()
    states = []
    told = 0
    const name = (object: KubeObject) => keyOf(object).replace('default/', '')
    reflector = new Reflector(
      api.client,
      { kind: kinds.pod, namespace: 'default', clock, random: () => 0.5 },
      {
        onListed(objects) {
          told++
          known = new Set(objects.map(name))
        },
        onChanged(object) {
          told++
          known.add(name(object))
        },
        onDeleted(object) {
          told++
          known.delete(name(object))
        },
        onState: ({ name }) => states.push(name),
      },
    )
    reflector.start()
  })
  afterEach(async () => {
    await reflector.close()
    await api.close()
  })

  const knows = (...names: string[]) => expect.poll(() => [...known].sort()).toEqual(names)
  /** The reflector waits before it tries again. */
  const pauses = async (ms: number) => {
    await clock.untilPending(1)
    await clock.advance(ms - 1)
    expect(clock.pendingTimers, `waits ${ms} ms`).toBe(1)
    await clock.advance(1)
  }
  /** What it waits after so many failures in a row. */
  const backoff = (failure: number) =>
    Math.min(reflectorLimits.longestRetryMs, reflectorLimits.firstRetryMs * 2 ** (failure - 1)) * 0.75

  test('lists in pages and watches from there, with bookmarks', async () => {
    const first = await api.next()
    expect(first).toMatchObject({ path: '/api/v1/namespaces/default/pods', query: { limit: '500' } })
    expect(first.headers).toMatchObject({ authorization: 'Bearer secret', accept: 'application/json' })
    first.answer(list('7', [pod('a', '1')], 'page 2'))
    const second = await api.next()
    expect(second.query).toEqual({ limit: '500', continue: 'page 2' })
    expect(told).toBe(0)
    second.answer(list('7', [pod('b', '2')]))
    const watch = await api.next()
    await knows('a', 'b')
    expect(watch.query).toEqual({
      watch: 'true',
      resourceVersion: '7',
      allowWatchBookmarks: 'true',
      timeoutSeconds: '450',
    })
    watch.send(changed('ADDED', 'c', '8'), changed('DELETED', 'a', '9'), bookmark('20'))
    await knows('b', 'c')
    await clock.advance(reflectorLimits.steadyMs)
    watch.end()
    // As watches do after a while, so it goes on without a pause, from the bookmark.
    expect((await api.next()).query.resourceVersion).toBe('20')
    expect(states).toEqual(['synced'])
  })

  test('waits longer each time when watches are ended at once, and then lists', async () => {
    ;(await api.next()).answer(list('1', [pod('a', '1')]))
    for (let failure = 1; failure <= reflectorLimits.watchTries + 1; failure++) {
      const watch = await api.next()
      expect(watch.query.resourceVersion).toBe('1')
      watch.send()
      watch.end()
      await pauses(backoff(failure))
    }
    const again = await api.next()
    expect(again.isWatch).toBe(false)
    again.answer(list('9', [pod('b', '9')]))
    await knows('b')
    expect(states).toContain('failing')
    const watch = await api.next()
    watch.send(changed('ADDED', 'c', '10'))
    await knows('b', 'c')
    watch.break()
    await pauses(backoff(1))
  })

  test.for([
    { what: 'no JSON', parts: [Buffer.from('<html>\n')] },
    { what: 'no event', parts: [{ type: 'ADDED', object: {} }] },
    { what: 'an error', parts: [{ type: 'ERROR', object: { code: 500, message: 'etcd is away' } }] },
  ])('an event that is $what is read past by a list, after some patience', async ({ parts }) => {
    ;(await api.next()).answer(list('1', [pod('a', '1')]))
    for (let failure = 1; failure <= reflectorLimits.watchTries + 1; failure++) {
      ;(await api.next()).send(...parts)
      await pauses(backoff(failure))
    }
    ;(await api.next()).answer(list('9', [pod('b', '9')]))
    await knows('b')
  })

  test('makes a silent watch anew, and lists after a few of them: what happens may be held back', async () => {
    const watch = vi.spyOn(api.client, 'watch')
    for (let silent = 1; silent <= reflectorLimits.watchTries; silent++) watch.mockResolvedValueOnce('silent')
    ;(await api.next()).answer(list('1', [pod('a', '1')]))
    const again = await api.next()
    expect(again.isWatch).toBe(false)
    expect(watch).toHaveBeenCalledTimes(reflectorLimits.watchTries)
    again.answer(list('2', [pod('b', '2')]))
    await knows('b')
    expect(states).toEqual(['synced'])
    expect((await api.next()).isWatch).toBe(true)
  })

  test('waits as long as the API server asks for, to list and to watch', async () => {
    const status = { kind: 'Status', code: 429, reason: 'TooManyRequests', message: 'too many requests' }
    ;(await api.next()).answer(status, 429, { 'retry-after': '5' })
    await pauses(5000 + backoff(1))
    ;(await api.next()).answer(list('1', [pod('a', '1')]))
    ;(await api.next()).answer(status, 429, { 'retry-after': '100000' })
    await pauses(reflectorLimits.longestRetryAfterMs + backoff(2))
    expect((await api.next()).query.resourceVersion).toBe('1')
  })

  test('goes on when its token is good again', async () => {
    ;(await api.next()).answer(list('1', [pod('a', '1')]))
    const unauthorized = { kind: 'Status', code: 401, reason: 'Unauthorized', message: 'Unauthorized' }
    for (const failure of [1, 2]) {
      ;(await api.next()).answer(unauthorized, 401)
      await pauses(backoff(failure))
    }
    expect(reflector.state).toEqual({ name: 'failing', message: 'Unauthorized' })
    ;(await api.next()).send(changed('ADDED', 'b', '2'))
    await knows('a', 'b')
    expect(states).toEqual(['synced', 'failing', 'synced'])
  })

  test('an event counts however the network cuts it', async () => {
    ;(await api.next()).answer(list('1', []))
    const watch = await api.next()
    const bytes = Buffer.from(`${JSON.stringify(changed('ADDED', 'größe', '2'))}\n`)
    for (const byte of bytes) watch.send(Buffer.of(byte))
    await knows('größe')
  })

  test('lists again when a watch begins too far in the past', async () => {
    ;(await api.next()).answer(list('1', [pod('a', '1')]))
    const watch = await api.next()
    await knows('a')
    watch.send({ type: 'ERROR', object: expired })
    await pauses(backoff(1))
    const again = await api.next()
    expect(again.isWatch).toBe(false)
    await knows('a')
    again.answer(list('50', [pod('b', '40')]))
    await knows('b')
    const refused = await api.next()
    expect(refused.query.resourceVersion).toBe('50')
    refused.answer(expired, 410)
    // A list for each watch would be the end of an API server that is slow already.
    await pauses(backoff(2))
    expect((await api.next()).isWatch).toBe(false)
  })

  test('begins its list anew when a page has expired', async () => {
    ;(await api.next()).answer(list('1', [pod('a', '1')], 'more'))
    ;(await api.next()).answer(expired, 410)
    await pauses(backoff(1))
    const again = await api.next()
    expect(again.query).toEqual({ limit: '500' })
    again.answer(list('2', [pod('b', '2')]))
    await knows('b')
  })

  test('keeps what it knows while there is no answer, and waits longer each time', async () => {
    ;(await api.next()).answer(list('1', [pod('a', '1')]))
    ;(await api.next()).break()
    for (let failure = 1; failure <= 8; failure++) {
      await pauses(backoff(failure))
      const retry = await api.next()
      expect(retry.query.resourceVersion).toBe('1')
      if (failure < 8) retry.break()
      else retry.send(changed('ADDED', 'b', '2'))
    }
    await knows('a', 'b')
    expect(states).toEqual(['synced', 'failing', 'synced'])
  })

  test('looks for a kind that is not installed every few seconds', async () => {
    ;(await api.next()).answerText('404 page not found', 404)
    await pauses(reflectorLimits.absentRetryMs * 0.75)
    ;(await api.next()).answer(list('1', [pod('a', '1')]))
    await knows('a')
    expect(states).toEqual(['missing', 'synced'])
  })

  test('keeps what it knows when it is not allowed to read it any more', async () => {
    ;(await api.next()).answer(list('1', [pod('a', '1')]))
    ;(await api.next()).answer({ kind: 'Status', code: 403, reason: 'Forbidden', message: 'pods is forbidden' }, 403)
    await clock.untilPending(1)
    expect(reflector.state).toEqual({ name: 'forbidden', message: 'pods is forbidden' })
    await knows('a')
    await pauses(reflectorLimits.absentRetryMs * 0.75)
    ;(await api.next()).send(changed('DELETED', 'a', '2'))
    await knows()
    expect(states).toEqual(['synced', 'forbidden', 'synced'])
  })

  test('an answer that is no list is a failure', async () => {
    ;(await api.next()).answer({ kind: 'Nonsense' })
    await clock.untilPending(1)
    expect(reflector.state.name).toBe('failing')
    expect(told).toBe(0)
  })

  test('tells nothing after it was closed', async () => {
    ;(await api.next()).answer(list('1', [pod('a', '1')]))
    const watch = await api.next()
    await knows('a')
    watch.send(changed('ADDED', 'b', '2'))
    await knows('a', 'b')
    const closed = reflector.close()
    watch.send(changed('ADDED', 'c', '3'))
    await closed
    expect([...known]).toEqual(['a', 'b'])
  })
})
