import { describe, expect, it } from 'vitest'
import type { Endpoint } from '../../../src/pool/endpoint.ts'
import { sessionAffinityFilter } from '../../../src/scheduling/filters/session-affinity.ts'
import { sessionIdProducer } from '../../../src/scheduling/producers/session-id.ts'
import { sessionAffinityScorer } from '../../../src/scheduling/scorers/session-affinity.ts'
import { pluginContext } from '../context.ts'
import { endpoints, schedulingRequest } from '../endpoints.ts'
import { scoresOf } from '../scorers/scores.ts'
import { contextOfAll } from './known.ts'

const candidates = endpoints({ name: 'a-rank-0' }, { name: 'a-rank-1' }, { name: 'a-rank-1', namespace: 'other' })
const token = (text: string) => Buffer.from(text).toString('base64')

const asking = (headers: Record<string, string>, poolKey = 'default/pool') =>
  schedulingRequest({ poolKey, header: (name) => headers[name] })

describe('by the token of a response', () => {
  const filter = sessionAffinityFilter.create(undefined, contextOfAll())
  const scorer = sessionAffinityScorer.create(undefined, contextOfAll())
  const left = (value: string) => filter.filter(asking({ 'x-session-token': value }), candidates, Math.random)

  it.each([0, 1, 2])('a request goes to where the response before came from (%i)', (i) => {
    for (const plugin of [filter, scorer]) {
      const [name, value] = plugin.responseHeaders!(asking({}), candidates[i])
      expect(name).toBe('x-session-token')
      expect(value).toBe(token(`${candidates[i].namespace}/${candidates[i].name}`))
      expect(left(value)).toEqual([candidates[i]])
      const scores = scoresOf(scorer, candidates, asking({ 'x-session-token': value }))
      expect(scores).toEqual([0, 1, 2].map((place) => (place === i ? 1 : 0)))
    }
  })

  it.each(['', '%%%', token('a-rank-0'), token('default/b'), token('default/'), token('default/a-rank-0'.padEnd(999))])(
    'the token %j pins nothing',
    (value) => {
      expect(left(value)).toBe(candidates)
      expect(scoresOf(scorer, candidates, asking({ 'x-session-token': value }))).toEqual([0, 0, 0])
    },
  )

  it('a name that changes changes the token', () => {
    const [endpoint] = endpoints({ name: 'a' }) as { -readonly [Field in keyof Endpoint]: Endpoint[Field] }[]
    expect(filter.responseHeaders!(asking({}), endpoint)[1]).toBe(token('default/a'))
    endpoint.name = 'b'
    expect(filter.responseHeaders!(asking({}), endpoint)[1]).toBe(token('default/b'))
  })

  it('another header, and another profile’s endpoint, count where the configuration says so', () => {
    const parameters = { profileName: 'prefill', encodedEndpointHeaderConfig: { header: 'X-Prefill' } }
    const plugin = sessionAffinityFilter.create(parameters, contextOfAll())
    const request = asking({})
    plugin.routed!(request, candidates[0], 'decode', false)
    expect(plugin.responseHeaders!(request, candidates[0])).toEqual([])
    plugin.routed!(request, candidates[1], 'prefill', true)
    expect(plugin.responseHeaders!(request, candidates[0])).toEqual(['x-prefill', token('default/a-rank-1')])
    expect(plugin.headerNames).toEqual(['x-prefill'])
  })
})

