import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CompiledService } from '../../src/routes/compiled.ts'
import { withModelRoutes } from '../../src/routes/model-route.ts'
import { type ParentRef, sharesGateway } from '../../src/routes/parent-ref.ts'
import { byAge } from '../../src/routes/precedence.ts'
import { makeCompiled, makeObject, makeService, routeSpec, setHeaders } from './services.ts'

type Options = Parameters<typeof makeCompiled>[1] & { readonly model?: string }

/** A service that asks for model routing. */
function makeAsking(name: string, { model = 'llama', ...options }: Options = {}): CompiledService {
  const asks = { 'signalbox.dev/model-routing': 'true', 'signalbox.dev/model-name': model }
  return makeCompiled(name, { ...options, annotations: { ...asks, ...options.annotations } })
}

const conditionOf = ({ status }: CompiledService) => status.conditions.find(({ type }) => type === 'ModelRouteReady')
const routeNames = ({ objects }: CompiledService) => objects.map(({ metadata }) => metadata.name)
const modelRouteOf = ({ objects }: CompiledService) => objects.find(({ metadata }) => metadata.name.endsWith('-model'))

describe('a service that asks for model routing', () => {
  const [routed] = withModelRoutes([makeAsking('chat')])

  test('gets one more HTTPRoute that matches its model alone and leads where / leads, without the rewrite', () => {
    const { objects } = makeAsking('chat')
    expect(routed.objects).toEqual([
      ...objects,
      {
        ...objects[0],
        metadata: { ...objects[0].metadata, name: 'chat-model' },
        spec: {
          parentRefs: objects[0].spec.parentRefs,
          rules: [
            {
              matches: [{ headers: [{ type: 'Exact', name: 'X-Gateway-Model-Name', value: 'llama' }] }],
              filters: [setHeaders],
              backendRefs: [{ kind: 'Service', name: 'chat-engine', port: 8080 }],
              timeouts: { request: '90s' },
            },
          ],
        },
      },
    ])
  })

  test('tells which of its objects that is', () => {
    expect(routed.modelRoute).toBe('chat-model')
    expect(withModelRoutes([makeCompiled('chat')])[0].modelRoute).toBeUndefined()
  })

  test('has a condition that names the model and the Gateway', () => {
    expect(conditionOf(routed)).toEqual({
      type: 'ModelRouteReady',
      status: 'True',
      message: 'HTTPRoute chat-model routes model "llama" at Gateway edge/gate',
    })
    expect(routed.status.conditions[0]).toEqual({ type: 'IngressReady', status: 'True' })
    expect(routed.problem).toBeUndefined()
    const [ofAim] = withModelRoutes([makeAsking('b', { kind: 'AIMService' })])
    expect(conditionOf(ofAim)).toMatchObject({ status: 'True', reason: 'ModelRouteGenerated' })
  })

  test('has a setting that says where the name comes from', () => {
    const path = ['metadata', 'annotations', 'signalbox.dev/model-name']
    expect(routed.settings).toEqual([{ name: 'modelName', value: 'llama', from: { object: routed.service, path } }])
  })

  test('keeps the labels, annotations and owner of its main route', () => {
    const plain = makeAsking('chat')
    const metadata = { ...plain.objects[0].metadata, labels: { team: 'nlp' }, annotations: { a: 'b' } }
    const [compiled] = withModelRoutes([{ ...plain, objects: [{ ...plain.objects[0], metadata }] }])
    expect(modelRouteOf(compiled)!.metadata).toEqual({ ...metadata, name: 'chat-model' })
  })

  test('has neither filters nor timeouts where the rule for / has none but the rewrite', () => {
    const plain = makeAsking('chat')
    const { rules, ...spec } = routeSpec('chat')
    const [, { timeouts: _, filters, ...rule }] = rules
    const bare = { ...spec, rules: [{ ...rule, filters: filters!.slice(1) }] }
    const [compiled] = withModelRoutes([{ ...plain, objects: [{ ...plain.objects[0], spec: bare }] }])
    expect(modelRouteOf(compiled)!.spec.rules).toEqual([{ matches: expect.anything(), backendRefs: rule.backendRefs }])
  })

  test('has no model route where it asks for keys or passwords, which nobody would ask for there', () => {
    const plain = makeAsking('chat')
    const target = { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'chat' }
    const policy = makeObject(plain.service, 'SecurityPolicy', 'chat', { targetRefs: [target], basicAuth: {} })
    const objects = [policy, ...plain.objects]
    const [guarded] = withModelRoutes([{ ...plain, objects }])
    expect(guarded.objects).toEqual(objects)
    expect(guarded.modelRoute).toBeUndefined()
    expect(conditionOf(guarded)).toMatchObject({ status: 'False', reason: 'AuthUnsupported' })
  })

  test('has the name of its route cut to 63 characters', () => {
    const name = 'a'.repeat(60)
    const [{ objects }] = withModelRoutes([makeAsking(name)])
    expect(objects[1].metadata.name).toMatch(/^[a-f][0-9a-f]{7}-a{48}-model$/)
  })
})

