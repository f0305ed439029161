import { describe, expect, test } from 'vitest'
import { compile, conditionOf, type Given, gateway, objectOf, problemOf, raw } from './build.ts'

const off = { 'ome.io/disable-ingress': 'true' }

const serviceWith = (annotations: object, given: Given = {}) =>
  objectOf({ ...given, annotations: { ...off, ...annotations } }, 'Service', 'chat')

describe('without routes a Service stands for the service', () => {
  test.each([
    ['Serverless', {}, {}],
    ['RawDeployment', raw, {}],
    ['MultiNode with Gateway API', { 'ome.io/deployment-mode': 'MultiNode' }, gateway],
  ])('in mode %s', (_name, annotations, ingress) => {
    const given = { ingress, annotations: { ...off, ...annotations } }
    const { objects, others, status } = compile(given)
    expect(others).toBe('delete')
    expect(objects).toHaveLength(1)
    expect(objects[0]).toMatchObject({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'chat', namespace: 'ml' } })
    expect(objects[0].metadata.labels).toEqual({
      'ome.io/inferenceservice': 'chat',
      component: 'external-service',
    })
    expect(objects[0].spec).toEqual({
      type: 'ClusterIP',
      selector: { 'ome.io/inferenceservice': 'chat', component: 'engine' },
      ports: [{ name: 'http', port: 8080, targetPort: 8080, protocol: 'TCP' }],
    })
    const url = 'http://chat.ml.svc.cluster.local:8080'
    const message = 'Ingress creation is disabled, using external service for access'
    const condition = { type: 'IngressReady', status: 'True', reason: 'IngressDisabled', message }
    expect(status).toEqual({ url, address: { url }, conditions: [condition] })
  })

  test('whatever is not ready, and whatever templates, schemes and gateways say', () => {
    const ingress = {
      domainTemplate: '{{',
      pathTemplate: 'x',
      urlScheme: 'ftp',
      localGateway: '',
      ingressClassName: '_',
    }
    const { problem, objects } = compile({ annotations: off, ingress, status: { conditions: [] } })
    expect(problem).toBeUndefined()
    expect(objects).toHaveLength(1)
  })

  test('that leads to the router where there is one', () => {
    const { selector } = serviceWith({}, { spec: { router: {}, decoder: {} } }).spec
    expect(selector).toEqual({ 'ome.io/inferenceservice': 'chat', component: 'router' })
  })

  test('with the annotations that clouds read', () => {
    const annotations = {
      'service.beta.kubernetes.io/aws-load-balancer-type': 'nlb',
      'cloud.google.com/load-balancer-type': 'Internal',
      'service.kubernetes.io/topology-mode': 'auto',
      'cloud.google.com/': 'nothing',
      'cloud.google.com': 'nothing',
      'x.cloud.google.com/a': 'nothing',
      'prometheus.io/scrape': 'true',
    }
    expect(serviceWith(annotations, { labels: { team: 'nlp' } }).metadata.annotations).toEqual({
      'service.beta.kubernetes.io/aws-load-balancer-type': 'nlb',
      'cloud.google.com/load-balancer-type': 'Internal',
      'service.kubernetes.io/topology-mode': 'auto',
    })
    expect(serviceWith({}).metadata).not.toHaveProperty('annotations')
  })

  test('with a name, label and selector that are cut', () => {
    const given = { name: 'n'.repeat(64), annotations: off }
    const { metadata, spec } = objectOf(given, 'Service')
    expect(metadata.name).toHaveLength(63)
    expect(metadata.labels).toMatchObject({ 'ome.io/inferenceservice': metadata.name })
    expect(spec.selector).toMatchObject({ 'ome.io/inferenceservice': metadata.name })
  })
})

