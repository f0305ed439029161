import { describe, expect, it } from 'vitest'
import type { Decider } from '../../../src/scheduling/deciders/decider.ts'
import { disaggProfileHandler, pdProfileHandler } from '../../../src/scheduling/handlers/disagg.ts'
import type { SchedulingRequest } from '../../../src/scheduling/plugin.ts'
import type { Profile } from '../../../src/scheduling/profile.ts'
import { pluginContext } from '../context.ts'
import { endpoints, schedulingRequest, seededRandom } from '../endpoints.ts'
import { names, profilesOf, roleProfile } from './profiles.ts'

const candidates = endpoints(
  { name: 'p1', labels: { role: 'prefill' }, address: '10.0.0.1:8000', queued: 1 },
  { name: 'p2', labels: { role: 'prefill' }, address: '10.0.0.2:8000' },
  { name: 'd1', labels: { role: 'decode' }, address: '10.0.0.3:8000' },
  { name: 'e1', labels: { role: 'encode' }, address: '10.0.0.4:8000' },
  { name: 'e2', labels: { role: 'encode' }, address: '10.0.0.5:8000', queued: 1 },
)
const yes: Decider = { type: 'yes', disaggregates: () => true }
const no: Decider = { type: 'no', disaggregates: () => false }
const images: Decider = { type: 'images', disaggregates: (request) => request.isMultimodal }

const all = profilesOf(
  ['decode', roleProfile('decode')],
  ['prefill', roleProfile('prefill', 2)],
  ['encode', roleProfile('encode', 2)],
)

function schedule(parameters: unknown, request = schedulingRequest(), profiles = all, given = candidates) {
  const handler = disaggProfileHandler.create(parameters, pluginContext({ plugins: { yes, no, images } }))
  return handler.over(profiles, false)(request, given, seededRandom())
}

