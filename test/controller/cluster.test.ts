import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Cluster } from '../../src/controller/cluster.ts'
import { kinds } from '../../src/kubernetes/kinds.ts'
import type { KubeObject } from '../../src/kubernetes/object.ts'
import { type Call, startScriptedApi } from '../kubernetes/api-script.ts'
import { ManualClock } from '../pool/manual-clock.ts'

const kind = kinds.model
const model = (name: string, resourceVersion: string, { uid = name, says = '' } = {}): KubeObject => ({
  apiVersion: kind.apiVersion,
  kind: kind.kind,
  metadata: { name, namespace: 'default', resourceVersion, uid },
  status: says,
})
const list = (resourceVersion: string, ...items: KubeObject[]) => ({ metadata: { resourceVersion }, items })
const event = (type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject) => ({ type, object })
const expired = { type: 'ERROR', object: { code: 410, reason: 'Expired', message: 'too old resource version' } }

describe('what the controller knows of a cluster', () => {
  let api: Awaited<ReturnType<typeof startScriptedApi>>
  let clock: ManualClock
  let cluster: Cluster
  let changes: number

  beforeEach(async () => {
    api = await startScriptedApi()
    clock = new ManualClock()
    changes = 0
    cluster = new Cluster(
      api.client,
      { watched: [{ kind, namespace: undefined }], clock, random: () => 0.5 },
      {
        onChanged: () => {
          changes += 1
        },
        onState: () => {},
      },
    )
    cluster.start()
  })
  afterEach(async () => {
    await cluster.close()
    await api.close()
  })

  const known = () => [...cluster.objects(kind).values()].map(({ metadata, status }) => `${metadata.name} ${status}`)
  const stored = (name: string) => cluster.objects(kind).get(`default/${name}`)!
  const knows = (...expected: string[]) => expect.poll(known).toEqual(expected)

  /** Answers the list, and gives the watch that follows. */
  async function listed(resourceVersion: string, ...items: KubeObject[]): Promise<Call> {
    const call = await api.next()
    call.answer(list(resourceVersion, ...items))
    const watch = await api.next()
    watch.send()
    return watch
  }

  test('what a write has answered is not undone by older news', async () => {
    const watch = await listed('10', model('a', '9', { says: 'old' }))
    await knows('a old')
    cluster.learn(kind, model('a', '12', { says: 'ours' }), stored('a'))
    expect(known()).toEqual(['a ours'])
    watch.send(
      event('MODIFIED', model('a', '11', { says: 'of others, before' })),
      event('MODIFIED', model('a', '12', { says: 'ours' })),
      event('ADDED', model('b', '13', { says: 'new' })),
    )
    await knows('a ours', 'b new')
    watch.send(event('MODIFIED', model('a', '14', { says: 'of others, after' })))
    await knows('a of others, after', 'b new')
  })

  test('nor by a list that was made before', async () => {
    const watch = await listed('10', model('a', '9', { says: 'old' }))
    await knows('a old')
    cluster.learn(kind, model('a', '12', { says: 'ours' }), stored('a'))
    watch.send(expired)
    await clock.untilPending(1)
    await clock.advance(10_000)
    await listed('11', model('a', '9', { says: 'old' }), model('b', '11', { says: 'new' }))
    await knows('a ours', 'b new')
  })

  test('after a backup was restored the API counts, though its versions are lower', async () => {
    const watch = await listed('90', model('a', '81', { says: 'lost' }), model('b', '82', { says: 'lost' }))
    await knows('a lost', 'b lost')
    cluster.learn(kind, model('b', '21', { says: 'ours' }), stored('b'))
    expect(known()).toEqual(['a lost', 'b ours'])
    watch.send(expired)
    await clock.untilPending(1)
    await clock.advance(10_000)
    await listed('30', model('a', '11', { says: 'restored' }), model('b', '21', { says: 'ours' }))
    await knows('a restored', 'b ours')
  })

  test('an answer that comes after later news is none', async () => {
    const watch = await listed('10', model('a', '9', { says: 'old' }))
    await knows('a old')
    const before = stored('a')
    watch.send(event('MODIFIED', model('a', '13', { says: 'of others, after' })))
    await knows('a of others, after')
    cluster.learn(kind, model('a', '12', { says: 'ours' }), before)
    expect(known()).toEqual(['a of others, after'])
  })

  test('a list of what is known changes nothing', async () => {
    const watch = await listed('10', model('a', '9'))
    await expect.poll(() => cluster.knows([kind])).toBe(true)
    const before = cluster.objects(kind).get('default/a')
    watch.send(expired)
    await clock.untilPending(1)
    await clock.advance(10_000)
    await listed('20', model('a', '9'))
    expect(cluster.objects(kind).get('default/a')).toBe(before)
  })

  test('an answer for what was deleted meanwhile does not bring it back', async () => {
    const watch = await listed('10', model('a', '9'), model('b', '9'))
    await knows('a ', 'b ')
    const before = stored('a')
    watch.send(event('DELETED', model('a', '11')))
    await knows('b ')
    cluster.learn(kind, model('a', '12'), before)
    expect(known()).toEqual(['b '])
  })

  test('what a write has made is known before it is told, and gone when that was told first', async () => {
    const watch = await listed('10')
    await expect.poll(() => cluster.knows([kind])).toBe(true)
    const asSent = ({ metadata: { uid: _, resourceVersion: __, ...metadata }, ...others }: KubeObject) => ({
      ...others,
      metadata,
    })
    const made = model('a', '11', { says: 'ours' })
    cluster.learn(kind, made, asSent(made))
    expect(known()).toEqual(['a ours'])
    watch.send(event('ADDED', made), event('DELETED', model('a', '12', { says: 'ours' })))
    await knows()
    const again = model('b', '13', { uid: 'b' })
    watch.send(event('ADDED', again), event('DELETED', again), event('ADDED', model('c', '14')))
    await knows('c ')
    cluster.learn(kind, again, asSent(again))
    expect(known()).toEqual(['c '])
  })

  test('the end of one object is not that of its successor', async () => {
    await listed('10', model('a', '9', { uid: 'second' }))
    await knows('a ')
    cluster.forget(kind, model('a', '8', { uid: 'first' }))
    expect(known()).toEqual(['a '])
    cluster.forget(kind, model('a', '9', { uid: 'second' }))
    expect(known()).toEqual([])
  })

  test('a kind is known once it was listed, or when the API has none of it', async () => {
    expect(cluster.knows([kind])).toBe(false)
    expect(cluster.isSettled).toBe(false)
    ;(await api.next()).answer({ message: 'not found' }, 404)
    await expect.poll(() => cluster.knows([kind])).toBe(true)
    expect(cluster.isSettled).toBe(true)
    await clock.untilPending(1)
    await clock.advance(10_000)
    await listed('10', model('a', '9'))
    await knows('a ')
  })

  test('of a kind that may no longer be read nothing is known, though it was listed', async () => {
    const watch = await listed('10', model('a', '9'))
    await expect.poll(() => cluster.knows([kind])).toBe(true)
    watch.end()
    await clock.untilPending(1)
    await clock.advance(10_000)
    ;(await api.next()).answer({ message: 'forbidden' }, 403)
    await expect.poll(() => cluster.knows([kind])).toBe(false)
    expect(cluster.isSettled).toBe(true)
  })

  test('a kind whose API is gone for a while stays known', async () => {
    const watch = await listed('10', model('a', '9'))
    await expect.poll(() => cluster.knows([kind])).toBe(true)
    watch.break()
    for (let failure = 0; failure < 3; failure += 1) {
      await clock.untilPending(1)
      await clock.advance(10_000)
      ;(await api.next()).break()
    }
    await expect.poll(() => [...cluster.states()][0][1].name).toBe('failing')
    expect(cluster.knows([kind])).toBe(true)
    expect(changes).toBeGreaterThan(0)
  })
})
