import { describe, expect, test } from 'vitest'
import { compile, conditionOf, type Given, kindsOf, objectOf, problemOf } from './build.ts'

const spec = { router: {}, decoder: {} }
const inside = '^chat\\.ml(\\.svc(\\.cluster\\.local)?)?(?::\\d{1,5})?$'

type Match = { uri?: { prefix?: string; exact?: string }; authority: { regex: string }; gateways: string[] }
type Http = {
  match: Match[]
  rewrite?: { uri: string }
  route: object[]
  headers: { request: { set: Record<string, string> } }
}

const httpOf = (given: Given): readonly Http[] => objectOf(given, 'VirtualService').spec.http as Http[]

/** A rule on a line: what it matches, what it becomes, where it goes. */
function line({ match, rewrite, headers }: Http): string {
  const matches = match.map(({ uri, authority, gateways }) => {
    const path = uri === undefined ? '' : ` ${uri.exact === undefined ? `${uri.prefix}…` : uri.exact}`
    const host = authority.regex === inside ? 'cluster' : authority.regex.slice(1, -14).replaceAll('\\.', '.')
    return `${gateways.map((gateway) => gateway.replace('knative-serving/knative-', '')).join('+')} ${host}${path}`
  })
  const to = headers.request.set.Host.split('.')[0]
  return `${matches.join(', ')}${rewrite === undefined ? '' : ` as ${rewrite.uri}`} -> ${to}`
}

describe('the rules of a VirtualService', () => {
  test('of an engine alone', () => {
    expect(httpOf({}).map(line)).toEqual([
      'local-gateway+mesh cluster, ingress-gateway chat.ml.example.com -> chat-engine',
    ])
  })

  test('of all that there can be, in order', () => {
    const annotations = {
      'ome.io/ingress-domain': 'a.com',
      'ome.io/ingress-additional-domains': 'b.com,c.com',
      'ome.io/ingress-path-template': '/m/{{ .Name }}',
    }
    const given = { spec, annotations }
    const main = 'ingress-gateway chat.ml.a.com'
    const [b, c] = ['ingress-gateway chat.ml.b.com', 'ingress-gateway chat.ml.c.com']
    const whole = (path: string) =>
      ['local-gateway+mesh cluster', main, b, c].map((each) => `${each}${path}`).join(', ')
    expect(httpOf(given).map(line)).toEqual([
      `${whole(' /v1/router…')} -> chat-router`,
      `${whole(' /v1/decoder…')} -> chat-decoder`,
      `${whole('')} -> chat-router`,
      'ingress-gateway chat-engine.ml.a.com -> chat-engine',
      'ingress-gateway chat-router.ml.a.com -> chat-router',
      'ingress-gateway chat-decoder.ml.a.com -> chat-decoder',
      'ingress-gateway a.com /m/chat/v1/router… as /v1/router -> chat-router',
      'ingress-gateway a.com /m/chat/v1/decoder… as /v1/decoder -> chat-decoder',
      'ingress-gateway a.com /m/chat/…, ingress-gateway a.com /m/chat as / -> chat-router',
    ])
    const { hosts, gateways } = objectOf(given, 'VirtualService').spec
    expect(hosts).toEqual([
      'chat.ml.svc.cluster.local',
      'chat.ml.a.com',
      'a.com',
      'chat.ml.b.com',
      'chat.ml.c.com',
      'chat-engine.ml.a.com',
      'chat-router.ml.a.com',
      'chat-decoder.ml.a.com',
    ])
    expect(gateways).toEqual([
      'knative-serving/knative-local-gateway',
      'mesh',
      'knative-serving/knative-ingress-gateway',
    ])
  })

  test('hand every request to Knative, with the names that it needs', () => {
    const ingress = { knativeLocalGatewayService: 'k.istio', localGatewayService: 'l.istio' }
    for (const { route, headers } of httpOf({ spec, ingress })) {
      expect(route).toEqual([{ destination: { host: 'k.istio', port: { number: 80 } }, weight: 100 }])
      expect(headers.request.set).toEqual({
        Host: expect.stringMatching(/^chat-(router|decoder|engine)\.ml\.svc\.cluster\.local$/),
        'OMe-Isvc-Name': 'chat',
        'OME-Isvc-Namespace': 'ml',
      })
    }
    const service = objectOf({ spec, ingress }, 'Service', 'chat')
    expect(service.spec).toEqual({ type: 'ExternalName', externalName: 'l.istio', sessionAffinity: 'None' })
  })

  test('match a host with and without a port, and nothing that only looks like it', () => {
    const [first] = httpOf({})
    const [clusterRegex, outsideRegex] = first.match.map(({ authority }) => new RegExp(authority.regex))
    for (const host of ['chat.ml', 'chat.ml.svc', 'chat.ml.svc.cluster.local', 'chat.ml:80', 'chat.ml.svc:65535']) {
      expect(host).toMatch(clusterRegex)
    }
    for (const host of [
      'chat',
      'chatxml',
      'chat.ml.cluster.local',
      'chat.ml.svc.cluster.local.',
      'chat.ml:',
      'a.chat.ml',
    ]) {
      expect(host).not.toMatch(clusterRegex)
    }
    expect('chat.ml.example.com:8080').toMatch(outsideRegex)
    expect('chat.mlxexample.com').not.toMatch(outsideRegex)
  })

  test('know an outside host of the cluster domain by its short names, too', () => {
    const annotations = { 'ome.io/ingress-domain-template': '{{ .Name }}-x.{{ .Namespace }}.svc.cluster.local' }
    const [, match] = httpOf({ annotations })[0].match
    expect(match.authority.regex).toBe('^chat-x\\.ml(\\.svc(\\.cluster\\.local)?)?(?::\\d{1,5})?$')
  })
})