test.each([
  ['no annotation', makeCompiled('chat')],
  ['another value', makeAsking('chat', { annotations: { 'signalbox.dev/model-routing': 'True' } })],
  [
    'an error',
    { ...makeAsking('chat'), problem: { reason: 'x', message: 'y', at: { object: makeService('chat'), path: [] } } },
  ],
  ['what was made before in its place', { ...makeAsking('chat'), objects: [], others: 'keep' as const }],
])('a service with %s comes back as it is', (_, compiled) => {
  const services = withModelRoutes([compiled, makeAsking('other', { model: 'other' })])
  expect(services[0]).toBe(compiled)
  expect(routeNames(services[1])).toEqual(['other', 'other-model'])
})

describe('the name of the model', () => {
  const asks = { 'signalbox.dev/model-routing': 'true' }
  const annotated = { ...asks, 'signalbox.dev/model-name': 'annotated' }
  const ome = 'InferenceService'
  const aim = 'AIMService'
  const aimBoth = { spec: { model: { name: 'spec' } }, status: { resolvedModel: { name: 'resolved' } } }

  test.each([
    {
      what: 'annotation before all',
      kind: ome,
      annotations: annotated,
      spec: { model: { name: 'm' } },
      name: 'annotated',
    },
    { what: 'spec.model.name', kind: ome, spec: { model: { name: 'm' }, engine: { model: 'e' } }, name: 'm' },
    { what: 'spec.engine.model', kind: ome, spec: { engine: { model: 'e' } }, name: 'e' },
    { what: 'empty means absent', kind: ome, spec: { model: { name: '' }, engine: { model: 'e' } }, name: 'e' },
    { what: 'null means absent', kind: ome, spec: { model: null, engine: { model: 'e' } }, name: 'e' },
    { what: 'annotation of an AIMService', kind: aim, annotations: annotated, ...aimBoth, name: 'annotated' },
    { what: 'status.resolvedModel.name', kind: aim, ...aimBoth, name: 'resolved' },
    { what: 'spec.model.name of an AIMService', kind: aim, spec: aimBoth.spec, name: 'spec' },
    { what: 'the longest', kind: ome, spec: { model: { name: '😀'.repeat(4096) } }, name: '😀'.repeat(4096) },
  ] as const)('$what', ({ name, annotations = asks, what: _, ...options }) => {
    const [compiled] = withModelRoutes([makeCompiled('chat', { ...options, annotations })])
    expect(modelRouteOf(compiled)!.spec.rules).toMatchObject([{ matches: [{ headers: [{ value: name }] }] }])
    expect(compiled.settings).toMatchObject([{ value: name }])
  })

  test.each([
    {
      what: 'nowhere',
      kind: ome,
      spec: { engine: { model: { name: 'e' } } },
      says: /^no model name: set annotation signalbox\.dev\/model-name or spec\.model\.name$/,
    },
    {
      what: 'nowhere in an AIMService',
      kind: aim,
      spec: { engine: { model: 'e' } },
      says: /status\.resolvedModel\.name or spec\.model\.name$/,
    },
    {
      what: 'no string',
      kind: ome,
      spec: { model: { name: 7 }, engine: { model: 'e' } },
      says: /^spec\.model\.name: found 7, allowed: a string$/,
    },
    {
      what: 'too long',
      kind: ome,
      spec: { model: { name: 'm'.repeat(4097) } },
      says: /^spec\.model\.name: found "m.*allowed: at most 4096 characters$/,
    },
    {
      what: 'no value of a header',
      kind: aim,
      spec: { model: { name: 'a\nb' } },
      says: /found "a\\nb", allowed: no control characters/,
    },
  ] as const)('is unknown: $what', ({ says, what: _, ...options }) => {
    const [compiled] = withModelRoutes([makeCompiled('chat', { ...options, annotations: asks })])
    expect(conditionOf(compiled)).toEqual({
      type: 'ModelRouteReady',
      status: 'False',
      reason: 'ModelNameUnknown',
      message: expect.stringMatching(says),
    })
    expect(routeNames(compiled)).toEqual(['chat'])
    expect(compiled.problem).toBeUndefined()
  })
})

describe('a service without an HTTPRoute', () => {
  test('has no Gateway, and neither an error nor the name', () => {
    const service = makeAsking('older', { day: 1 })
    const services = withModelRoutes([
      { ...service, objects: [makeObject(service.service, 'Ingress', 'older', { rules: [] })] },
      makeAsking('younger', { day: 2 }),
    ])
    expect(conditionOf(services[0])).toMatchObject({ status: 'False', reason: 'NoGateway' })
    expect(services[0].problem).toBeUndefined()
    expect(conditionOf(services[1])).toMatchObject({ status: 'True' })
  })
})

