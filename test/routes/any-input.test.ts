import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import type { Resource } from '../../src/catalog/resource.ts'
import { RouteCompiler } from '../../src/routes/compile.ts'
import { explain } from '../../src/routes/printing/explanation.ts'
import { type Printout, printJson, printYaml } from '../../src/routes/printing/print.ts'
import { inPrintOrder } from '../../src/routes/printing/print-order.ts'
import { printTables } from '../../src/routes/printing/table.ts'
import { readRouteSources } from '../../src/routes/route-sources.ts'

/** Text that means something here or there, and any other. */
const text = fc.oneof(
  fc.constantFrom(
    '',
    'true',
    'false',
    'a',
    'chat',
    'a.b',
    '/',
    '/x/{{ .Name }}',
    '{{ .Name }}.x.test',
    '{{ .Labels.team }}',
    '{{',
  ),
  fc.constantFrom(
    '/{.metadata.name}',
    '{.spec}',
    '{',
    '90s',
    '-1s',
    'RawDeployment',
    'MultiNode',
    'Serverless',
    'VirtualDeployment',
  ),
  fc.constantFrom('edge/gate', 'x.test,y.test', 'nginx', 'https', 'basic', 'apikey', 'LoadBalancer', 'cluster-local'),
  fc.string({ unit: 'binary' }),
)
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    text,
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value')),
    tie('object'),
  ),
  object: fc.dictionary(
    fc.oneof(fc.constantFrom('name', 'model', 'annotations', 'leader', 'minReplicas'), text),
    tie('value'),
  ),
}))

/** Objects of these fields, each of them there or not: mostly as it should be, at times anything. */
const some = (fields: Record<string, fc.Arbitrary<unknown>>) =>
  fc.record(
    Object.fromEntries(
      Object.entries(fields).map(([name, field]) => [name, fc.oneof({ weight: 4, arbitrary: field }, value)]),
    ),
    { requiredKeys: [] },
  )
const texts = (...keys: string[]) => fc.record(Object.fromEntries(keys.map((key) => [key, text])), { requiredKeys: [] })

const annotations = texts(
  ...['deployment-mode', 'ingress-domain', 'ingress-domain-template', 'ingress-url-scheme', 'ingress-class'].map(
    (key) => `ome.io/${key}`,
  ),
  ...['ingress-additional-domains', 'ingress-path-template', 'disable-ingress', 'service-type', 'load-balancer-ip'].map(
    (key) => `ome.io/${key}`,
  ),
  ...['auth', 'auth-secret', 'model-routing', 'model-name'].map((key) => `signalbox.dev/${key}`),
)
const labels = texts('team', 'networking.knative.dev/visibility')
const name = fc.oneof(
  fc.constantFrom('chat', 'chat-engine', 'chat-router', 'a-b', 'a.b', 'x'.repeat(70)),
  fc.string({ minLength: 1 }),
)
const metadata = fc.record(
  { name, namespace: fc.constantFrom('ml', 'n'.repeat(43)), uid: text, annotations, labels, creationTimestamp: text },
  { requiredKeys: ['name', 'annotations'] },
)

const component = some({
  minReplicas: fc.integer(),
  timeoutSeconds: fc.integer(),
  annotations,
  leader: value,
  model: text,
})
const omeSpec = some({ engine: component, router: component, decoder: component, model: some({ name: text }) })
const condition = some({
  type: fc.constantFrom('EngineReady', 'Accepted', 'ResolvedRefs'),
  status: fc.constantFrom('True', 'False'),
  reason: text,
})
const omeStatus = some({ conditions: fc.array(condition), components: some({ engine: some({ url: text }) }) })

const gatewayRef = some({ name: text, namespace: text, sectionName: text, port: fc.integer() })
const routing = some({ enabled: fc.constant(true), gatewayRef, pathTemplate: text, requestTimeout: text, annotations })
const aimSpec = some({
  routing,
  runtimeConfigName: text,
  model: some({ name: text }),
  labelPropagation: some({ enabled: fc.boolean(), match: fc.array(text) }),
})
const routeStatus = some({ parents: fc.array(some({ parentRef: gatewayRef, conditions: fc.array(condition) })) })

