import { describe, expect, test } from 'vitest'
import { compile, type Given, gateway, kindsOf, objectOf, problemOf, raw } from './build.ts'

const services = { 'chat-router': { ports: [{ port: 8082 }] }, 'chat-decoder': { ports: [{ port: 80 }] } }
const given: Given = { annotations: raw, spec: { router: {}, decoder: {} }, services }

const path = (value: string, name: string, number: number) => ({
  path: value,
  pathType: 'Prefix',
  backend: { service: { name, port: { number } } },
})

test('an Ingress leads paths and hosts to the components', () => {
  const engine = path('/', 'chat-engine', 8080)
  const whole = [
    path('/v1/router', 'chat-router', 8082),
    path('/v1/decoder', 'chat-decoder', 80),
    path('/', 'chat-router', 8082),
  ]
  const annotations = { ...raw, 'ome.io/ingress-additional-domains': 'b.com' }
  const { apiVersion, spec } = objectOf({ ...given, annotations }, 'Ingress', 'chat')
  expect(apiVersion).toBe('networking.k8s.io/v1')
  expect(spec).toEqual({
    ingressClassName: 'istio',
    rules: [
      { host: 'chat.ml.example.com', http: { paths: whole } },
      { host: 'chat.ml.b.com', http: { paths: whole } },
      { host: 'chat-engine.ml.example.com', http: { paths: [engine] } },
      { host: 'chat-router.ml.example.com', http: { paths: [path('/', 'chat-router', 8082)] } },
      { host: 'chat-decoder.ml.example.com', http: { paths: [path('/', 'chat-decoder', 80)] } },
    ],
  })
})

test('the status tells the main host, and the entry component with its port', () => {
  const status = (spec: object, ports: number) =>
    compile({
      ...given,
      spec,
      services: { 'chat-engine': { ports: [{ port: ports }] } },
      ingress: { urlScheme: 'https' },
    }).status
  const url = 'https://chat.ml.example.com'
  const conditions = [{ type: 'IngressReady', status: 'True' }]
  const engine = 'http://chat-engine.ml.svc.cluster.local'
  expect(status({}, 90)).toEqual({ url, address: { url: `${engine}:90` }, conditions })
  expect(status({}, 80)).toEqual({ url, address: { url: engine }, conditions })
  const router = 'http://chat-router.ml.svc.cluster.local:8080'
  expect(status({ router: {} }, 90)).toEqual({ url, address: { url: router }, conditions })
})

describe('metadata', () => {
  const labels = { team: 'nlp', 'networking.knative.dev/visibility': 'public', 'ome.io/inferenceservice': 'x', tier: 1 }
  const annotations = {
    ...raw,
    'ome.io/': 'x',
    'ome.io/foo': 'x',
    'internal.ome.io/bar': 'x',
    'kubectl.kubernetes.io/last-applied-configuration': '{}',
    'autoscaling.knative.dev/min-scale': '1',
    'autoscaling.knative.dev/max-scale': '2',
    'autoscaling.knative.dev/class': 'kpa',
    'x.ome.io/kept': 'y',
    'signalbox.dev/model-routing': 'true',
    number: 7,
  }

  test('has the labels and annotations that say something of a route', () => {
    const { metadata } = objectOf({ ...given, labels, annotations }, 'Ingress')
    expect(metadata).toEqual({
      name: 'chat',
      namespace: 'ml',
      labels: { team: 'nlp', 'ome.io/inferenceservice': 'chat' },
      annotations: {
        'autoscaling.knative.dev/class': 'kpa',
        'x.ome.io/kept': 'y',
        'signalbox.dev/model-routing': 'true',
      },
      ownerReferences: [
        {
          apiVersion: 'ome.io/v1beta1',
          kind: 'InferenceService',
          name: 'chat',
          uid: 'uid-1',
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    })
  })

  test('has no field for annotations that are not there', () => {
    expect(objectOf(given, 'Ingress').metadata).not.toHaveProperty('annotations')
  })

  test('keeps keys that objects have of themselves', () => {
    const tricky = JSON.parse('{"__proto__": "a", "constructor": "b"}')
    const { metadata } = objectOf({ ...given, labels: tricky }, 'Ingress')
    const expected = [...Object.entries(tricky), ['ome.io/inferenceservice', 'chat']]
    expect(Object.entries(metadata.labels ?? {})).toEqual(expected)
  })
})

describe('the class', () => {
  const key = 'ome.io/ingress-class'

  test.each(['nginx', 'a.b-c.d', `${'x'.repeat(64)}`])('%s is one', (ingressClass) => {
    const annotations = { ...raw, [key]: ingressClass }
    expect(objectOf({ ...given, annotations }, 'Ingress').spec.ingressClassName).toBe(ingressClass)
  })

  test.each(['NGINX', 'a_b', '-a', 'a/b', ' nginx', 'x'.repeat(254)])('%s is none', (ingressClass) => {
    const annotations = { ...raw, [key]: ingressClass }
    expect(problemOf({ ...given, annotations })).toContain(`ConfigInvalid: ${key}: found "${ingressClass}"`)
    const ingress = { ingressClassName: ingressClass }
    expect(problemOf({ ...given, ingress })).toContain('ConfigInvalid: ingress.ingressClassName in ')
    expect(problemOf({ ...given, ingress: { ...ingress, ...gateway } })).toBeUndefined()
  })
})

describe('the scheme of the URL', () => {
  const key = 'ome.io/ingress-url-scheme'

  test.each(['HTTP', 'ftp', 'https://', ' http'])('%j is named', (scheme) => {
    expect(problemOf({ annotations: { ...raw, [key]: scheme } })).toContain(`ConfigInvalid: ${key}: found "${scheme}"`)
    expect(problemOf({ ingress: { urlScheme: scheme } })).toContain('ConfigInvalid: ingress.urlScheme in ')
  })
})

test('a gateway in the ConfigMap that nobody asks for changes nothing', () => {
  expect(kindsOf({ ...given, ingress: { enableGatewayAPI: false, omeIngressGateway: 'no gateway' } })).toEqual([
    'Ingress',
  ])
})
