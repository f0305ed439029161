import { describe, expect, test } from 'vitest'
import { compile, gateway, kindsOf, problemOf, raw, settingOf } from './build.ts'

const annotation = (key: string) => ['InferenceService', 'metadata', 'annotations', key]
const config = (field: string) => ['ConfigMap', 'data', 'ingress', field]

describe('annotation, then ConfigMap, then default', () => {
  test.each([
    ['ingressDomain', 'ome.io/ingress-domain', 'a.com', 'b.com', 'example.com'],
    [
      'domainTemplate',
      'ome.io/ingress-domain-template',
      '{{.Name}}.a.com',
      '{{.Name}}.b.com',
      '{{ .Name }}.{{ .Namespace }}.{{ .IngressDomain }}',
    ],
    ['urlScheme', 'ome.io/ingress-url-scheme', 'https', 'http', 'http'],
    ['ingressClassName', 'ome.io/ingress-class', 'nginx', 'haproxy', 'istio'],
    ['pathTemplate', 'ome.io/ingress-path-template', '/a', '/b', ''],
  ])('%s', (field, key, annotated, configured, preset) => {
    const ingress = { ingressDomain: 'b.com', [field]: configured }
    const both = { annotations: { ...raw, [key]: annotated }, ingress }
    expect(settingOf(both, field)).toEqual({ value: annotated, from: annotation(key) })
    const empty = { annotations: { ...raw, [key]: '' }, ingress }
    // An empty path template turns paths off.
    const whenEmpty = field === 'pathTemplate' ? { value: '', from: annotation(key) } : undefined
    expect(settingOf(empty, field)).toEqual(whenEmpty ?? { value: configured, from: config(field) })
    expect(settingOf({ annotations: raw, ingress }, field)).toEqual({ value: configured, from: config(field) })
    expect(settingOf({ annotations: raw }, field)).toEqual({ value: preset, from: 'default' })
    const nulled = { annotations: raw, ingress: { ...ingress, [field]: null } }
    expect(settingOf(nulled, field)).toEqual({ value: preset, from: 'default' })
  })

  test.each(['ingressDomain', 'domainTemplate', 'urlScheme', 'ingressClassName'])('an empty %s is none', (field) => {
    expect(settingOf({ annotations: raw, ingress: { [field]: '' } }, field)?.from).toBe('default')
  })

  test('additionalIngressDomains: the annotation replaces the list', () => {
    const key = 'ome.io/ingress-additional-domains'
    const ingress = { additionalIngressDomains: [' a.com ', '', 'b.com'] }
    const annotations = { ...raw, [key]: 'c.com, ,d.com ,' }
    const field = 'additionalIngressDomains'
    expect(settingOf({ annotations, ingress }, field)).toEqual({ value: ['c.com', 'd.com'], from: annotation(key) })
    const fromConfig = { value: ['a.com', 'b.com'], from: config(field) }
    expect(settingOf({ annotations: raw, ingress }, field)).toEqual(fromConfig)
    expect(settingOf({ annotations: { ...raw, [key]: '' }, ingress }, field)).toEqual(fromConfig)
    expect(settingOf({ annotations: { ...raw, [key]: ' , ' }, ingress }, field)?.value).toEqual([])
    expect(settingOf({ annotations: raw }, field)).toEqual({ value: [], from: 'default' })
  })

  test.each(['ingressGateway', 'localGateway', 'localGatewayService', 'knativeLocalGatewayService'])('%s', (field) => {
    expect(settingOf({ ingress: { [field]: 'ns/name' } }, field)).toEqual({ value: 'ns/name', from: config(field) })
    const preset = field.endsWith('Service') ? 'knative-local-gateway.istio-system.svc.cluster.local' : undefined
    const gatewayName = field === 'ingressGateway' ? 'knative-ingress-gateway' : 'knative-local-gateway'
    const value = preset ?? `knative-serving/${gatewayName}`
    expect(settingOf({}, field)).toEqual({ value, from: 'default' })
  })
})

