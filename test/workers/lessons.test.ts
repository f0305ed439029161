import { expect, test } from 'vitest'
import type { Plugin, PrefixMatches, SchedulingRequest } from '../../src/scheduling/plugin.ts'
import { Teaching } from '../../src/workers/lessons.ts'
import { configured } from '../scheduling/configured.ts'
import { endpoints, schedulingRequest } from '../scheduling/endpoints.ts'
import { bytesOf, promptRequest } from '../scheduling/prefix/prompts.ts'
import { Crews } from './crew-of.ts'

const a = { address: '10.0.0.1', generation: 1 }
const b = { address: '10.0.0.2', generation: 1 }

/** Two workers of one configuration, and the plugins of this type that they have. */
function pairOf(body: string, type: string) {
  const made: Plugin[] = []
  const crews = new Crews(2, [a, b], () => {
    const { plugins } = configured(body)
    made.push(plugins.find((plugin) => plugin.type === type)!)
    return plugins
  })
  const [first, second] = crews.workers
  return {
    crews,
    first: { ...first, pools: first.pools, plugin: made[0] },
    second: { pools: second.pools, plugin: made[1] },
  }
}

test('what one worker has sent where, the prefix index of another knows', async () => {
  const body = `plugins:
- type: queue-scorer
- type: prefix-cache-scorer
schedulingProfiles:
- name: default
  plugins: [{pluginRef: queue-scorer}, {pluginRef: prefix-cache-scorer}]
`
  const { crews, first, second } = pairOf(body, 'approx-prefix-cache-producer')
  const request = promptRequest(bytesOf(1, 1024))
  first.plugin.routed!(request, first.pools.endpointAt('10.0.0.2:8000')!)
  await crews.clock.advance(100)
  const matches = second.plugin as PrefixMatches
  const candidates = second.pools.endpointsOf('default/pool')
  const matched = (asked: SchedulingRequest) => {
    matches.produce!(asked, candidates)
    return candidates.map((endpoint) => matches.matchedBytes(endpoint))
  }
  expect(matched(promptRequest(bytesOf(1, 1024)))).toEqual([0, 1024])
  expect(matched(promptRequest(bytesOf(2, 1024)))).toEqual([0, 0])
})

test('a session that one worker has bound to an endpoint is bound in another', async () => {
  const body = `plugins:
- {type: session-affinity-filter, parameters: {strategy: session_id}}
schedulingProfiles:
- name: default
  plugins: [{pluginRef: session-affinity-filter}]
`
  const { crews, first, second } = pairOf(body, 'session-affinity-filter')
  const request = schedulingRequest({ header: (name) => (name === 'x-session-id' ? 'mine' : undefined) })
  first.plugin.routed!(request, first.pools.endpointAt('10.0.0.2:8000')!, 'default', false)
  await crews.clock.advance(100)
  const candidates = second.pools.endpointsOf('default/pool')
  const filter = second.plugin as Plugin & { filter: (...args: unknown[]) => readonly { address: string }[] }
  expect(filter.filter(request, candidates, Math.random).map(({ address }) => address)).toEqual(['10.0.0.2:8000'])
})

test('what is learned between two reports is bounded, whatever comes', () => {
  let learn: (lesson: unknown) => void = () => {}
  const plugin: Plugin = { type: 'learner', onLesson: (tell) => void (learn = tell) }
  const teaching = new Teaching([{ type: 'other' }, plugin], () => {})
  for (let i = 0; i < 10_000; i += 1) learn(i)
  const [[place, lessons], ...others] = teaching.take()
  expect([place, lessons.length, others]).toEqual([1, 256, []])
  expect(teaching.take()).toEqual([])
  learn('again')
  expect(teaching.take()).toEqual([[1, ['again']]])
})

test('an endpoint that is gone is nothing to learn of', () => {
  const { plugins } = configured('plugins:\n- type: prefix-cache-scorer\n')
  const place = plugins.findIndex(({ type }) => type === 'approx-prefix-cache-producer')
  const teaching = new Teaching(plugins, () => {})
  teaching.learn([[place, [['10.0.0.9:8000', Float64Array.of(1)]]]], () => undefined)
  const [known] = endpoints({})
  teaching.learn([[place, [[known.address, Float64Array.of(1)]]]], () => known)
  expect((plugins[place] as PrefixMatches).indexEntries!(known)).toBe(1)
})
