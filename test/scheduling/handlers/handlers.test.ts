import { describe, expect, it } from 'vitest'
import { dataParallelProfileHandler } from '../../../src/scheduling/handlers/data-parallel.ts'
import { headerProfileHandler } from '../../../src/scheduling/handlers/header-profile.ts'
import { singleProfileHandler } from '../../../src/scheduling/handlers/single-profile.ts'
import { pluginContext } from '../context.ts'
import { endpoints, schedulingRequest, seededRandom } from '../endpoints.ts'
import { names, profilesOf, roleProfile } from './profiles.ts'

const candidates = endpoints(
  { name: 'a', queued: 2, labels: { role: 'x' }, address: '10.0.0.1:8001' },
  { name: 'b', queued: 1, labels: { role: 'x' }, address: '[fd00::2]:8002' },
  { name: 'c', queued: 0, labels: { role: 'y' }, address: '10.0.0.3:8003' },
)
const x = roleProfile('x', 2)
const y = roleProfile('y')
const random = seededRandom()

describe('single-profile-handler', () => {
  const handler = singleProfileHandler.create({}, pluginContext())

  it('takes what the profile picks', () => {
    const scheduled = handler.over(profilesOf(['x', x]), false)(schedulingRequest(), candidates, random)
    expect(names(scheduled.endpoints)).toEqual(['b', 'a'])
    expect(scheduled).toMatchObject({ helpers: [], headers: [], scores: [] })
  })

  it('tells the scores when asked to', () => {
    const { scores } = handler.over(profilesOf(['x', x]), true)(schedulingRequest(), candidates, random)
    expect(scores).toEqual([
      ['10.0.0.1:8001', 0],
      ['[fd00::2]:8002', 2],
    ])
  })

  it('refuses several profiles', () => {
    expect(() => handler.over(profilesOf(['x', x], ['y', y]), false)).toThrow('takes one profile, found x, y')
  })
})

describe('header-profile-handler', () => {
  const handler = headerProfileHandler.create({ headerName: 'Stage', defaultProfile: 'y' }, pluginContext())
  const both = handler.over(profilesOf(['x', x], ['y', y]), false)
  const asking = (stage: string | undefined) =>
    schedulingRequest({ header: (name) => (name === 'stage' ? stage : undefined) })

  it('reads the header by its lower-case name', () => {
    expect(handler.headerNames).toEqual(['stage'])
    expect(headerProfileHandler.create({}, pluginContext()).headerNames).toEqual(['epp-profile'])
  })

  it.each([
    ['x', ['b', 'a']],
    ['y', ['c']],
    [' x ', ['b', 'a']],
    [undefined, ['c']],
    ['', ['c']],
    ['z', []],
    ['X', []],
  ])('a request with %j goes to %j', (stage, expected) => {
    expect(names(both(asking(stage), candidates, random).endpoints)).toEqual(expected)
  })

  it('a single profile takes every request', () => {
    const single = handler.over(profilesOf(['x', x]), false)
    for (const stage of ['x', 'y', undefined]) {
      expect(names(single(asking(stage), candidates, random).endpoints)).toEqual(['b', 'a'])
    }
  })

  it('tells which profile has chosen', () => {
    expect(both(asking('x'), candidates, random).profileName).toBe('x')
    expect(both(asking('z'), candidates, random).profileName).toBeUndefined()
  })

  it('has no use for a default profile where every request has the header', () => {
    const stages = headerProfileHandler.create({ headerName: 'Stage' }, pluginContext())
    const schedule = stages.over(profilesOf(['x', x], ['y', y]), false)
    expect(names(schedule(asking('y'), candidates, random).endpoints)).toEqual(['c'])
    expect(names(schedule(asking(undefined), candidates, random).endpoints)).toEqual([])
  })

  it('needs the default profile that it is told', () => {
    expect(() => handler.over(profilesOf(['x', x], ['z', y]), false)).toThrow('needs a profile named "y", found x, z')
  })
})

describe('data-parallel-profile-handler', () => {
  const handler = dataParallelProfileHandler.create({}, pluginContext())
  const schedule = handler.over(profilesOf(['x', x]), false)

  it('sends to the primary port, and names the rank by a header', () => {
    const scheduled = schedule(schedulingRequest(), candidates, random)
    expect(scheduled).toMatchObject({
      destination: '[fd00::2]:8000',
      headers: ['x-data-parallel-host-port', '[fd00::2]:8002'],
    })
    expect(names(scheduled.endpoints)).toEqual(['b', 'a'])
  })

  it('finds nothing where there is nothing', () => {
    expect(schedule(schedulingRequest(), [], random)).toEqual({ endpoints: [], helpers: [], headers: [], scores: [] })
  })
})
