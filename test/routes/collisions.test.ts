import { describe, expect, test } from 'vitest'
import { withoutCollisions } from '../../src/routes/collisions.ts'
import type { CompiledService } from '../../src/routes/compiled.ts'
import { makeCompiled, makeObject } from './services.ts'

/** A service with routes of these names. */
function makeWith(name: string, routes: readonly string[], options: Parameters<typeof makeCompiled>[1] = {}) {
  const compiled = makeCompiled(name, options)
  return { ...compiled, objects: routes.map((route) => makeObject(compiled.service, 'HTTPRoute', route, {})) }
}
const namesOf = (services: readonly CompiledService[]) =>
  services.map(({ objects }) => objects.map(({ metadata }) => metadata.name))

describe('services whose objects have names of their own', () => {
  test.each([
    ['in one namespace', [makeWith('a', ['a', 'a-engine']), makeWith('b', ['b'])]],
    ['of one name in two namespaces', [makeWith('a', ['a']), makeWith('a', ['a'], { namespace: 'other' })]],
  ])('come back as they are: %s', (_, services) => {
    expect(withoutCollisions(services)).toBe(services)
  })

  test('may have one name for objects of two kinds', () => {
    const a = makeWith('a', ['x'])
    const b = makeWith('b', [])
    const services = [a, { ...b, objects: [makeObject(b.service, 'Service', 'x', {})] }]
    expect(withoutCollisions(services)).toBe(services)
  })
})

describe('of two services that want one name', () => {
  const older = makeWith('chat', ['chat', 'chat-engine'], { day: 1 })
  const younger = makeWith('chat-engine', ['chat-engine'], { day: 2 })

  test('the younger gets nothing, keeps what it has, and an error names the other', () => {
    const services = withoutCollisions([younger, older])
    const message = 'HTTPRoute ml/chat-engine is generated for InferenceService ml/chat, which was first'
    expect(services[1]).toBe(older)
    expect(services[0]).toEqual({
      ...younger,
      objects: [],
      others: 'keep',
      status: { conditions: [{ type: 'IngressReady', status: 'False', reason: 'NameCollision', message }] },
      problem: { reason: 'NameCollision', message, at: { object: younger.service, path: ['metadata', 'name'] } },
    })
  })

  test('an AIMService keeps what is known of its runtime configuration', () => {
    const ready = { type: 'RuntimeConfigReady', status: 'True' as const, reason: 'RuntimeConfigResolved' }
    const route = { type: 'HTTPRouteReady', status: 'True' as const, reason: 'HTTPRouteAccepted' }
    const aim = {
      ...makeWith('aim', ['chat'], { kind: 'AIMService', day: 2 }),
      status: { routing: { path: '/x' }, conditions: [ready, route] },
    }
    const [, { status }] = withoutCollisions([older, aim])
    expect(status).toEqual({
      conditions: [
        ready,
        { ...route, status: 'False', reason: 'NameCollision', message: expect.stringMatching(/ ml\/chat,/) },
      ],
    })
  })

  test('who gets nothing takes names from nobody', () => {
    const third = makeWith('third', ['third', 'chat-engine-engine'], { day: 4 })
    const middle = makeWith('chat-engine', ['chat-engine', 'chat-engine-engine'], { day: 3 })
    expect(namesOf(withoutCollisions([third, middle, older]))).toEqual([
      ['third', 'chat-engine-engine'],
      [],
      ['chat', 'chat-engine'],
    ])
  })
})
