import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { KubeObject } from '../../../src/kubernetes/object.ts'
import { type Claim, findRoutingConflicts } from '../../../src/routes/aim/conflicts.ts'
import { type ParentRef, sharesGateway } from '../../../src/routes/parent-ref.ts'
import { byAge, byNamespaceAndName } from '../../../src/routes/precedence.ts'
import { compileAim, conditionOf, gatewayRef, makeAimService, makeBareService } from './objects.ts'

const day = (day: number) => ({ creationTimestamp: `2026-01-0${day}T00:00:00Z` })
const at = (path: string, made: number, routing: object = {}, namespace = 'ml-team') => ({
  namespace,
  metadata: day(made),
  routing: { pathTemplate: path, ...routing },
})

/** `reason message` of each service that has a conflict, by its name. */
function conflictsOf(...services: readonly KubeObject[]) {
  const found = compileAim(...services).flatMap((compiled) => {
    expect(compiled.objects).toHaveLength(1)
    const conflict = conditionOf(compiled, 'RoutingConflict')
    if (conflict === undefined) return []
    expect(conflict.status).toBe('True')
    return [[compiled.service.metadata.name, `${conflict.reason} ${conflict.message}`]]
  })
  return Object.fromEntries(found)
}

describe('a path in use', () => {
  test('is told on all younger services, and names the oldest', () => {
    const found = conflictsOf(
      makeAimService('c', at('/x', 3)),
      makeAimService('a', at('/X', 2)),
      makeAimService('b', at('/x/', 1, {}, 'other')),
      makeAimService('d', at('/y', 4)),
    )
    expect(found).toEqual({
      a: 'PathInUse path /x at this gateway is also that of other/b, which takes precedence',
      c: 'PathInUse path /x at this gateway is also that of other/b, which takes precedence',
    })
  })

  test.each([
    ['another gateway', { name: 'second', namespace: 'gateways' }, false],
    ['a gateway of the same name elsewhere', { name: 'inference' }, false],
    ['another kind', { ...gatewayRef, kind: 'Service' }, false],
    ['the same by default', { ...gatewayRef, group: 'gateway.networking.k8s.io', kind: 'Gateway' }, true],
    ['a listener, where the other names none', { ...gatewayRef, sectionName: 'https' }, true],
    ['a port, where the other names none', { ...gatewayRef, port: 443 }, true],
  ])('at %s: %j', (_, other, isShared) => {
    const found = conflictsOf(makeAimService('a', at('/x', 1)), makeAimService('b', at('/x', 2, { gatewayRef: other })))
    expect(Object.keys(found)).toEqual(isShared ? ['b'] : [])
  })

  test('is not told where listeners differ, even if a third service shares with both', () => {
    const on = (sectionName?: string) => ({ gatewayRef: { ...gatewayRef, ...(sectionName && { sectionName }) } })
    const found = conflictsOf(
      makeAimService('http', at('/x', 1, on('http'))),
      makeAimService('https', at('/x', 2, on('https'))),
      makeAimService('both', at('/x', 3, on())),
    )
    expect(found).toEqual({ both: expect.stringContaining('ml-team/http,') })
  })

  test('does not count services that get no route', () => {
    const services = [
      makeAimService('off', at('/x', 1, { enabled: false })),
      makeAimService('broken', at('/x', 1, { requestTimeout: 'x' })),
      makeAimService('a.b', at('/x', 4)),
      makeAimService('a-b', at('/x', 3)),
    ]
    const conditions = compileAim(...services).map((compiled) => conditionOf(compiled, 'RoutingConflict'))
    expect(conditions).toEqual([undefined, undefined, undefined, undefined])
  })
})

describe('the root path', () => {
  test('is told of, naming the first other by namespace and name', () => {
    const found = conflictsOf(
      makeAimService('root', at('/', 1)),
      makeAimService('b', at('/b', 2)),
      makeAimService('c', at('/c', 3, {}, 'aa-team')),
    )
    expect(found).toEqual({ root: expect.stringMatching(/^RootPath .* aa-team\/c /) })
  })

  test('is fine alone at its gateway', () => {
    expect(conflictsOf(makeAimService('root', at('/', 1)))).toEqual({})
    const elsewhere = { gatewayRef: { name: 'second' } }
    expect(conflictsOf(makeAimService('root', at('/', 1)), makeAimService('b', at('/b', 1, elsewhere)))).toEqual({})
  })

  test('of two services: the younger has its path in use, the older is warned of the younger', () => {
    const found = conflictsOf(makeAimService('young', at('/', 2)), makeAimService('old', at('/', 1)))
    expect(found).toEqual({
      old: expect.stringMatching(/^RootPath .*ml-team\/young/),
      young: expect.stringMatching(/^PathInUse .*ml-team\/old/),
    })
  })
})

const claim = fc
  .record({
    namespace: fc.constantFrom('a', 'b'),
    made: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
    path: fc.constantFrom('/', '/x'),
    gatewayNamespace: fc.constantFrom('a', undefined),
    sectionName: fc.constantFrom('none', 'http', undefined),
    port: fc.constantFrom(80, 443, undefined),
  })
  .map(({ namespace, made, path, gatewayNamespace, ...listener }) => ({
    namespace,
    made,
    path,
    gatewayNamespace,
    listener,
  }))

test('are those that comparing all services with each other finds, in any order', () => {
  fc.assert(
    fc.property(fc.array(claim, { maxLength: 9 }), fc.func(fc.nat()), (drawn, shuffle) => {
      const claims: Claim[] = drawn.map(({ namespace, made, path, gatewayNamespace, listener }, index) => {
        const service = makeBareService(`s${index}`)
        const metadata = { ...service.metadata, namespace, ...(made !== undefined && day(made)) }
        const given = Object.entries({ namespace: gatewayNamespace, ...listener }).filter(
          ([, value]) => value !== undefined,
        )
        const gateway = { group: 'g', kind: 'Gateway', name: 'g', ...Object.fromEntries(given) } as ParentRef
        return { service: { ...service, metadata }, gateway, path }
      })
      const sharing = (one: Claim) =>
        claims.filter(
          (other) =>
            other !== one &&
            sharesGateway(
              one.gateway,
              one.service.metadata.namespace!,
              other.gateway,
              other.service.metadata.namespace!,
            ),
        )
      const shuffled = claims.toSorted((a, b) => shuffle(a.service.metadata.name) - shuffle(b.service.metadata.name))
      const found = findRoutingConflicts(shuffled)
      for (const one of claims) {
        const [oldest] = sharing(one)
          .filter((other) => other.path === one.path && byAge(other.service, one.service) < 0)
          .sort((a, b) => byAge(a.service, b.service))
        const [first] = one.path === '/' ? sharing(one).sort((a, b) => byNamespaceAndName(a.service, b.service)) : []
        const named = oldest ?? first
        const conflict = found.get(one)
        expect(conflict?.reason).toBe(oldest !== undefined ? 'PathInUse' : named && 'RootPath')
        if (named)
          expect(conflict?.message).toContain(`${named.service.metadata.namespace}/${named.service.metadata.name}`)
      }
    }),
    { numRuns: 500 },
  )
})