describe('a boolean annotation is true when it is exactly true', () => {
  const isDisabled = (annotations: object, disableIngressCreation?: boolean) =>
    kindsOf({ annotations: { ...raw, ...annotations }, ingress: { disableIngressCreation } }).includes('Service')

  test.each(['ome.io/disable-ingress', 'ome.io/ingress-disable-creation'])('%s', (key) => {
    expect(isDisabled({ [key]: 'true' })).toBe(true)
    for (const text of ['', 'True', 'TRUE', '1', 'yes', ' true', 'false']) {
      expect(isDisabled({ [key]: text })).toBe(false)
      expect(isDisabled({ [key]: text }, true)).toBe(false)
    }
  })

  test.each([
    ['true', 'false', true],
    ['false', 'true', true],
    ['false', 'false', false],
  ])('of the two that disable, %s and %s disable: %s', (one, other, expected) => {
    const annotations = { 'ome.io/disable-ingress': one, 'ome.io/ingress-disable-creation': other }
    expect(isDisabled(annotations, !expected)).toBe(expected)
  })

  test('the setting says which of the two it was', () => {
    const annotations = { ...raw, 'ome.io/disable-ingress': 'no', 'ome.io/ingress-disable-creation': 'true' }
    const from = annotation('ome.io/ingress-disable-creation')
    expect(settingOf({ annotations }, 'disableIngressCreation')).toEqual({ value: true, from })
  })

  test('without annotations the ConfigMap counts', () => {
    expect(isDisabled({}, true)).toBe(true)
    expect(isDisabled({}, false)).toBe(false)
    expect(isDisabled({})).toBe(false)
  })

  test('ome.io/ingress-disable-istio-virtualhost', () => {
    const key = 'ome.io/ingress-disable-istio-virtualhost'
    const ingress = { disableIstioVirtualHost: true }
    expect(kindsOf({ ingress })).toEqual([])
    expect(kindsOf({ ingress, annotations: { [key]: 'True' } })).toEqual(['Service', 'VirtualService'])
    expect(kindsOf({ annotations: { [key]: 'true' } })).toEqual([])
    expect(kindsOf({ annotations: { ...raw, [key]: 'true' } })).toEqual(['Ingress'])
  })
})

describe('an annotation that is no text', () => {
  test.each([
    ['ome.io/deployment-mode', true, 'true (a boolean)'],
    ['ome.io/disable-ingress', true, 'true (a boolean)'],
    ['ome.io/ingress-domain', 7, '7 (a number)'],
    ['ome.io/ingress-class', ['nginx'], '["nginx"] (a list)'],
    ['ome.io/ingress-additional-domains', { a: 1 }, '{"a":1} (an object)'],
    ['signalbox.dev/auth', false, 'false (a boolean)'],
  ])('is named with value and type where it is read: %s', (key, value, found) => {
    const problem = problemOf({ annotations: { ...raw, [key]: value } })
    expect(problem).toBe(`ConfigInvalid: ${key}: found ${found}, allowed: a string`)
  })

  test.each([
    ['ome.io/load-balancer-ip', raw],
    ['ome.io/service-type', raw],
    ['ome.io/ingress-disable-istio-virtualhost', raw],
    ['ome.io/ingress-domain', { 'ome.io/disable-ingress': 'true' }],
    ['signalbox.dev/auth-secret', raw],
    ['team', raw],
  ])('has no say where it is not read: %s', (key, annotations) => {
    expect(problemOf({ annotations: { ...annotations, [key]: true } })).toBeUndefined()
  })

  test('null is an empty text, as an API server stores it', () => {
    const key = 'ome.io/ingress-path-template'
    const given = { ingress: { ...gateway, pathTemplate: '/a', ingressDomain: 'a.com' } }
    expect(compile({ ...given, annotations: raw }).objects).toHaveLength(2)
    expect(compile({ ...given, annotations: { ...raw, [key]: null } }).objects).toHaveLength(1)
  })

  test.each(['text', 7, ['a'], true])('all of them being %j is named', (annotations) => {
    expect(problemOf({ annotations })).toMatch(/^ConfigInvalid: metadata\.annotations: found .*, allowed: an object$/)
  })
})

test('labels that are no object are named', () => {
  expect(problemOf({ labels: 'team=nlp' })).toBe('ConfigInvalid: metadata.labels: found "team=nlp", allowed: an object')
})

test('every value that a service was compiled with is told, with where it came from', () => {
  const annotations = { ...raw, 'ome.io/ingress-domain': 'a.com', 'ome.io/ingress-class': 'nginx' }
  const spec = { engine: { timeoutSeconds: 5 } }
  const services = { 'chat-engine': { ports: [{ port: 90 }] } }
  const names = (given: Parameters<typeof compile>[0]) => compile(given).settings.map(({ name }) => name)
  expect(names({ annotations, spec, services, ingress: gateway })).toEqual([
    'deploymentMode',
    'disableIngressCreation',
    'enableGatewayAPI',
    'urlScheme',
    'domainTemplate',
    'ingressDomain',
    'omeIngressGateway',
    'additionalIngressDomains',
    'pathTemplate',
    'engine.timeoutSeconds',
    'engine.port',
    'ingressClassName',
  ])
  const given = { annotations, spec, services, ingress: gateway }
  const timeout = { value: 5, from: ['InferenceService', 'spec', 'engine', 'timeoutSeconds'] }
  expect(settingOf(given, 'engine.timeoutSeconds')).toEqual(timeout)
  expect(settingOf(given, 'engine.port')).toEqual({ value: 90, from: ['Service', 'spec', 'ports', 0, 'port'] })
})
