import { describe, expect, test } from 'vitest'
import { compile, conditionOf, type Given, gateway, kindsOf, objectOf, problemOf, raw } from './build.ts'

const labels = { 'networking.knative.dev/visibility': 'cluster-local' }
const services = { 'chat-engine': { ports: [{ port: 90, targetPort: 'http' }] } }
const url = 'http://chat.ml.svc.cluster.local'
const byHost = { 'ome.io/ingress-domain': 'svc.cluster.local' }

describe.each<[string, Given]>([
  ['by its label', { labels }],
  ['by its host', { annotations: byHost }],
])('%s', (_name, given) => {
  const annotated = (more: object): Given => ({ ...given, annotations: { ...(given.annotations as object), ...more } })

  test.each([
    ['RawDeployment', {}],
    ['MultiNode', {}],
    ['MultiNodeRayVLLM', gateway],
  ])('a service of mode %s has a Service at port 80 in the cluster', (mode, ingress) => {
    const annotations = {
      'ome.io/deployment-mode': mode,
      'ome.io/service-type': 'LoadBalancer',
      'ome.io/load-balancer-ip': '10.0.0.9',
      'cloud.google.com/a': 'b',
    }
    const { objects, others, status } = compile({ ...annotated(annotations), services, ingress })
    expect(objects).toMatchObject([
      { kind: 'Service', metadata: { name: 'chat', annotations: { 'cloud.google.com/a': 'b' } } },
    ])
    expect(objects[0].spec).toEqual({
      type: 'ClusterIP',
      selector: { 'ome.io/inferenceservice': 'chat', component: 'engine' },
      ports: [{ name: 'http', port: 80, targetPort: 'http', protocol: 'TCP' }],
    })
    expect(others).toBe('delete')
    expect(status).toMatchObject({ url, address: { url } })
    expect(status.conditions).toMatchObject([{ type: 'IngressReady', status: 'True', reason: 'ClusterLocal' }])
  })

  test('a Serverless service has a VirtualService for the cluster', () => {
    const serverless = { ...annotated({}), spec: { router: {}, decoder: {} } }
    expect(kindsOf(serverless)).toEqual(['Service', 'VirtualService'])
    expect(objectOf(serverless, 'Service').spec.type).toBe('ExternalName')
    const { spec, metadata } = objectOf(serverless, 'VirtualService')
    expect(metadata.labels).toEqual({ 'ome.io/inferenceservice': 'chat' })
    expect(spec.hosts).toEqual(['chat.ml.svc.cluster.local'])
    expect(spec.gateways).toEqual(['knative-serving/knative-local-gateway', 'mesh'])
    expect(spec.http).toMatchObject([
      {
        match: [{ uri: { prefix: '/v1/router' } }],
        headers: { request: { set: { Host: 'chat-router.ml.svc.cluster.local' } } },
      },
      { match: [{ uri: { prefix: '/v1/decoder' } }] },
      { match: [{ gateways: ['knative-serving/knative-local-gateway', 'mesh'] }] },
    ])
    expect(JSON.stringify(spec)).not.toContain('ingress-gateway')
    expect(compile(serverless).status).toMatchObject({ url, address: { url } })
  })

  test('a class of Ingress has no effect on a VirtualService, and the status says so', () => {
    const withClass = annotated({ 'ome.io/ingress-class': 'nginx' })
    expect(conditionOf(withClass, 'IngressClassApplied')?.reason).toBe('NotAnIngress')
    const service = annotated({ ...raw, 'ome.io/ingress-class': 'nginx' })
    expect(conditionOf(service, 'IngressClassApplied')).toBeUndefined()
  })

  test('no gateway to the outside is needed', () => {
    expect(problemOf({ ...given, ingress: { ingressGateway: '' } })).toBeUndefined()
    expect(problemOf({ ...annotated(raw), ingress: { enableGatewayAPI: true } })).toBeUndefined()
    expect(problemOf({ ...given, ingress: { localGateway: '' } })).toContain('ConfigInvalid: ingress.localGateway')
    expect(problemOf({ ...annotated(raw), ingress: { localGateway: '' } })).toBeUndefined()
  })

  test('it waits for its component', () => {
    for (const each of [given, annotated(raw)]) {
      const { objects, others } = compile({ ...each, status: { conditions: [] } })
      expect({ objects, others }).toEqual({ objects: [], others: 'keep' })
    }
  })
})

test('with the label no template and no scheme is read', () => {
  const ingress = { domainTemplate: '{{', pathTemplate: 'x', urlScheme: 'ftp', additionalIngressDomains: ['_'] }
  expect(problemOf({ labels, ingress })).toBeUndefined()
  expect(problemOf({ labels, ingress, annotations: raw })).toBeUndefined()
})

test('by its host the scheme is read, and nothing after the host', () => {
  const ingress = { pathTemplate: 'x', additionalIngressDomains: ['_'] }
  expect(problemOf({ annotations: byHost, ingress })).toBeUndefined()
  expect(problemOf({ annotations: { ...byHost, 'ome.io/ingress-url-scheme': 'ftp' } })).toContain(
    'ome.io/ingress-url-scheme',
  )
})

test.each(['Cluster-Local', 'cluster-local ', '', 'external'])('the label %j says nothing', (value) => {
  const { url: outside, conditions } = compile({ labels: { 'networking.knative.dev/visibility': value } }).status
  expect(outside).toBe('http://chat.ml.example.com')
  expect(conditions).toEqual([{ type: 'IngressReady', status: 'True' }])
})

test('a label that is no text is named', () => {
  const field = 'metadata.labels["networking.knative.dev/visibility"]'
  const given = { labels: { 'networking.knative.dev/visibility': true } }
  expect(problemOf(given)).toBe(`ConfigInvalid: ${field}: found true (a boolean), allowed: a string`)
})

test.each([{}, raw, { 'ome.io/deployment-mode': 'MultiNode' }])(
  'with the label, and creation disabled, there is a Service at port 80 in the cluster: %o',
  (annotations) => {
    const off = { ...annotations, 'ome.io/disable-ingress': 'true', 'ome.io/service-type': 'Nonsense' }
    const { objects, status } = compile({ labels, services, annotations: off, status: { conditions: [] } })
    expect(objects).toMatchObject([
      { kind: 'Service', spec: { type: 'ClusterIP', ports: [{ port: 80, targetPort: 'http' }] } },
    ])
    expect(status).toMatchObject({ url, address: { url }, conditions: [{ reason: 'IngressDisabled' }] })
    expect(status.conditions).toHaveLength(1)
  },
)
