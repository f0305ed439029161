import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { KubeObject } from '../../../src/kubernetes/object.ts'
import { compileAimServices } from '../../../src/routes/aim/compile.ts'
import { decideAimRoute } from '../../../src/routes/aim/decide.ts'
import type { CompiledService } from '../../../src/routes/compiled.ts'
import { Memory } from '../../../src/routes/memory.ts'
import {
  compileAim,
  gatewayRef,
  makeAimService,
  makeBareService,
  makeClusterConfig,
  makeConfig,
  makeHttpRoute,
} from './objects.ts'

describe('a service is compiled', () => {
  test('into its route, its path and what the gateway says', () => {
    const service = makeAimService('chat')
    const parents = [{ parentRef: gatewayRef, conditions: [{ type: 'Accepted', status: 'True' }] }]
    const owner = { kind: 'AIMService', name: 'chat', uid: 'uid-of-chat' }
    const [compiled] = compileAim(service, makeClusterConfig({}), makeHttpRoute('chat-a04542d9', { owner, parents }))
    expect(compiled.service).toBe(service)
    expect(compiled).toMatchObject({ others: 'delete', problem: undefined })
    expect(compiled.objects.map(({ metadata }) => metadata.name)).toEqual(['chat-a04542d9'])
    expect(compiled.status.routing).toEqual({ path: '/chat' })
    expect(compiled.status.conditions.map(({ type, status, reason }) => [type, status, reason])).toEqual([
      ['RuntimeConfigReady', 'True', 'RuntimeConfigResolved'],
      ['HTTPRouteReady', 'True', 'HTTPRouteAccepted'],
    ])
  })

  test('with routing off, so that nothing is left of it but its configuration', () => {
    const owner = { kind: 'AIMService', name: 'chat', uid: 'uid-of-chat' }
    const [compiled] = compileAim(makeBareService('chat'), makeConfig({}), makeHttpRoute('chat-a04542d9', { owner }))
    expect(compiled).toMatchObject({ objects: [], others: 'delete', problem: undefined })
    expect(compiled.status).toEqual({ conditions: [expect.objectContaining({ type: 'RuntimeConfigReady' })] })
  })

  test('with an error, which deletes nothing', () => {
    const [compiled] = compileAim(makeAimService('chat', { routing: { pathTemplate: '{' } }))
    expect(compiled).toMatchObject({ objects: [], others: 'keep', problem: { reason: 'PathTemplateInvalid' } })
    expect(compiled.status.routing).toBeUndefined()
  })
})

test('services come back in the order in which they were given', () => {
  const services = ['b', 'a', 'c'].map((name) => makeAimService(name))
  expect(compileAim(...services).map(({ service }) => service)).toEqual(services)
})

test('as long as nothing is new of a service, what is made of it is the same object, whatever it is', () => {
  const services = [
    makeAimService('routed'),
    makeBareService('off'),
    makeAimService('broken', { routing: { pathTemplate: '{' } }),
    makeAimService('a-b', { metadata: { creationTimestamp: '2026-01-01T00:00:00Z' } }),
    makeAimService('a.b'),
  ]
  const decisions = services.map((service) => decideAimRoute(service, 'default', undefined, undefined))
  const memory = new Memory<CompiledService>()
  const first = compileAimServices(decisions, new Map(), memory)
  expect(first.map(({ problem }) => problem?.reason)).toEqual([
    undefined,
    undefined,
    'PathTemplateInvalid',
    undefined,
    'NameCollision',
  ])
  for (const [index, compiled] of compileAimServices(decisions, new Map(), memory).entries()) {
    expect(compiled).toBe(first[index])
  }
  const without = compileAimServices(decisions.toSpliced(3, 1), new Map(), memory)
  expect(without[3].problem).toBeUndefined()
  expect(without.slice(0, 3).every((compiled, index) => compiled === first[index])).toBe(true)
})

const reasons: Readonly<Record<string, readonly string[]>> = {
  RuntimeConfigReady: ['RuntimeConfigResolved', 'ReferenceNotFound'],
  HTTPRouteReady: [
    'RoutingInvalid',
    'NamespaceTooLong',
    'GatewayNotConfigured',
    'PathTemplateInvalid',
    'RequestTimeoutInvalid',
    'NameCollision',
    'HTTPRouteCreating',
    'HTTPRouteAccepted',
    'HTTPRoutePending',
    'FromGateway',
  ],
  RoutingConflict: ['PathInUse', 'RootPath'],
}

