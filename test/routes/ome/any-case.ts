import fc from 'fast-check'
import type { KubeObject } from '../../../src/kubernetes/object.ts'

/** An InferenceService and all that it is compiled with. */
export type Case = {
  readonly service: KubeObject
  readonly configMap: KubeObject | undefined
  readonly observed: KubeObject | undefined
}

/** Mostly what means something in its place; now and then anything else that a file can hold. */
const rarely = (usual: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 60, arbitrary: usual }, { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) })

const text = (...known: readonly string[]) =>
  rarely(
    fc.oneof(
      { weight: 40, arbitrary: fc.constantFrom(...known) },
      {
        weight: 1,
        arbitrary: fc.constantFrom('', ' ', '/', '{{', '{{ .Nope }}', 'Ünicode', '10.0.0.1', 'x'.repeat(70)),
      },
      { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 8 }) },
    ),
  )

const domain = text('example.com', 'a.com', 'b.com', 'c.com', 'd.com', 'svc.cluster.local')
const domainTemplate = text(
  '{{ .Name }}.{{ .Namespace }}.{{ .IngressDomain }}',
  '{{.Name}}.{{ .Labels.team }}.{{.IngressDomain}}',
  '{{ index .Annotations "example.org/site" }}.{{ .Name }}.x',
  'all.{{ .IngressDomain }}',
)
const pathTemplate = text('/m/{{ .Name }}', '/{{ .Namespace }}/', '')
const flag = text('true', 'false', 'false', 'no')

const sometimes = <T extends Record<string, fc.Arbitrary<unknown>>>(fields: T) =>
  fc.record(fields, { requiredKeys: [] })

const modes = [...Array<string>(5).fill('RawDeployment'), 'Serverless', 'Serverless', 'MultiNode', 'VirtualDeployment']

const routing = sometimes({
  'ome.io/deployment-mode': text(...modes),
  'ome.io/ingress-domain': domain,
  'ome.io/ingress-domain-template': domainTemplate,
  'ome.io/ingress-url-scheme': text('http', 'https'),
  'ome.io/ingress-class': text('nginx', 'istio'),
  'ome.io/ingress-additional-domains': text(
    'a.com,b.com',
    'lan',
    Array.from({ length: 17 }, (_, i) => `d${i}.x`).join(),
  ),
  'ome.io/ingress-path-template': pathTemplate,
  'ome.io/ingress-disable-istio-virtualhost': flag,
  'ome.io/service-type': text('LoadBalancer', 'NodePort', 'nonsense'),
  'ome.io/load-balancer-ip': text('10.0.0.9'),
  'example.org/site': text('paris'),
})

const auth = fc.record(
  { 'signalbox.dev/auth': text('basic', 'apikey'), 'signalbox.dev/auth-secret': text('keys') },
  { requiredKeys: ['signalbox.dev/auth-secret'] },
)
const disabling = fc.record({ 'ome.io/disable-ingress': flag })
const none = fc.constant({})
const annotations = rarely(
  fc
    .tuple(routing, fc.oneof(none, none, auth), fc.oneof(none, none, none, disabling))
    .map((parts) => Object.assign({}, ...parts)),
)

const labels = rarely(
  fc.record(
    { team: text('nlp'), 'networking.knative.dev/visibility': text('cluster-local', 'public', 'public') },
    { requiredKeys: ['team'] },
  ),
)

const component = rarely(
  sometimes({ timeoutSeconds: rarely(fc.nat({ max: 99_999 })), minReplicas: fc.nat({ max: 2 }), annotations }),
)
const spec = rarely(sometimes({ engine: component, router: component, decoder: component }))

const condition = rarely(
  fc.record({
    type: fc.constantFrom('EngineReady', 'RouterReady', 'DecoderReady', 'IngressReady'),
    status: fc.constantFrom('True', 'True', 'True', 'False'),
  }),
)
const status = fc.oneof(
  fc.constant(undefined),
  rarely(sometimes({ conditions: rarely(fc.array(condition, { maxLength: 4 })) })),
)

const gateway = text('edge/gw')
const ingress = fc.record(
  {
    ingressGateway: gateway,
    localGateway: gateway,
    omeIngressGateway: gateway,
    ingressDomain: domain,
    domainTemplate,
    urlScheme: text('http', 'https'),
    ingressClassName: text('nginx'),
    additionalIngressDomains: rarely(fc.array(domain, { maxLength: 3 })),
    pathTemplate,
    disableIstioVirtualHost: rarely(fc.boolean()),
    disableIngressCreation: rarely(fc.constant(false)),
    enableGatewayAPI: rarely(fc.boolean()),
  },
  { requiredKeys: ['omeIngressGateway', 'ingressDomain', 'enableGatewayAPI'] },
)
const json = (value: fc.Arbitrary<unknown>) =>
  fc.oneof(
    { weight: 20, arbitrary: value.map((each) => JSON.stringify(each)) },
    { weight: 1, arbitrary: fc.constantFrom('', '[]', '{', 'null', '{"a":') },
  )
const data = rarely(
  fc.record(
    {
      ingress: rarely(json(ingress)),
      deploy: rarely(json(sometimes({ defaultDeploymentMode: text('RawDeployment', 'Serverless') }))),
    },
    { requiredKeys: ['ingress'] },
  ),
)

const name = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom('chat', 'n'.repeat(57), 'n'.repeat(64), 'a'.repeat(253)) },
  { weight: 1, arbitrary: fc.string({ minLength: 1, maxLength: 5 }) },
)

export const cases: fc.Arbitrary<Case> = fc
  .record({
    name,
    uid: fc.option(fc.constant('uid-1'), { nil: undefined }),
    labels,
    annotations,
    spec,
    status,
    data: fc.option(data, { nil: undefined }),
    port: fc.option(
      rarely(sometimes({ port: fc.constantFrom(80, 8082), targetPort: fc.constantFrom(0, 9000, 'http') })),
      {
        nil: undefined,
      },
    ),
  })
  .map(({ name, uid, labels, annotations, spec, status, data, port }) => ({
    service: {
      apiVersion: 'ome.io/v1beta1',
      kind: 'InferenceService',
      metadata: { name, namespace: 'ml', uid, labels, annotations } as KubeObject['metadata'],
      spec,
      status,
    },
    configMap:
      data === undefined
        ? undefined
        : { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'config', namespace: 'ome' }, data },
    observed:
      port === undefined
        ? undefined
        : { apiVersion: 'v1', kind: 'Service', metadata: { name: 'x', namespace: 'ml' }, spec: { ports: [port] } },
  }))
