import { describe, expect, test } from 'vitest'
import { compile, conditionOf, type Given, gateway, kindsOf, objectOf, problemOf, raw } from './build.ts'

const given: Given = {
  annotations: raw,
  spec: { engine: { timeoutSeconds: 300 }, router: { timeoutSeconds: 0 }, decoder: {} },
  services: { 'chat-router': { ports: [{ port: 8082 }] } },
  ingress: { ...gateway, ingressDomain: 'a.com', pathTemplate: '/m/{{ .Name }}' },
}

const set = [
  { name: 'OMe-Isvc-Name', value: 'chat' },
  { name: 'OME-Isvc-Namespace', value: 'ml' },
]
const headers = { type: 'RequestHeaderModifier', requestHeaderModifier: { set } }
const rewrite = (replacePrefixMatch: string) => ({
  type: 'URLRewrite',
  urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch } },
})
const rule = (value: string, name: string, port: number, request: string, ...more: object[]) => ({
  matches: [{ path: { type: 'PathPrefix', value } }],
  filters: [headers, ...more],
  backendRefs: [{ kind: 'Service', name, namespace: 'ml', port }],
  timeouts: { request },
})

test('the HTTPRoutes lead hosts, paths and the shared path to the components', () => {
  const parentRefs = [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace: 'edge', name: 'gw' }]
  const objects = compile(given).objects
  expect(objects.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`)).toEqual(
    Array.from({ length: 5 }, () => 'gateway.networking.k8s.io/v1 HTTPRoute'),
  )
  expect(objects.map(({ metadata, spec }) => [metadata.name, spec])).toEqual([
    [
      'chat',
      {
        parentRefs,
        hostnames: ['chat.ml.a.com'],
        rules: [
          rule('/v1/router', 'chat-router', 8082, '0s'),
          rule('/v1/decoder', 'chat-decoder', 8080, '60s'),
          rule('/', 'chat-router', 8082, '0s'),
        ],
      },
    ],
    [
      'chat-engine',
      { parentRefs, hostnames: ['chat-engine.ml.a.com'], rules: [rule('/', 'chat-engine', 8080, '300s')] },
    ],
    ['chat-router', { parentRefs, hostnames: ['chat-router.ml.a.com'], rules: [rule('/', 'chat-router', 8082, '0s')] }],
    [
      'chat-decoder',
      { parentRefs, hostnames: ['chat-decoder.ml.a.com'], rules: [rule('/', 'chat-decoder', 8080, '60s')] },
    ],
    [
      'chat-path',
      {
        parentRefs,
        hostnames: ['a.com'],
        rules: [
          rule('/m/chat/v1/router', 'chat-router', 8082, '0s', rewrite('/v1/router')),
          rule('/m/chat/v1/decoder', 'chat-decoder', 8080, '60s', rewrite('/v1/decoder')),
          rule('/m/chat', 'chat-router', 8082, '0s', rewrite('/')),
        ],
      },
    ],
  ])
})

test('a component without a host of its own has no route of its own', () => {
  const annotations = { ...raw, 'ome.io/ingress-domain-template': 'all.{{ .IngressDomain }}' }
  expect(compile({ ...given, annotations }).objects.map(({ metadata }) => metadata.name)).toEqual(['chat', 'chat-path'])
})

describe('a timeout', () => {
  const withTimeout = (timeoutSeconds: unknown): Given => ({ ...given, spec: { engine: { timeoutSeconds } } })

  test.each([
    [0, '0s'],
    [1, '1s'],
    [99_999, '99999s'],
    [null, '60s'],
    [undefined, '60s'],
  ])('of %j is %s', (seconds, request) => {
    expect(objectOf(withTimeout(seconds), 'HTTPRoute', 'chat').spec.rules).toMatchObject([{ timeouts: { request } }])
  })

  test.each([
    [100_000, '100000 (a number)'],
    [-1, '-1 (a number)'],
    [1.5, '1.5 (a number)'],
    [Number.NaN, 'NaN (a number)'],
    ['60', '"60"'],
    ['60s', '"60s"'],
    [true, 'true (a boolean)'],
    [{}, '{} (an object)'],
  ])('of %j is named', (seconds, found) => {
    const problem = `ConfigInvalid: spec.engine.timeoutSeconds: found ${found}, allowed: a whole number from 0 to 99999`
    expect(problemOf(withTimeout(seconds))).toBe(problem)
  })

  test('of another component is named, too, and counts only where there are HTTPRoutes', () => {
    const spec = { router: { timeoutSeconds: '5m' } }
    expect(problemOf({ ...given, spec })).toContain('ConfigInvalid: spec.router.timeoutSeconds: found "5m"')
    expect(problemOf({ annotations: raw, spec })).toBeUndefined()
    expect(problemOf({ spec })).toBeUndefined()
  })
})

describe('the gateway', () => {
  test.each(['', 'gw', '/gw', 'edge/', '/', 'a/b/c', 'a//b'])('%j is none', (omeIngressGateway) => {
    const ingress = { enableGatewayAPI: true, omeIngressGateway }
    const problem = `ConfigInvalid: ingress.omeIngressGateway in ConfigMap ome/inferenceservice-config: found "${omeIngressGateway}"`
    expect(problemOf({ annotations: raw, ingress })).toContain(problem)
    expect(kindsOf({ ingress })).toEqual(['Service', 'VirtualService'])
    expect(kindsOf({ annotations: { ...raw, 'ome.io/ingress-domain': 'svc.cluster.local' }, ingress })).toEqual([
      'Service',
    ])
  })

  test('has to be named', () => {
    expect(problemOf({ annotations: raw, ingress: { enableGatewayAPI: true } })).toContain(
      'ConfigInvalid: ingress.omeIngressGateway',
    )
  })
})

test('a class of Ingress has no effect on HTTPRoutes, and the status says so', () => {
  const annotations = { ...raw, 'ome.io/ingress-class': 'nginx' }
  const message = expect.stringContaining('ome.io/ingress-class: "nginx"')
  const expected = { type: 'IngressClassApplied', status: 'False', reason: 'NotAnIngress', message }
  expect(conditionOf({ ...given, annotations }, 'IngressClassApplied')).toEqual(expected)
  expect(conditionOf(given, 'IngressClassApplied')).toBeUndefined()
  const empty = { ...raw, 'ome.io/ingress-class': '' }
  expect(conditionOf({ ...given, annotations: empty }, 'IngressClassApplied')).toBeUndefined()
  expect(conditionOf({ annotations }, 'IngressClassApplied')).toBeUndefined()
})

test('the status tells the main host without a port, and the entry component with it', () => {
  const { url, address } = compile({ ...given, ingress: { ...gateway, urlScheme: 'https' } }).status
  expect(url).toBe('https://chat.ml.example.com')
  expect(address).toEqual({ url: 'http://chat-router.ml.svc.cluster.local:8082' })
})