const junk = fc.oneof(
  fc.constantFrom(null, undefined, '', ' ', 'x', 7, -0, true, false, [], {}, [null], { name: 7 }),
  fc.anything({ maxDepth: 2 }),
)
/** Mostly what is meant for the field. */
const mostly = (...meant: readonly unknown[]) =>
  fc.oneof({ weight: 25, arbitrary: fc.constantFrom(...meant) }, { weight: 1, arbitrary: junk })
const record = (fields: Record<string, fc.Arbitrary<unknown>>) =>
  fc.oneof({ weight: 50, arbitrary: fc.record(fields) }, { weight: 1, arbitrary: junk })

const near = { name: 'a' }
const far = { name: 'a', namespace: 'n', port: 1 }
const paths = [
  '/',
  '/',
  '/x',
  '/x',
  '/x',
  '',
  '/{.metadata.name}',
  '/{.metadata.labels.a}',
  "{.metadata['annotations'].a}",
]
const routing = record({
  enabled: mostly(true, true, true, true, undefined, false),
  gatewayRef: mostly(undefined, far, far, near, { name: 'a', sectionName: 's' }),
  pathTemplate: fc.oneof(
    { weight: 6, arbitrary: mostly(undefined, ...paths, ...paths, '/{.spec}', '{') },
    {
      weight: 1,
      arbitrary: fc.string({ unit: fc.constantFrom(...'{}.[]/$ab', '.metadata', "['name']"), maxLength: 20 }),
    },
  ),
  requestTimeout: mostly(undefined, undefined, undefined, '5s', '1.5h', '0', '-1s'),
  annotations: record({ a: mostly('1', '', undefined), b: mostly('2') }),
})
const texts = record({ a: mostly('A', 'x/y'), 'aim.eai.amd.com/b': mostly('B') })
const labelPropagation = record({ enabled: mostly(true, false, undefined), match: mostly(['*'], ['a', '['], []) })
const config = record({ routing, labelPropagation })
const name = fc.constantFrom('a', 'a.b', 'a-b', 'x'.repeat(40), `${'x'.repeat(40)}y`, 'é', '__proto__')
const routedNamespace = fc.constantFrom('ml-team', 'ml-team', 'other')
const namespace = fc.oneof({ weight: 9, arbitrary: routedNamespace }, fc.constant('n'.repeat(43)))
const meta = { uid: fc.constantFrom('u', 'v', undefined), labels: texts, annotations: texts }
const runtimeConfigName = mostly(undefined, undefined, 'default', 'default', 'gpu')

const service = fc
  .tuple(name, namespace, fc.record(meta), record({ routing, runtimeConfigName }), junk)
  .map(([name, namespace, metadata, spec, status]) =>
    plain({ ...makeBareService(name), metadata: { ...metadata, name, namespace }, spec, status }),
  )
const condition = record({
  type: mostly('Accepted', 'Accepted', 'ResolvedRefs'),
  status: mostly('True', 'False'),
  reason: fc.constant('FromGateway'),
  observedGeneration: mostly(undefined, 2, 1),
})
const parent = record({
  parentRef: mostly(near, far, far),
  conditions: fc.array(condition, { minLength: 1, maxLength: 3 }),
})
const owners = mostly(undefined, undefined, [{ controller: true, kind: 'AIMService', name: 'a' }])
const httpRoute = fc
  .tuple(
    name,
    routedNamespace,
    fc.oneof({ weight: 20, arbitrary: fc.array(parent, { minLength: 1, maxLength: 3 }) }, junk),
    owners,
  )
  .map(([name, namespace, parents, ownerReferences]) => {
    const [{ objects }] = compileAim(makeAimService(name, { namespace, routing: { pathTemplate: '/' } }))
    const route = makeHttpRoute(objects[0].metadata.name, { namespace, parents, generation: 2 })
    return plain({ ...route, metadata: { ...route.metadata, ownerReferences } })
  })
const configs = fc.record(
  {
    default: config.map((spec) => plain(makeConfig(spec))),
    clusterDefault: config.map((spec) => plain(makeClusterConfig(spec))),
    gpu: config.map((spec) => plain(makeConfig(spec, { name: 'gpu' }))),
  },
  { requiredKeys: [] },
)

