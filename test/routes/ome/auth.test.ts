import { describe, expect, test } from 'vitest'
import { compile, type Given, gateway, objectOf, problemOf, raw } from './build.ts'

const asks = (kind: string, secret = 'keys') => ({ 'signalbox.dev/auth': kind, 'signalbox.dev/auth-secret': secret })
const nginx = { 'ome.io/ingress-class': 'nginx' }

describe('HTTPRoutes', () => {
  const given: Given = { labels: { team: 'nlp' }, spec: { decoder: {} }, ingress: gateway }
  const annotations = { ...raw, ...asks('apikey'), 'ome.io/ingress-path-template': '/a' }

  test('are guarded, all of them, by a policy that stands before them', () => {
    const { objects } = compile({ ...given, annotations })
    const kinds = ['SecurityPolicy', 'HTTPRoute', 'HTTPRoute', 'HTTPRoute', 'HTTPRoute']
    expect(objects.map(({ kind }) => kind)).toEqual(kinds)
    const [policy, ...routes] = objects
    expect(policy.apiVersion).toBe('gateway.envoyproxy.io/v1alpha1')
    expect(policy.metadata).toMatchObject({
      name: 'chat',
      labels: { team: 'nlp', 'ome.io/inferenceservice': 'chat' },
    })
    expect(policy.metadata).not.toHaveProperty('annotations')
    expect(policy.spec.targetRefs).toEqual(
      routes.map(({ metadata: { name } }) => ({ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name })),
    )
  })

  test.each([
    ['apikey', { apiKeyAuth: { credentialRefs: [{ name: 'keys' }], extractFrom: [{ headers: ['Authorization'] }] } }],
    ['basic', { basicAuth: { users: { name: 'keys' } } }],
  ])('ask for %s', (kind, authentication) => {
    const { targetRefs, ...rest } = objectOf(
      { ...given, annotations: { ...raw, ...asks(kind) } },
      'SecurityPolicy',
    ).spec
    expect(rest).toEqual(authentication)
    expect(targetRefs).toHaveLength(3)
  })
})

test('an Ingress of class nginx asks for a password, whatever its annotations said before', () => {
  const type = 'nginx.ingress.kubernetes.io/auth-type'
  const { metadata } = objectOf({ annotations: { ...raw, ...nginx, ...asks('basic'), [type]: 'digest' } }, 'Ingress')
  expect(metadata.annotations).toEqual({
    ...asks('basic'),
    [type]: 'basic',
    'nginx.ingress.kubernetes.io/auth-secret': 'keys',
  })
})

test('the class may be that of the ConfigMap', () => {
  const given = { annotations: { ...raw, ...asks('basic') }, ingress: { ingressClassName: 'nginx' } }
  expect(problemOf(given)).toBeUndefined()
})

describe('what nobody can ask for makes nothing, and takes away what was open before', () => {
  const label = { 'networking.knative.dev/visibility': 'cluster-local' }

  test.each<[string, Given]>([
    ['an Ingress of another class', { annotations: { ...raw, ...asks('basic') } }],
    ['API keys on nginx', { annotations: { ...raw, ...nginx, ...asks('apikey') } }],
    ['API keys on an Ingress of another class', { annotations: { ...raw, ...asks('apikey') } }],
    ['Serverless', { annotations: asks('basic') }],
    ['Serverless of class nginx', { annotations: { ...nginx, ...asks('basic') } }],
    ['routes of Knative', { annotations: asks('apikey'), ingress: { disableIstioVirtualHost: true } }],
    ['label, Serverless', { annotations: asks('apikey'), labels: label }],
    ['label, RawDeployment', { annotations: { ...raw, ...asks('apikey') }, labels: label, ingress: gateway }],
    [
      'host, HTTPRoutes',
      { annotations: { ...raw, ...asks('basic'), 'ome.io/ingress-domain': 'svc.cluster.local' }, ingress: gateway },
    ],
    [
      'host, nginx',
      { annotations: { ...raw, ...nginx, ...asks('basic'), 'ome.io/ingress-domain': 'svc.cluster.local' } },
    ],
    [
      'creation disabled',
      { annotations: { ...raw, ...asks('apikey'), 'ome.io/disable-ingress': 'true' }, ingress: gateway },
    ],
  ])('%s', (_name, given) => {
    const { objects, others, status, problem } = compile({ ...given, status: { conditions: [] } })
    expect({ objects, others, url: status.url, reason: problem?.reason }).toEqual({
      objects: [],
      others: 'delete',
      url: undefined,
      reason: 'AuthUnsupported',
    })
    const kind = (given.annotations as Record<string, string>)['signalbox.dev/auth']
    expect(problem?.message).toContain(`signalbox.dev/auth: found "${kind}"`)
    expect(problem?.at.path).toEqual(['metadata', 'annotations', 'signalbox.dev/auth'])
  })
})

describe('a slip of the pen takes away what was open before', () => {
  test.each<[string, object, string]>([
    ['another value', asks('oidc'), 'signalbox.dev/auth: found "oidc", allowed: apikey, basic'],
    ['other letters', asks('Basic'), 'signalbox.dev/auth: found "Basic", allowed: apikey, basic'],
    ['an empty value', asks(''), 'signalbox.dev/auth: found "", allowed: apikey, basic'],
    ['no secret', { 'signalbox.dev/auth': 'basic' }, 'signalbox.dev/auth-secret: found nothing, allowed: the name'],
    ['an empty secret', asks('basic', ''), 'signalbox.dev/auth-secret: found "", allowed: the name of a Secret'],
    ['a secret of others', asks('basic', 'ns/keys'), 'signalbox.dev/auth-secret: found "ns/keys", allowed: the name'],
    ['no text', { ...asks('basic'), 'signalbox.dev/auth': 1 }, 'signalbox.dev/auth: found 1 (a number)'],
    ['no text as secret', { ...asks('basic'), 'signalbox.dev/auth-secret': 1 }, 'signalbox.dev/auth-secret: found 1'],
  ])('%s', (_name, annotations, message) => {
    for (const mode of [{}, raw]) {
      const { objects, others, problem } = compile({ annotations: { ...mode, ...annotations }, ingress: gateway })
      expect({ objects, others, reason: problem?.reason }).toEqual({
        objects: [],
        others: 'delete',
        reason: 'ConfigInvalid',
      })
      expect(problem?.message).toContain(message)
    }
  })
})

test('the name of a secret alone asks for nothing', () => {
  const annotations = { ...raw, 'signalbox.dev/auth-secret': 'keys' }
  expect(compile({ annotations, ingress: gateway }).objects.map(({ kind }) => kind)).toEqual(['HTTPRoute'])
})

test('a fault that only speaks of an annotation for authentication takes nothing away', () => {
  const template = '{{ index .Labels "signalbox.dev/auth" }}.com'
  const annotations = { ...raw, 'ome.io/ingress-domain-template': template }
  const { problem, others } = compile({ annotations, labels: { 'signalbox.dev/auth': 1 } })
  expect(problem?.message).toContain('metadata.labels["signalbox.dev/auth"]: found 1')
  expect(others).toBe('keep')
})
