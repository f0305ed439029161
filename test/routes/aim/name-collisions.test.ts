import { describe, expect, test } from 'vitest'
import type { KubeObject } from '../../../src/kubernetes/object.ts'
import { compileAim, conditionOf, makeAimService, makeHttpRoute } from './objects.ts'

const day = (day: number) => ({ creationTimestamp: `2026-01-0${day}T00:00:00Z` })

/** Names of services with what their collision says; undefined of those that have none. */
function collisionsOf(...objects: readonly KubeObject[]) {
  const messages = compileAim(...objects).map(({ service, problem }) => {
    expect(problem === undefined || problem.reason === 'NameCollision').toBe(true)
    return [service.metadata.name, problem?.message]
  })
  return Object.fromEntries(messages)
}

describe('a name that two services have', () => {
  test.each([
    ['the older', { 'a.b': day(1), 'a-b': day(2) }, 'a.b', 'a-b'],
    ['the older, in any order', { 'a-b': day(2), 'a.b': day(1) }, 'a.b', 'a-b'],
    ['one with a time, where the other has none', { 'a.b': day(1), 'a-b': {} }, 'a.b', 'a-b'],
    ['the first by name, where both are as old', { 'a.b': day(1), 'a-b': day(1) }, 'a-b', 'a.b'],
    ['the first by name, where neither has a time', { 'a.b': {}, 'a-b': {} }, 'a-b', 'a.b'],
  ])('is of %s', (_, services, holder, other) => {
    const found = collisionsOf(
      ...Object.entries(services).map(([name, metadata]) => makeAimService(name, { metadata })),
    )
    expect(found).toEqual({
      [holder]: undefined,
      [other]: `the name a-b-a04542d9 of the HTTPRoute is taken by ml-team/${holder}`,
    })
  })

  test('counts in one namespace only', () => {
    const found = collisionsOf(makeAimService('a.b'), makeAimService('a-b', { namespace: 'other' }))
    expect(found).toEqual({ 'a.b': undefined, 'a-b': undefined })
  })

  test('can be that of the InferenceService alone', () => {
    const [first, second] = [`${'x'.repeat(36)}-one`, `${'x'.repeat(36)}-two`]
    const found = collisionsOf(makeAimService(second), makeAimService(first))
    expect(found).toEqual({
      [first]: undefined,
      [second]: `the name ${'x'.repeat(36)}-a04542d9 of the InferenceService is taken by ml-team/${first}`,
    })
  })

  test('of three, names both that are older', () => {
    const stem = 'x'.repeat(36)
    const services = [`${stem}-a`, `${stem}-b.c`, `${stem}-b-c`].map((name, index) =>
      makeAimService(name, { metadata: day(index + 1) }),
    )
    expect(collisionsOf(...services)[`${stem}-b-c`]).toBe(
      `the name ${stem}-b-c-a04542d9 of the HTTPRoute is taken by ml-team/${stem}-b.c; the name ${stem}-a04542d9 of the InferenceService is taken by ml-team/${stem}-a`,
    )
  })

  test('is left by a service whose routing is off', () => {
    const off = makeAimService('a.b', { metadata: day(1), routing: { enabled: false } })
    expect(collisionsOf(off, makeAimService('a-b'))).toEqual({ 'a.b': undefined, 'a-b': undefined })
  })

  test.each([
    ['template', { routing: { pathTemplate: '{' } }],
    ['runtime configuration', { spec: { runtimeConfigName: 'nope' } }],
  ])('is kept by a service with an error of its %s', (_, options) => {
    const broken = makeAimService('a.b', { metadata: day(1), ...options })
    const [, second] = compileAim(broken, makeAimService('a-b', { metadata: day(2) }))
    expect(second.problem?.message).toContain('ml-team/a.b')
  })

  test('comes after all other errors of a service', () => {
    const [, second] = compileAim(makeAimService('a-b'), makeAimService('a.b', { routing: { requestTimeout: 'x' } }))
    expect(second.problem?.reason).toBe('RequestTimeoutInvalid')
  })
})

describe('a service without its name', () => {
  const other = { kind: 'AIMService', name: 'other', uid: 'x' }
  test.each([
    ['as an older one has it', [makeAimService('a-b', { metadata: day(1) })]],
    ['as another object controls the route', [makeHttpRoute('a-b-a04542d9', { owner: other })]],
  ])('%s, gets no route and no path, and keeps what it has', (_, others) => {
    const service = makeAimService('a.b', { metadata: day(2) })
    const [compiled] = compileAim(service, ...others)
    expect(compiled).toMatchObject({
      objects: [],
      others: 'keep',
      problem: { reason: 'NameCollision', at: { object: service, path: ['metadata', 'name'] } },
    })
    expect(compiled.status).toEqual({
      conditions: [
        { type: 'HTTPRouteReady', status: 'False', reason: 'NameCollision', message: compiled.problem?.message },
      ],
    })
  })

  test('a route that nobody controls is taken over', () => {
    const [compiled] = compileAim(makeAimService('a.b'), makeHttpRoute('a-b-a04542d9'))
    expect(compiled.objects).toHaveLength(1)
    expect(conditionOf(compiled, 'HTTPRouteReady')?.reason).toBe('HTTPRoutePending')
  })
})
