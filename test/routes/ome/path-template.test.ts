import { describe, expect, test } from 'vitest'
import { compile, conditionOf, type Given, gateway, kindsOf, objectOf, problemOf, raw } from './build.ts'

const key = 'ome.io/ingress-path-template'

const withTemplate = (template: string, given: Given = {}): Given => ({
  ingress: gateway,
  ...given,
  annotations: { ...raw, [key]: template, ...(given.annotations as object) },
})

/** Of the rule that leads to the service as a whole. */
function pathOf(template: string, given?: Given): string {
  const { rules } = objectOf(withTemplate(template, given), 'HTTPRoute', 'chat-path').spec
  const last = (rules as { matches: { path: { value: string } }[] }[]).at(-1)
  return last?.matches[0].path.value ?? ''
}

describe('a template', () => {
  test.each([
    ['/models/{{ .Name }}', '/models/chat'],
    ['/{{.Namespace}}/{{  .Name  }}/', '/ml/chat'],
    ['/a', '/a'],
    ["/A-z0.9_~!$&'()*+,;=:@", "/A-z0.9_~!$&'()*+,;=:@"],
    ['/.../..a/.b', '/.../..a/.b'],
    ['/v1/router', '/v1/router'],
  ])('%j gives %s', (template, path) => expect(pathOf(template)).toBe(path))

  test('has the name as it is, however long', () => {
    const name = 'n'.repeat(70)
    const { objects, problem } = compile(withTemplate('/{{ .Name }}', { name }))
    expect(problem).toBeUndefined()
    expect(JSON.stringify(objects.at(-1)?.spec)).toContain(`"/${name}"`)
  })

  test.each(['{{ .IngressDomain }}', '{{ .Labels.team }}', '{{ index .Labels "team" }}', '{{ .Nope }}', '{{}}'])(
    '%s has no meaning and is shown as written',
    (expression) => {
      const problem = problemOf(withTemplate(`/a/${expression}/b`, { labels: { team: 'nlp' } }))
      expect(problem).toContain(`PathTemplateInvalid: ${key}: found "/a/${expression}/b", and "${expression}" has`)
    },
  )

  test.each(['/a/{{', '/a/{{ .Name', '/a/{{ .Name }'])('%s is not closed', (template) => {
    expect(problemOf(withTemplate(template))).toContain(`PathTemplateInvalid: ${key}: found "${template}", and "{{`)
  })

  test.each([
    ['models/{{.Name}}', 'models/chat'],
    ['/', '/'],
    ['//', '//'],
    ['/a//b', '/a//b'],
    ['/a//', '/a//'],
    ['/./a', '/./a'],
    ['/a/..', '/a/..'],
    ['/a/../', '/a/../'],
    ['/a b', '/a b'],
    [' /a', ' /a'],
    ['/a?x={{.Name}}', '/a?x=chat'],
    ['/a#b', '/a#b'],
    ['/a%20b', '/a%20b'],
    ['/ä', '/ä'],
    ['/a\\b', '/a\\b'],
    ['/{a}', '/{a}'],
    ['/a}}', '/a}}'],
    ['https://x/a', 'https://x/a'],
  ])('%j gives %s, which is no path and is shown', (template, path) => {
    const problem = problemOf(withTemplate(template))
    expect(problem).toContain(
      `PathTemplateInvalid: ${key}: found "${template}", which gives "${path}", allowed: a path`,
    )
  })

  test('is off when there is none, or an empty one', () => {
    expect(kindsOf({ annotations: raw, ingress: gateway })).toEqual(['HTTPRoute'])
    expect(kindsOf(withTemplate('', { ingress: { ...gateway, pathTemplate: '/{{' } }))).toEqual(['HTTPRoute'])
    expect(kindsOf({ annotations: raw, ingress: { ...gateway, pathTemplate: '' } })).toEqual(['HTTPRoute'])
  })
})

describe('the domain that paths are served on', () => {
  const configured = (ingress: object, annotations: object = {}) =>
    problemOf({
      annotations: { ...raw, ...annotations },
      ingress: { ...gateway, pathTemplate: '/{{.Name}}', ...ingress },
    })

  test.each([{}, { ingressDomain: '' }, { ingressDomain: null }])(
    'has to be said with a template for all: %o',
    (ingress) => {
      const field = 'ingress.ingressDomain in ConfigMap ome/inferenceservice-config'
      expect(configured(ingress)).toContain(`ConfigInvalid: ${field}: found nothing, allowed: a domain`)
    },
  )

  test('is that of the ConfigMap or of the annotation', () => {
    expect(configured({ ingressDomain: 'a.com' })).toBeUndefined()
    expect(configured({}, { 'ome.io/ingress-domain': 'a.com' })).toBeUndefined()
  })

  test('is the default for a template of an annotation', () => {
    expect(objectOf(withTemplate('/a'), 'HTTPRoute', 'chat-path').spec.hostnames).toEqual(['example.com'])
  })

  test.each(['UPPER.com', 'a_b', 'a.com.', '10.0.0.1', '*.a.com'])('%s is no host', (domain) => {
    const annotations = { 'ome.io/ingress-domain': domain, 'ome.io/ingress-domain-template': '{{.Name}}.x.com' }
    const problem = problemOf(withTemplate('/a', { annotations }))
    expect(problem).toContain(`ConfigInvalid: ome.io/ingress-domain: found "${domain}"`)
  })

  test('may be a single label', () => {
    expect(pathOf('/a', { annotations: { 'ome.io/ingress-domain': 'localhost' } })).toBe('/a')
  })
})

describe('it is checked in every mode that leads to the outside', () => {
  test.each([
    ['Ingress', raw, {}],
    ['HTTPRoutes', raw, gateway],
    ['VirtualService', {}, {}],
  ])('%s', (_name, annotations, ingress) => {
    const problem = problemOf({ annotations: { ...annotations, [key]: 'x' }, ingress })
    expect(problem).toContain('PathTemplateInvalid')
  })

  test.each([
    ['disabled', { ...raw, 'ome.io/disable-ingress': 'true' }, {}],
    ['routes of Knative', { 'ome.io/ingress-disable-istio-virtualhost': 'true' }, {}],
    ['label', raw, { 'networking.knative.dev/visibility': 'cluster-local' }],
    ['host', { ...raw, 'ome.io/ingress-domain': 'svc.cluster.local' }, {}],
  ])('and not where nothing does: %s', (_name, annotations, labels) => {
    expect(problemOf({ annotations: { ...annotations, [key]: 'x' }, labels })).toBeUndefined()
  })
})

test('an Ingress is made without paths, and says so', () => {
  const given = withTemplate('/models/{{ .Name }}', { ingress: {} })
  expect(JSON.stringify(objectOf(given, 'Ingress').spec)).not.toContain('/models')
  expect(conditionOf(given, 'IngressReady')?.status).toBe('True')
  expect(conditionOf(given, 'PathTemplateApplied')).toMatchObject({
    status: 'False',
    reason: 'UnsupportedByIngress',
    message: expect.stringContaining(`${key}: "/models/{{ .Name }}"`),
  })
  expect(conditionOf(withTemplate('/a'), 'PathTemplateApplied')).toBeUndefined()
})