test('a host stands once among the hosts', () => {
  const annotations = {
    'ome.io/ingress-domain-template': '{{ .IngressDomain }}',
    'ome.io/ingress-path-template': '/a',
  }
  const { hosts } = objectOf({ annotations, spec }, 'VirtualService').spec
  expect(hosts).toEqual(['chat.ml.svc.cluster.local', 'example.com'])
})

test('names that are too long are cut, in Host headers as well, but for what clients of OME read', () => {
  const name = 'n'.repeat(70)
  const given = { name, spec }
  const { metadata } = objectOf(given, 'VirtualService')
  expect(metadata.name).toMatch(/^[a-f][0-9a-f]{7}-n{54}$/)
  expect(metadata.labels).toEqual({ 'ome.io/inferenceservice': metadata.name })
  expect(metadata.ownerReferences[0].name).toBe(name)
  const { set } = httpOf(given)[0].headers.request
  expect(set.Host).toMatch(/^[a-f][0-9a-f]{7}-n{47}-router\.ml\.svc\.cluster\.local$/)
  expect(set['OMe-Isvc-Name']).toBe(name)
  expect(compile(given).status.address).toEqual({ url: `http://${metadata.name}.ml.svc.cluster.local` })
})

test('the Service has the labels of a route and no annotations', () => {
  const given = { labels: { team: 'nlp' }, annotations: { zone: 'z1' } }
  const service = objectOf(given, 'Service').metadata
  expect(service.labels).toEqual({ team: 'nlp', 'ome.io/inferenceservice': 'chat' })
  expect(service).not.toHaveProperty('annotations')
  expect(objectOf(given, 'VirtualService').metadata.annotations).toEqual({ zone: 'z1' })
})

describe('the gateways of Knative', () => {
  test.each(['localGateway', 'localGatewayService', 'knativeLocalGatewayService', 'ingressGateway'])(
    '%s has to be there',
    (field) => {
      const ingress = { [field]: '' }
      const problem = `ConfigInvalid: ingress.${field} in ConfigMap ome/inferenceservice-config: found ""`
      expect(problemOf({ ingress })).toContain(problem)
      expect(problemOf({ ingress, annotations: { 'ome.io/deployment-mode': 'RawDeployment' } })).toBeUndefined()
      expect(problemOf({ ingress, annotations: { 'ome.io/disable-ingress': 'true' } })).toBeUndefined()
    },
  )
})

test('a class of Ingress has no effect, and the status says so', () => {
  const annotations = { 'ome.io/ingress-class': 'NOT a class' }
  const message = expect.stringContaining('ome.io/ingress-class: "NOT a class"')
  expect(conditionOf({ annotations }, 'IngressClassApplied')).toMatchObject({ reason: 'NotAnIngress', message })
})

describe('with virtual hosts disabled', () => {
  const ingress = { disableIstioVirtualHost: true }
  const url = 'http://elsewhere.example.com/x'

  test.each([
    [{ components: { engine: { url }, router: { url: 'http://router' } } }, {}, url, 'chat-engine'],
    [{ components: { engine: { url: 'http://engine' }, router: { url } } }, { router: {} }, url, 'chat-router'],
    [{ components: { engine: { url } } }, { router: {} }, undefined, 'chat-router'],
    [{ components: { engine: { url: '' } } }, {}, undefined, 'chat-engine'],
    [{ components: { engine: { url: 7 } } }, {}, undefined, 'chat-engine'],
    [{ components: 'x' }, {}, undefined, 'chat-engine'],
    [undefined, {}, undefined, 'chat-engine'],
  ])('the URL is what Knative says: %j %j', (status, components, expected, host) => {
    const compiled = compile({ ingress, status, spec: components })
    expect(compiled).toMatchObject({ objects: [], others: 'delete' })
    expect(compiled.status).toEqual({
      ...(expected === undefined ? {} : { url: expected }),
      address: { url: `http://${host}.ml.svc.cluster.local` },
      conditions: [{ type: 'IngressReady', status: 'True' }],
    })
  })

  test('no template and no gateway is read, and the label has no say', () => {
    const given = {
      ingress: { ...ingress, localGateway: '', urlScheme: 'ftp', domainTemplate: '{{', pathTemplate: 'x' },
      labels: { 'networking.knative.dev/visibility': 'cluster-local' },
      annotations: { 'ome.io/ingress-class': 'nginx' },
    }
    expect(kindsOf(given)).toEqual([])
    expect(compile(given).status.conditions).toEqual([{ type: 'IngressReady', status: 'True' }])
  })

  test('it waits for the entry component', () => {
    expect(conditionOf({ ingress, status: { conditions: [] } }, 'IngressReady')?.reason).toBe('ComponentNotReady')
  })
})
