import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compile, type Given, ingressHosts, problemOf, raw } from './build.ts'
import { filledIn } from './template-oracle.ts'

const key = 'ome.io/ingress-domain-template'

const meta = {
  labels: { team: 'nlp', _x9: 'under', 'example.org/unit': 'unit-7', empty: '' },
  annotations: { ...raw, zone: 'z1', 'example.org/site': 'paris' },
}

const withTemplate = (template: string, given: Given = {}): Given => ({
  ...meta,
  ...given,
  annotations: { ...meta.annotations, [key]: template, ...(given.annotations as object) },
})

const hostOf = (template: string): string => ingressHosts(withTemplate(template))[0]

describe('an expression', () => {
  test.each([
    ['{{ .Name }}.x', 'chat.x'],
    ['{{.Name}}.{{.Namespace}}.{{.IngressDomain}}', 'chat.ml.example.com'],
    ['{{   .Name\t}}.{{\n.Namespace }}', 'chat.ml'],
    ['{{ .Labels.team }}.x', 'nlp.x'],
    ['{{ .Labels._x9 }}.x', 'under.x'],
    ['{{ .Annotations.zone }}.x', 'z1.x'],
    ['{{ index .Labels "team" }}.x', 'nlp.x'],
    ['{{index .Labels "example.org/unit"}}.x', 'unit-7.x'],
    ['{{  index   .Annotations   "example.org/site"  }}.x', 'paris.x'],
    ['a{{ .Labels.empty }}b.x', 'ab.x'],
    ['plain.example.com', 'plain.example.com'],
  ])('%j gives %s', (template, host) => expect(hostOf(template)).toBe(host))

  test.each([
    '{{ .Cluster }}',
    '{{ .name }}',
    '{{ Name }}',
    '{{ . }}',
    '{{}}',
    '{{ }}',
    '{{ .Labels }}',
    '{{ .Labels.missing }}',
    '{{ .Labels.9x }}',
    '{{ .Labels.a-b }}',
    '{{ .Labels.constructor }}',
    '{{ .Labels.__proto__ }}',
    '{{ index .Labels "missing" }}',
    '{{ index .Labels "" }}',
    "{{ index .Labels 'team' }}",
    '{{ index .Labels `team` }}',
    '{{ index .Labels team }}',
    '{{ index.Labels "team" }}',
    '{{ index .Spec "team" }}',
    '{{ index .Labels "team" "x" }}',
    '{{- .Name }}',
    '{{ .Name -}}',
    '{{ .Name | lower }}',
    '{{ printf "%s" .Name }}',
    '{{ (.Name) }}',
    '{{ .Name .Name }}',
    '{{{ .Name }}',
    '{{/* nothing */}}',
    '{{ "a" }}',
  ])('%j has no meaning and is shown as written', (expression) => {
    const problem = problemOf(withTemplate(`a.${expression}.{{ .Other }}.com`))
    expect(problem).toMatch(/^DomainTemplateInvalid: ome\.io\/ingress-domain-template: /)
    expect(problem).toContain(`and "${expression}" has no value here`)
  })

  test.each(['{{ .Name', 'a.{{', '{{ .Name }.com', '{{ .Name }}.{{ .Namespace'])('%j is not closed', (template) => {
    const unclosed = template.slice(template.lastIndexOf('{{'))
    expect(problemOf(withTemplate(template))).toContain(`and "${unclosed}" has no value here`)
  })

  test('of a label that is no text is named', () => {
    const given = withTemplate('{{ .Labels.tier }}.x', { labels: { tier: 1 } })
    expect(problemOf(given)).toBe('ConfigInvalid: metadata.labels.tier: found 1 (a number), allowed: a string')
  })
})