describe('by the id of a session', () => {
  const parameters = {
    strategy: 'session_id',
    sessionIdConfig: { sources: [{ header: 'x-session-id' }, { attribute: 'agent-identity' }] },
  }
  function play(more = {}) {
    const clock = { nowMs: 1_000 }
    const plugin = sessionAffinityFilter.create(
      { ...parameters, ...more },
      contextOfAll(() => clock.nowMs),
    )
    return {
      clock,
      plugin,
      left: (request = asking({})) => plugin.filter(request, candidates, Math.random),
      route: (request: ReturnType<typeof asking>, i: number, profile = 'decode') =>
        plugin.routed!(request, candidates[i], profile, profile !== 'decode'),
    }
  }
  const a = asking({ 'x-session-id': 'A' })
  const agent = asking({ 'x-claude-code-session-id': 'B' })
  const both = asking({ 'x-session-id': 'A', 'x-claude-code-session-id': 'B' })

  it('a session stays where it went first, though another endpoint may have been better once', () => {
    const { left, route } = play()
    expect(left(a)).toBe(candidates)
    route(a, 1)
    expect(left(a)).toEqual([candidates[1]])
    route(a, 0)
    expect(left(a)).toEqual([candidates[1]])
  })

  it('a session moves when its endpoint is no candidate, and stays there when that is back', () => {
    const { plugin, left, route } = play()
    route(a, 1)
    plugin.filter(a, [candidates[0], candidates[2]], Math.random)
    route(a, 2)
    expect(left(a)).toEqual([candidates[2]])
  })

  it('requests of a new session that come at the same time agree on where the first one went', () => {
    const { left, route } = play()
    const again = asking({ 'x-session-id': 'A' })
    for (const request of [a, again]) expect(left(request)).toBe(candidates)
    route(a, 1)
    route(again, 0)
    expect(left(a)).toEqual([candidates[1]])
  })

  it('the first source that has an id counts', () => {
    const { left, route } = play()
    route(a, 1)
    route(agent, 0)
    expect(left(agent)).toEqual([candidates[0]])
    expect(left(both)).toEqual([candidates[1]])
    expect(left(asking({ 'x-session-id': '', 'session-id': 'B' }))).toEqual([candidates[0]])
  })

  it('requests without a session, or with an endless id, are not bound', () => {
    const { left, route } = play()
    route(asking({}), 1)
    expect(left()).toBe(candidates)
    const endless = asking({ 'x-session-id': 'x'.repeat(257) })
    route(endless, 1)
    expect(left(endless)).toBe(candidates)
  })

  it('the same id in another pool is another session', () => {
    const { left, route } = play()
    route(a, 1)
    expect(left(asking({ 'x-session-id': 'A' }, 'default/second'))).toBe(candidates)
  })

  it('a session whose endpoint is gone is free to go anywhere', () => {
    const { plugin, route } = play()
    route(a, 1)
    const others = [candidates[0], candidates[2]]
    expect(plugin.filter(a, others, Math.random)).toBe(others)
  })

  it('a session is forgotten after the time in which it is not used, each use counts', () => {
    const { clock, left, route } = play()
    route(a, 1)
    for (let i = 0; i < 4; i += 1) {
      clock.nowMs += 300_000
      expect(left(a)).toEqual([candidates[1]])
      route(a, 1)
    }
    clock.nowMs += 300_001
    expect(left(a)).toBe(candidates)
  })

  it('what a profile chose binds the instance of that profile alone, whether it answers or helps', () => {
    const [primary, decode, prefill] = [play(), play({ profileName: 'decode' }), play({ profileName: 'prefill' })]
    for (const { route } of [primary, decode, prefill]) {
      route(a, 0)
      route(a, 1, 'prefill')
    }
    expect(primary.left(a)).toEqual([candidates[0]])
    expect(decode.left(a)).toEqual([candidates[0]])
    expect(prefill.left(a)).toEqual([candidates[1]])
  })

  it('a producer that is named gives the id', () => {
    const named = sessionIdProducer.create({ cookieName: 'chat' }, contextOfAll())
    const plugin = sessionAffinityFilter.create(
      {
        strategy: 'session_id',
        sessionIdConfig: { sources: [{ attribute: 'SessionIDDataKey', producer: 'by-cookie' }] },
      },
      pluginContext({ plugins: { 'by-cookie': named } }),
    )
    const request = asking({ cookie: 'chat=7' })
    plugin.routed!(request, candidates[2], 'default', false)
    expect(plugin.filter(request, candidates, Math.random)).toEqual([candidates[2]])
  })

  it('nothing is set on responses', () => {
    expect(play().plugin.responseHeaders).toBeUndefined()
  })

  it.each([
    [{ sources: [] }, 'sources'],
    [{ sources: [{ header: 'x', attribute: 'y' }] }, 'attribute'],
    [{ sources: [{ header: 'not a name' }] }, 'sources'],
    [{ evictionTtlSeconds: 0 }, 'evictionTtlSeconds'],
    [{ sources: [{ attribute: 'nobody' }] }, 'SessionIDDataKey'],
    [{ sources: [{ producer: 'agent-identity' }] }, 'either a header or an attribute'],
  ])('%j is refused', (sessionIdConfig, place) => {
    expect(() => sessionAffinityFilter.create({ strategy: 'session_id', sessionIdConfig }, contextOfAll())).toThrow(
      place,
    )
  })
})