describe('disagg-profile-handler', () => {
  it('without deciders only decodes', () => {
    const scheduled = schedule({})
    expect(names(scheduled.endpoints)).toEqual(['d1'])
    expect(scheduled).toMatchObject({ helpers: [], headers: [] })
  })

  it('has one endpoint for the prefill', () => {
    const scheduled = schedule({ deciders: { prefill: 'yes' } })
    expect(names(scheduled.endpoints)).toEqual(['d1'])
    expect(names(scheduled.helpers)).toEqual(['p2'])
    expect(scheduled.helperProfiles).toEqual(['prefill'])
    expect(scheduled.headers).toEqual(['x-prefiller-host-port', '10.0.0.2:8000'])
  })

  it('has as many for the encoding as its profile picks', () => {
    const scheduled = schedule(
      { deciders: { prefill: 'yes', encode: 'images' } },
      schedulingRequest({ isMultimodal: true }),
    )
    expect(names(scheduled.helpers)).toEqual(['p2', 'e1', 'e2'])
    expect(scheduled.helperProfiles).toEqual(['prefill', 'encode', 'encode'])
    expect(scheduled.headers).toEqual([
      'x-prefiller-host-port',
      '10.0.0.2:8000',
      'x-encoder-hosts-ports',
      '10.0.0.4:8000,10.0.0.5:8000',
    ])
  })

  it('leaves out what its decider does not want', () => {
    expect(schedule({ deciders: { prefill: 'no', encode: 'images' } })).toMatchObject({ helpers: [], headers: [] })
  })

  it('leaves out a stage that finds no endpoint', () => {
    const rest = candidates.filter(({ labels }) => labels.role !== 'prefill')
    const scheduled = schedule({ deciders: { prefill: 'yes' } }, schedulingRequest(), all, rest)
    expect(names(scheduled.endpoints)).toEqual(['d1'])
    expect(scheduled).toMatchObject({ helpers: [], headers: [] })
  })

  it.each([{ deciders: { prefill: 'yes' } }, { stageOrder: 'prefill-first' }])(
    '%j: without an endpoint to decode there is nothing',
    (parameters) => {
      const rest = candidates.filter(({ labels }) => labels.role !== 'decode')
      const scheduled = schedule(parameters, schedulingRequest(), all, rest)
      expect(scheduled).toEqual({ endpoints: [], helpers: [], headers: [], scores: [] })
    },
  )

  it.each([
    { profiles: { decode: 'd', prefill: 'p' }, deciders: { prefill: 'yes' } },
    { decodeProfile: 'd', prefillProfile: 'p', prefillDeciderPluginName: 'yes' },
    { decodeProfile: 'd', prefillProfile: 'p', deciderPluginName: 'yes', encodeDeciderPluginName: '' },
  ])('goes by the names that it is given: %j', (parameters) => {
    const profiles = profilesOf(['d', roleProfile('decode')], ['p', roleProfile('prefill')])
    const scheduled = schedule(parameters, schedulingRequest(), profiles)
    expect(scheduled.profileName).toBe('d')
    expect(scheduled.helperProfiles).toEqual(['p'])
  })

  it('prefill-first: every request has a prefill, without a decider, if there is a profile for it', () => {
    expect(schedule({ stageOrder: 'prefill-first' }).headers).toEqual(['x-prefiller-host-port', '10.0.0.2:8000'])
    const alone = profilesOf(['decode', roleProfile('decode')])
    expect(schedule({ stageOrder: 'prefill-first' }, schedulingRequest(), alone).headers).toEqual([])
    const both = { stageOrder: 'prefill-first', deciders: { prefill: 'yes' } }
    expect(() => schedule(both)).toThrow('has no place in the order prefill-first')
  })

  it.each([
    ['decode-first', ['decode before nothing', 'encode before d1', 'prefill before d1'], ['d1', 'd1']],
    ['prefill-first', ['prefill before nothing', 'decode before p2', 'encode before d1'], ['d1']],
  ])('%s: what chooses later knows the choice before it', (stageOrder, expected, decided) => {
    const seen: string[] = []
    const decodes: (string | undefined)[] = []
    const watched = ([name, profile]: [string, Profile]): [string, Profile] => [
      name,
      {
        ...profile,
        schedule(request: SchedulingRequest, ...rest) {
          seen.push(`${name} before ${request.peer?.name ?? 'nothing'}`)
          return profile.schedule(request, ...rest)
        },
      },
    ]
    const noting: Decider = { type: 'noting', disaggregates: (_, decode) => decodes.push(decode?.name) > 0 }
    const handler = disaggProfileHandler.create(
      { stageOrder, deciders: { encode: 'noting', ...(stageOrder === 'decode-first' && { prefill: 'noting' }) } },
      pluginContext({ plugins: { noting } }),
    )
    const stale = endpoints({ name: 'of a try before' })[0]
    handler.over(new Map([...all].map(watched)), false)(schedulingRequest({ peer: stale }), candidates, seededRandom())
    expect(seen).toEqual(expected)
    expect(decodes.toSorted()).toEqual(decided.toSorted())
  })
})

describe('pd-profile-handler', () => {
  it('does the same by its older parameters, and says what it is called now', () => {
    const context = pluginContext({ plugins: { yes } })
    const handler = pdProfileHandler.create({ deciderPluginName: 'yes', prefillProfile: 'prefill' }, context)
    const scheduled = handler.over(all, false)(schedulingRequest(), candidates, seededRandom())
    expect(scheduled.headers).toEqual(['x-prefiller-host-port', '10.0.0.2:8000'])
    expect(context.warnings).toEqual(['pd-profile-handler is deprecated: disagg-profile-handler does the same'])
  })

  it('sends to the primary port, if there is one, and names the rank by a header', () => {
    const context = pluginContext({ plugins: { yes } })
    const handler = pdProfileHandler.create({ deciderPluginName: 'yes', primaryPort: 9_000 }, context)
    const scheduled = handler.over(all, false)(schedulingRequest(), candidates, seededRandom())
    expect(scheduled.destination).toBe('10.0.0.3:9000')
    expect(scheduled.headers).toEqual([
      'x-prefiller-host-port',
      '10.0.0.2:8000',
      'x-data-parallel-host-port',
      '10.0.0.3:8000',
    ])
    expect(names(scheduled.helpers)).toEqual(['p2'])
  })

  it('has the prefix-based decider if not told otherwise', () => {
    expect(() => pdProfileHandler.create({}, pluginContext())).toThrow('prefix-based-pd-decider')
  })
})
