import fc from 'fast-check'

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
/** OME's ConfigMap. */
export const config = some({ ingress: fc.oneof(ingressText, text), deploy: text }).map((data) => ({
  ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'inferenceservice-config', namespace: 'ome' }, data },
}))

const of = (apiVersion: string, kind: string, spec: fc.Arbitrary<unknown>, status: fc.Arbitrary<unknown>) =>
  fc.record(
    { apiVersion: fc.constant(apiVersion), kind: fc.constant(kind), metadata, spec, status },
    { requiredKeys: ['apiVersion', 'kind', 'metadata'] },
  )
const aim = 'aim.eai.amd.com/v1alpha1'
/** What routes are compiled from, and what is observed of them. */
export const object = fc.oneof(
  { weight: 4, arbitrary: of('ome.io/v1beta1', 'InferenceService', omeSpec, omeStatus) },
  { weight: 4, arbitrary: of(aim, 'AIMService', aimSpec, some({ resolvedModel: some({ name: text }) })) },
  of(aim, 'AIMRuntimeConfig', aimSpec, value),
  of(aim, 'AIMClusterRuntimeConfig', aimSpec, value),
  of('v1', 'Service', some({ ports: fc.array(some({ port: fc.integer(), targetPort: value })) }), value),
  of('gateway.networking.k8s.io/v1', 'HTTPRoute', value, routeStatus),
)