describe('the result', () => {
  const label63 = 'a'.repeat(63)
  const name253 = `${`${'a'.repeat(49)}.`.repeat(5)}com`

  test.each([
    'a.b',
    '1.b',
    '0x.1.example.com',
    `${label63}.com`,
    name253,
    'xn--bcher-kva.example',
    'a--b.c',
    '1.2.3.4.5',
    '1.2.3',
  ])('%s is a host', (host) => expect(hostOf(host)).toBe(host))

  test.each([
    'example',
    '{{ .Name }}',
    'A.example.com',
    '{{ .Name }}.ML.example.com',
    'a.example.com.',
    '.example.com',
    'a..b',
    '-a.com',
    'a-.com',
    'a_b.com',
    '*.example.com',
    'a.com:80',
    'http://a.com',
    'a.com/x',
    'a b.com',
    ' a.com',
    'bücher.example',
    '[::1]',
    '::1',
    `${label63}a.com`,
    `${name253}m`,
    '{{ .Labels.empty }}.com',
    'a.com}}',
  ])('%s is none and is shown', (template) => {
    const host = template.replace('{{ .Name }}', 'chat').replace('{{ .Labels.empty }}', '')
    const problem = problemOf(withTemplate(template))
    expect(problem).toContain(`DomainTemplateInvalid: ${key}: found "${template}", which gives "${host}"`)
  })

  test('the empty one is not told from a template that is absent', () => {
    expect(hostOf('')).toBe('chat.ml.example.com')
  })

  test.each(['10.0.0.1', '255.255.255.255'])('%s is an address, which no route takes', (address) => {
    expect(problemOf(withTemplate(address))).toContain(`ConfigInvalid: ${key}: found "${address}"`)
    const template = '{{ .Annotations.address }}'
    const problem = problemOf(withTemplate(template, { annotations: { address } }))
    expect(problem).toContain(`ConfigInvalid: ${key}: found "${template}", which gives "${address}"`)
  })

  test.each([
    ['{{.Annotations.x}}', 'x'],
    ['{{.IngressDomain}}', 'ome.io/ingress-domain'],
  ])('of %s over and over is none, as long as annotations may be', (expression, annotation) => {
    const half = 128 * 1024
    const template = expression.repeat(half / expression.length)
    const problem = problemOf(withTemplate(template, { annotations: { [annotation]: 'a'.repeat(half) } }))
    expect(problem).toContain(`which gives "${'a'.repeat(1000)}…", allowed: `)
  })

  test('of the ConfigMap and of the default are told with their field', () => {
    const ingress = { domainTemplate: '{{ .Nope }}.com' }
    expect(problemOf({ annotations: raw, ingress })).toContain('DomainTemplateInvalid: ingress.domainTemplate in ')
    const preset = problemOf({ annotations: { ...raw, 'ome.io/ingress-domain': 'UPPER' } })
    expect(preset).toContain('DomainTemplateInvalid: ingress.domainTemplate: ')
    expect(preset).toContain('"chat.ml.UPPER"')
  })
})

test('a name too long for a label of DNS stands in its cut form', () => {
  const name = 'n'.repeat(60)
  const [main, engine] = ingressHosts({ name, spec: { router: {} } })
  expect(main).toBe(`${name}.ml.example.com`)
  expect(engine).toMatch(/^[a-f][0-9a-f]{7}-n{47}-engine\.ml\.example\.com$/)
})

test('any template gives what one replacement of its expressions gives', () => {
  const values = {
    '.Name': 'chat',
    '.Namespace': 'ml',
    '.IngressDomain': 'example.com',
    '.Labels.team': 'nlp',
    '.Labels.example.org/unit': 'unit-7',
    '.Annotations.zone': 'z1',
  }
  const expression = fc.constantFrom(
    '.Name',
    '.Namespace',
    '.IngressDomain',
    '.Labels.team',
    'index .Labels "example.org/unit"',
    'index .Annotations "zone"',
    '.Other',
    '-',
    '',
  )
  const space = fc.constantFrom('', ' ', '  ', '\t')
  const part = fc.oneof(
    { weight: 4, arbitrary: fc.tuple(space, expression, space).map(([a, text, b]) => `{{${a}${text}${b}}}`) },
    { weight: 4, arbitrary: fc.constantFrom('.', '.', 'a', '-', 'b1', '.com') },
    { weight: 1, arbitrary: fc.constantFrom('{{', '}}', '{', '}', 'A', ' ') },
  )
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), (parts) => {
      const template = parts.join('')
      const { status, problem } = compile(withTemplate(template))
      const expected = filledIn(template, values)
      if (problem === undefined) expect(status.url).toBe(`http://${expected}`)
      else if (problem.reason === 'DomainTemplateInvalid') {
        expect(problem.message).toContain(expected === undefined ? 'has no value here' : `which gives "${expected}"`)
      } else expect(problem.message).toContain('not an IP address')
    }),
    { numRuns: 1000 },
  )
})
