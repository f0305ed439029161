import { describe, expect, test } from 'vitest'
import { type Given, gateway, ingressHosts, objectOf, problemOf, raw } from './build.ts'

const all = { router: {}, decoder: {} }
const template = (text: string) => ({ 'ome.io/ingress-domain-template': text })
const domains = (text: string) => ({ 'ome.io/ingress-additional-domains': text })

describe('component hosts', () => {
  test.each([
    [undefined, []],
    [{}, []],
    [{ engine: null, router: null, decoder: null }, []],
    [{ engine: {}, router: {} }, ['chat-engine', 'chat-router']],
    [{ decoder: {} }, ['chat-engine', 'chat-decoder']],
    [all, ['chat-engine', 'chat-router', 'chat-decoder']],
    [{ router: false, decoder: '' }, ['chat-engine', 'chat-router', 'chat-decoder']],
  ])('of %j are %j', (spec, names) => {
    expect(ingressHosts({ spec })).toEqual(['chat', ...names].map((name) => `${name}.ml.example.com`))
  })

  test('are left out where a template makes them equal to the main host', () => {
    expect(ingressHosts({ spec: all, annotations: template('{{ .Namespace }}.com') })).toEqual(['ml.com'])
  })

  test('are left out where they equal an additional host', () => {
    // The name stands at the end, so that an additional domain can be the name of a component.
    const names = { ...template('x.{{ .Name }}'), 'ome.io/ingress-domain': 'chat' }
    const annotations = { ...names, ...domains('chat-engine') }
    const spec = { router: {} }
    expect(ingressHosts({ spec, annotations: names })).toEqual(['x.chat', 'x.chat-engine', 'x.chat-router'])
    expect(ingressHosts({ spec, annotations })).toEqual(['x.chat', 'x.chat-engine', 'x.chat-router'])
    const rules = objectOf({ spec, annotations: { ...raw, ...annotations } }, 'Ingress').spec.rules
    // Its rule is the one of the service as a whole.
    expect(rules).toMatchObject([{}, { http: { paths: [{ path: '/v1/router' }, { path: '/' }] } }, {}])
  })

  test('that can not be looked up are a fault, though the main host can', () => {
    const annotations = template(`{{ .Name }}${'x'.repeat(55)}.com`)
    expect(problemOf({ annotations: { ...raw, ...annotations } })).toBeUndefined()
    const problem = problemOf({ annotations: { ...raw, ...annotations }, spec: { router: {} } })
    expect(problem).toContain(`DomainTemplateInvalid: ome.io/ingress-domain-template`)
    expect(problem).toContain(`"chat-engine${'x'.repeat(55)}.com"`)
  })
})

describe('additional hosts', () => {
  const hostsWith = (text: string, given: Given = {}) =>
    ingressHosts({ ...given, annotations: { ...domains(text), ...(given.annotations as object) } })

  test('have another domain in place of the ingress domain, in the order of the list', () => {
    const expected = ['chat.ml.example.com', 'chat.ml.b.com', 'chat.ml.a.com']
    expect(hostsWith('b.com, a.com ,, ')).toEqual(expected)
  })

  test('are none twice, and none the main host', () => {
    expect(hostsWith('a.com,example.com,a.com')).toEqual(['chat.ml.example.com', 'chat.ml.a.com'])
  })

  test('are for the service as a whole', () => {
    const expected = ['chat', 'chat.a', 'chat-engine', 'chat-router'].map((name) =>
      name === 'chat.a' ? 'chat.ml.a.com' : `${name}.ml.example.com`,
    )
    expect(hostsWith('a.com', { spec: { router: {} } })).toEqual(expected)
  })

  test.each(['chat.other.com', 'chatexample.com.x', 'notexample.com', 'example.com'])(
    'are none for %s, which does not end in the ingress domain',
    (host) => expect(hostsWith('a.com', { annotations: template(host) })).toEqual([host]),
  )

  test('may be under a single label', () => {
    expect(hostsWith('lan')).toEqual(['chat.ml.example.com', 'chat.ml.lan'])
  })

  test.each(['A.com', 'a_b.com', 'a.com.', '.a.com', 'a..b', 'a b', '*.a.com', 'http://a.com'])(
    '%j is no domain',
    (domain) => {
      const problem = problemOf({ annotations: { ...raw, ...domains(`ok.com,${domain}`) } })
      expect(problem).toContain(`ConfigInvalid: ome.io/ingress-additional-domains: found "${domain}"`)
      const ingress = { additionalIngressDomains: [domain] }
      expect(problemOf({ annotations: raw, ingress })).toContain('ConfigInvalid: ingress.additionalIngressDomains in')
    },
  )

  test('are no addresses', () => {
    const annotations = { ...raw, ...template('1.{{ .IngressDomain }}'), ...domains('2.3.4') }
    expect(problemOf({ annotations })).toContain('ConfigInvalid: ome.io/ingress-additional-domains: found "2.3.4"')
  })

  test('are not longer than names can be', () => {
    const long = `${'a'.repeat(60)}.`.repeat(4)
    expect(problemOf({ annotations: { ...raw, ...domains(`${long}com`) } })).toContain(
      'ConfigInvalid: ome.io/ingress-additional-domains',
    )
    expect(problemOf({ annotations: { ...raw, ...domains(`${long.slice(0, -1)}`) } })).toBeUndefined()
  })

  const many = (count: number) => domains(Array.from({ length: count }, (_, i) => `d${i}.com`).join())

  test('are at most 15 on an HTTPRoute, without those that are skipped', () => {
    const fifteen = { ...raw, ...domains(`${many(15)['ome.io/ingress-additional-domains']},d1.com,example.com`) }
    const { hostnames } = objectOf({ annotations: fifteen, ingress: gateway }, 'HTTPRoute', 'chat').spec
    expect(hostnames).toHaveLength(16)
    const problem = problemOf({ annotations: { ...raw, ...many(16) }, ingress: gateway })
    expect(problem).toContain('ConfigInvalid: ome.io/ingress-additional-domains: found "d0.com,d1.com,')
    expect(problem).toContain('at most 15 more hosts, not 16')
  })

  test('are as many as wanted elsewhere', () => {
    expect(ingressHosts({ annotations: many(40) })).toHaveLength(41)
  })
})