const ingressText = some({
  ...{
    ingressDomain: text,
    domainTemplate: text,
    pathTemplate: text,
    urlScheme: text,
    omeIngressGateway: text,
    localGateway: text,
  },
  ...{ additionalIngressDomains: fc.array(text), enableGatewayAPI: fc.boolean(), disableIngressCreation: fc.boolean() },
}).map((fields) => JSON.stringify(fields))
const config = some({ ingress: fc.oneof(ingressText, text), deploy: text }).map((data) => ({
  ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'inferenceservice-config', namespace: 'ome' }, data },
}))

const of = (apiVersion: string, kind: string, spec: fc.Arbitrary<unknown>, status: fc.Arbitrary<unknown>) =>
  fc.record(
    { apiVersion: fc.constant(apiVersion), kind: fc.constant(kind), metadata, spec, status },
    { requiredKeys: ['apiVersion', 'kind', 'metadata'] },
  )
const aim = 'aim.eai.amd.com/v1alpha1'
const object = fc.oneof(
  { weight: 4, arbitrary: of('ome.io/v1beta1', 'InferenceService', omeSpec, omeStatus) },
  { weight: 4, arbitrary: of(aim, 'AIMService', aimSpec, some({ resolvedModel: some({ name: text }) })) },
  of(aim, 'AIMRuntimeConfig', aimSpec, value),
  of(aim, 'AIMClusterRuntimeConfig', aimSpec, value),
  of('v1', 'Service', some({ ports: fc.array(some({ port: fc.integer(), targetPort: value })) }), value),
  of('gateway.networking.k8s.io/v1', 'HTTPRoute', value, routeStatus),
)

function read(objects: readonly Record<string, unknown>[]) {
  const resources = objects.map((object): Resource => {
    const { apiVersion, kind } = object as { apiVersion: string; kind: string }
    return { apiVersion, kind, object, origin: { place: () => 'here' } }
  })
  return readRouteSources(resources, { namespace: 'ome', name: 'inferenceservice-config' })
}

/** What can be read of the objects, compiled and ready to print. */
function compile(objects: readonly Record<string, unknown>[]) {
  const services = new RouteCompiler().compile(read(objects).sources)
  const explanations = new Map(services.map((compiled) => [compiled, explain(compiled, () => 'here')]))
  return { objects: inPrintOrder(services), services, explanations } satisfies Printout
}

describe('whatever the services and their settings', () => {
  const input = fc.tuple(fc.array(object, { maxLength: 5 }), fc.option(config)).map(([objects, config]) => {
    return config === null ? objects : [...objects, config]
  })

  test('each is told in a condition what is wrong, and then nothing is made of it', () => {
    fc.assert(
      fc.property(input, (given) => {
        for (const { problem, status, objects } of compile(given).services) {
          if (problem === undefined) continue
          const { reason, message } = problem
          expect(status.conditions).toContainEqual(expect.objectContaining({ status: 'False', reason, message }))
          expect(objects).toEqual([])
        }
      }),
    )
  })

  test('no object is made twice, and every one has an owner', () => {
    fc.assert(
      fc.property(input, (given) => {
        const { objects } = compile(given)
        const names = objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`)
        expect(new Set(names).size).toBe(names.length)
        for (const { metadata } of objects) expect(metadata.ownerReferences).toHaveLength(1)
      }),
    )
  })

  test('what is printed is what was made, to every reader', () => {
    fc.assert(
      fc.property(input, (given) => {
        const printout = compile(given)
        const { items } = JSON.parse(printJson(printout))
        for (const version of ['1.1', '1.2'] as const) {
          const documents = parseAllDocuments(printYaml(printout), { version })
          expect(documents.map((document) => document.toJS())).toEqual(items)
        }
        expect(printTables(printout)).not.toMatch(/[^\P{Cc}\n]/u)
      }),
    )
  })

  test('their order counts for nothing', () => {
    const shuffled = input.chain((given) =>
      fc.tuple(fc.constant(given), fc.shuffledSubarray(given, { minLength: given.length })),
    )
    fc.assert(
      fc.property(shuffled, ([given, other]) => {
        // Of two of one name the first would be read.
        fc.pre(read(given).problems.length === 0)
        expect(printYaml(compile(other))).toBe(printYaml(compile(given)))
      }),
    )
  })
})