describe('of two services with one model name', () => {
  const verdicts = (...services: CompiledService[]) =>
    withModelRoutes(services).map((each) => {
      const { status, reason } = conditionOf(each)!
      return status === 'True' ? given : reason
    })
  const [given, inUse] = ['given', 'ModelNameInUse']

  test('on one Gateway the younger has no model route, and is told who has it', () => {
    const [younger] = withModelRoutes([makeAsking('a', { day: 2 }), makeAsking('b', { day: 1, kind: 'AIMService' })])
    expect(routeNames(younger)).toEqual(['a'])
    expect(younger.settings).toEqual([])
    expect(conditionOf(younger)).toEqual({
      type: 'ModelRouteReady',
      status: 'False',
      reason: 'ModelNameInUse',
      message: 'model "llama" at Gateway edge/gate is routed to AIMService ml/b, which was first',
    })
  })

  test('one without a time counts as the younger, and names decide between those of one age', () => {
    expect(verdicts(makeAsking('a'), makeAsking('b', { day: 300 }))).toEqual([inUse, given])
    expect(verdicts(makeAsking('b'), makeAsking('a'))).toEqual([inUse, given])
    expect(verdicts(makeAsking('a', { namespace: 'z' }), makeAsking('b', { namespace: 'y' }))).toEqual([inUse, given])
  })

  test.each([
    ['another name', {}, { model: 'other' }, [given, given]],
    ['names that differ in case', {}, { model: 'Llama' }, [given, given]],
    ['another Gateway', {}, { parent: { name: 'other' } }, [given, given]],
    ['another Gateway of the name', {}, { parent: { namespace: 'other' } }, [given, given]],
    ['another listener', { parent: { sectionName: 'a' } }, { parent: { sectionName: 'b' } }, [given, given]],
    ['another port', { parent: { port: 80 } }, { parent: { port: 81 } }, [given, given]],
    ['one listener and all', { parent: { sectionName: 'a' } }, {}, [given, inUse]],
    ['a listener and a port', { parent: { sectionName: 'a' } }, { parent: { port: 80 } }, [given, inUse]],
  ] as const)('with %s', (_, older, younger, expected) => {
    expect(verdicts(makeAsking('a', { ...older, day: 1 }), makeAsking('b', { ...younger, day: 2 }))).toEqual(expected)
  })

  test('who has no model route takes the name from nobody', () => {
    const onlyB = makeAsking('c', { day: 3, parent: { sectionName: 'b' } })
    const services = [makeAsking('a', { day: 1, parent: { sectionName: 'a' } }), makeAsking('b', { day: 2 }), onlyB]
    expect(verdicts(...services)).toEqual([given, inUse, given])
  })
})

test('a model route whose name another service has falls away, whatever their age', () => {
  const services = withModelRoutes([makeAsking('chat', { day: 1 }), makeCompiled('chat-model', { day: 2 })])
  expect(services.map(routeNames)).toEqual([['chat'], ['chat-model']])
  expect(conditionOf(services[0])).toEqual({
    type: 'ModelRouteReady',
    status: 'False',
    reason: 'NameCollision',
    message: 'HTTPRoute chat-model is generated for InferenceService ml/chat-model',
  })
})

describe('whatever the services', () => {
  const asking = fc.record({
    day: fc.record({ day: fc.integer({ min: 1, max: 3 }) }, { requiredKeys: [] }),
    namespace: fc.constantFrom('x', 'y'),
    kind: fc.constantFrom('InferenceService' as const, 'AIMService' as const),
    model: fc.constantFrom('a', 'b'),
    parent: fc.record(
      { name: fc.constantFrom('g', 'h'), sectionName: fc.constantFrom('s', 't'), port: fc.constantFrom(80, 81) },
      { requiredKeys: ['name'] },
    ),
  })
  const services = fc
    .array(asking, { maxLength: 12 })
    .map((given) => given.map(({ day, ...options }, index) => makeAsking(`s${index}`, { ...options, ...day })))

  const parentOf = ({ objects }: CompiledService) => (objects[0].spec.parentRefs as readonly ParentRef[])[0]
  const modelOf = ({ service }: CompiledService) => service.metadata.annotations!['signalbox.dev/model-name']
  const meet = (a: CompiledService, b: CompiledService) =>
    modelOf(a) === modelOf(b) &&
    sharesGateway(parentOf(a), a.service.metadata.namespace!, parentOf(b), b.service.metadata.namespace!)
  const isRouted = (each: CompiledService) => modelRouteOf(each) !== undefined

  test('a name on a Gateway leads to one service, and nobody younger than it', () => {
    fc.assert(
      fc.property(services, (given) => {
        const results = withModelRoutes(given)
        for (const each of results) {
          const rivals = results.filter((other) => other !== each && isRouted(other) && meet(each, other))
          if (isRouted(each)) expect(rivals).toEqual([])
          else expect(rivals.some((other) => byAge(other.service, each.service) < 0)).toBe(true)
        }
      }),
    )
  })

  test('their order counts for nothing', () => {
    const shuffled = services.chain((given) =>
      fc.tuple(fc.constant(given), fc.shuffledSubarray(given, { minLength: given.length })),
    )
    fc.assert(
      fc.property(shuffled, ([given, other]) => {
        const expected = new Map(given.map((each, index) => [each, withModelRoutes(given)[index]]))
        expect(withModelRoutes(other)).toEqual(other.map((each) => expected.get(each)))
      }),
    )
  })
})