const world = fc
  .record({
    services: fc.uniqueArray(service, {
      minLength: 1,
      maxLength: 7,
      selector: ({ metadata }) => `${metadata.namespace}/${metadata.name}`,
    }),
    configs: configs.map((found) => Object.values(found)),
    httpRoutes: fc.uniqueArray(httpRoute, {
      maxLength: 5,
      selector: ({ metadata }) => `${metadata.namespace}/${metadata.name}`,
    }),
  })
  .map(({ services, configs, httpRoutes }) => [...services, ...configs, ...httpRoutes])

/** What a file can hold. */
function plain(object: object): KubeObject {
  return JSON.parse(JSON.stringify(object, (_, value) => (typeof value === 'bigint' ? Number(value) : value)))
}

describe('whatever services, configurations and routes hold', () => {
  test('each service gets a route and a path, or an error, or nothing as routing is off', () => {
    const seen = new Set<string>()
    fc.assert(
      fc.property(world, (objects) => {
        for (const compiled of compileAim(...objects)) {
          checkConditions(compiled, seen)
          checkOutcome(compiled)
        }
      }),
      { numRuns: 1500 },
    )
    // So the objects reach all there is to reach.
    expect([...seen].sort()).toEqual(Object.values(reasons).flat().sort())
  })

  test('the order of the objects has no effect', () => {
    fc.assert(
      fc.property(world, (objects) => {
        const forwards = compileAim(...objects)
        expect(compileAim(...objects)).toEqual(forwards)
        expect(compileAim(...objects.toReversed()).toReversed()).toEqual(forwards)
      }),
      { numRuns: 500 },
    )
  })

  test('objects that were read are left as they are', () => {
    fc.assert(
      fc.property(world, (objects) => {
        const before = structuredClone(objects)
        compileAim(...objects)
        expect(objects).toEqual(before)
      }),
      { numRuns: 200 },
    )
  })
})

function checkConditions(compiled: CompiledService, seen: Set<string>): void {
  const { conditions } = compiled.status
  const order = Object.keys(reasons)
  const types = conditions.map(({ type }) => type)
  expect(types).toEqual(order.filter((type) => types.includes(type)))
  for (const { type, reason, message } of conditions) {
    if (reason !== undefined) {
      expect(reasons[type]).toContain(reason)
      seen.add(reason)
    }
    expect(message).toEqual(expect.any(String))
  }
}

function checkOutcome({ service, objects, others, status, problem, settings }: CompiledService): void {
  if (objects.length > 0) {
    const [route] = objects
    const [{ matches, timeouts }] = route.spec.rules as [
      { matches: [{ path: { value: string } }]; timeouts?: { request: string } },
    ]
    expect(objects).toHaveLength(1)
    expect({ others, problem }).toEqual({ others: 'delete', problem: undefined })
    expect(matches[0].path.value).toBe(status.routing?.path)
    expect(status.routing?.path).toMatch(/^\/([a-z0-9-]+\/)*[a-z0-9-]*$/)
    expect(route.metadata.name).toMatch(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/)
    if (timeouts !== undefined) expect(timeouts.request).toMatch(/^([0-9]{1,5}(h|m|s|ms)){1,4}$/)
    for (const text of Object.values({ ...route.metadata.labels, ...route.metadata.annotations })) {
      expect(text).toEqual(expect.any(String))
    }
    return
  }
  expect(status.routing).toBeUndefined()
  const told = status.conditions.filter(({ status }) => status !== 'True')
  if (problem === undefined) {
    expect({ others, told }).toEqual({ others: 'delete', told: [] })
    expect(settings.find(({ name }) => name === 'routing.enabled')?.value).toBe(false)
    return
  }
  expect(others).toBe('keep')
  expect(told).toMatchObject([{ status: 'False', reason: problem.reason, message: problem.message }])
  expect(problem.at.path.length).toBeGreaterThan(0)
  const value = problem.at.path.reduce<unknown>(
    (at, key) => (at as Record<string, unknown> | undefined)?.[key],
    problem.at.object,
  )
  if (problem.reason === 'NameCollision') expect(problem.message).toContain(service.metadata.namespace)
  else if (typeof value === 'string' && value.length <= 40) expect(unquote(problem.message)).toContain(unquote(value))
}

/** A text stands in a message as it is, or as in JSON. */
const unquote = (text: string): string => text.replaceAll('\\', '')