describe('its type', () => {
  const type = (text: unknown) => ({ 'ome.io/service-type': text })
  const address = { 'ome.io/load-balancer-ip': '10.0.0.9' }

  test.each(['ClusterIP', 'NodePort', 'LoadBalancer'])('%s is taken', (text) => {
    expect(serviceWith(type(text)).spec.type).toBe(text)
    expect(conditionOf({ annotations: { ...off, ...type(text) } }, 'ServiceTypeValid')).toBeUndefined()
  })

  test('is ClusterIP where none is given', () => {
    expect(serviceWith(type('')).spec.type).toBe('ClusterIP')
    expect(conditionOf({ annotations: { ...off, ...type('') } }, 'ServiceTypeValid')).toBeUndefined()
  })

  test.each(['ExternalName', 'loadbalancer', 'Loadbalancer ', 'None'])('%s is ClusterIP, and a condition', (text) => {
    const annotations = { ...type(text), ...address }
    expect(serviceWith(annotations).spec).not.toHaveProperty('loadBalancerIP')
    expect(serviceWith(annotations).spec.type).toBe('ClusterIP')
    expect(conditionOf({ annotations: { ...off, ...annotations } }, 'ServiceTypeValid')).toMatchObject({
      status: 'False',
      reason: 'UnknownServiceType',
      message: expect.stringContaining(`ome.io/service-type: found "${text}"`),
    })
  })

  test('has an address only as LoadBalancer', () => {
    expect(serviceWith({ ...type('LoadBalancer'), ...address }).spec.loadBalancerIP).toBe('10.0.0.9')
    expect(serviceWith({ ...type('NodePort'), ...address }).spec).not.toHaveProperty('loadBalancerIP')
    const none = { ...type('LoadBalancer'), 'ome.io/load-balancer-ip': '' }
    expect(serviceWith(none).spec).not.toHaveProperty('loadBalancerIP')
  })
})

describe('its port is the first one of the observed Service', () => {
  const portsOf = (spec: unknown) => serviceWith({}, { services: { 'chat-engine': spec } }).spec.ports

  test.each([
    [{ ports: [{ port: 80, targetPort: 9000 }] }, 80, 9000],
    [{ ports: [{ port: 80, targetPort: 'http' }] }, 80, 'http'],
    [{ ports: [{ port: 81 }, { port: 82 }] }, 81, 81],
    [{ ports: [{ port: 81, targetPort: null }] }, 81, 81],
    [{ ports: [{ port: 81, targetPort: 0 }] }, 81, 81],
    [{ ports: [{ port: 81, targetPort: '' }] }, 81, 81],
    [{ ports: [{ targetPort: 9000 }] }, 8080, 9000],
    [{ ports: [{}] }, 8080, 8080],
    [{ ports: [] }, 8080, 8080],
    [{ ports: null }, 8080, 8080],
    [{ ports: [7] }, 8080, 8080],
    [{ ports: 'http' }, 8080, 8080],
    [{}, 8080, 8080],
    [null, 8080, 8080],
  ])('%j gives %j and %j', (spec, port, targetPort) => {
    expect(portsOf(spec)).toEqual([{ name: 'http', port, targetPort, protocol: 'TCP' }])
  })

  test.each([
    [{ port: '80' }, 'port of Service ml/chat-engine: found "80", allowed: a port number'],
    [{ port: 0 }, 'port of Service ml/chat-engine: found 0 (a number), allowed: a port number'],
    [{ port: 65_536 }, 'port of Service ml/chat-engine: found 65536 (a number), allowed: a port number'],
    [{ port: 80.5 }, 'port of Service ml/chat-engine: found 80.5 (a number), allowed: a port number'],
    [
      { port: 80, targetPort: -1 },
      'targetPort of Service ml/chat-engine: found -1 (a number), allowed: a port number, or the name of a port',
    ],
    [
      { port: 80, targetPort: ['http'] },
      'targetPort of Service ml/chat-engine: found ["http"] (a list), allowed: a port number, or the name of a port',
    ],
  ])('%j is named', (port, problem) => {
    const given = { services: { 'chat-engine': { ports: [port] } } }
    expect(problemOf({ ...given, annotations: off })).toBe(`ConfigInvalid: spec.ports[0].${problem}`)
    expect(problemOf({ ...given, annotations: raw })).toBe(`ConfigInvalid: spec.ports[0].${problem}`)
    expect(problemOf(given)).toBeUndefined()
  })

  test.each([
    [80, ''],
    [8080, ':8080'],
  ])('%i makes an URL that ends in %j', (port, end) => {
    const { status } = compile({ annotations: off, services: { 'chat-engine': { ports: [{ port }] } } })
    expect(status.url).toBe(`http://chat.ml.svc.cluster.local${end}`)
  })
})
