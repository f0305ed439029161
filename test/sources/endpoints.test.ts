import { describe, expect, test } from 'vitest'
import { formatProblem } from '../../src/catalog/problem.ts'
import { type Endpoints, readEndpointsFile } from '../../src/sources/endpoints.ts'

function read(text: string, lastGood?: Endpoints) {
  const { endpoints, problems } = readEndpointsFile('e.yaml', text, lastGood)
  return { endpoints, list: endpoints && [...endpoints.values()], problems: problems.map(formatProblem) }
}

test('an endpoint in full', () => {
  const text = 'endpoints:\n- {name: a, namespace: prod, address: 10.0.0.1, port: 8000, labels: {app: vllm}}'
  expect(read(text)).toMatchObject({
    list: [{ name: 'a', namespace: 'prod', address: '10.0.0.1', port: 8000, labels: { app: 'vllm' } }],
    problems: [],
  })
})

test('what may be left out', () => {
  expect(read('endpoints:\n- {name: a, address: "fd00::1"}')).toMatchObject({
    list: [{ name: 'a', namespace: 'default', address: 'fd00::1', port: undefined, labels: {} }],
    problems: [],
  })
})

test.each([
  ['8000', 8000],
  ['"8000"', 8000],
  ['1', 1],
  ['65535', 65_535],
  ['null', undefined],
])('the port %s', (port, expected) => {
  expect(read(`endpoints: [{name: a, address: 10.0.0.1, port: ${port}}]`)).toMatchObject({
    list: [{ port: expected }],
    problems: [],
  })
})

test.each([
  ['0', '0'],
  ['65536', '65536'],
  ['80.5', '80.5'],
  ['"0x50"', '"0x50"'],
  ['" 80"', '" 80"'],
  ['""', '""'],
  ['http', '"http"'],
  ['[80]', 'a list'],
])('the port %s is none', (port, found) => {
  expect(read(`endpoints: [{name: a, address: 10.0.0.1, port: ${port}}]`)).toMatchObject({
    list: [],
    problems: [`e.yaml:1:42 endpoints[0].port: found ${found}, allowed: a port from 1 to 65535`],
  })
})

test.each(['localhost', '"[::1]"', '10.0.0', '10.0.0.1:80', '""'])('the address %s is none', (address) => {
  const found = address.startsWith('"') ? address : `"${address}"`
  expect(read(`endpoints: [{name: a, address: ${address}}]`)).toMatchObject({
    list: [],
    problems: [`e.yaml:1:23 endpoints[0].address: found ${found}, allowed: an IPv4 or IPv6 address, without brackets`],
  })
})

describe('entries', () => {
  test('that are invalid harm no other', () => {
    const text = `endpoints:
- {name: a, address: 10.0.0.1}
- {address: 10.0.0.2}
- b
- {name: c, address: 10.0.0.3, labels: {gpu: 8}}
- {name: d, address: 10.0.0.4}
`
    const { list, problems } = read(text)
    expect(list?.map(({ name }) => name)).toEqual(['a', 'd'])
    expect(problems).toEqual([
      'e.yaml:3:3 endpoints[1].name: missing, allowed: a string',
      'e.yaml:4:3 endpoints[2]: found "b", allowed: an object',
      'e.yaml:5:41 endpoints[3].labels.gpu: found 8, allowed: a string',
    ])
  })

  test('with unknown fields are used without them', () => {
    expect(read('endpoints: [{name: a, address: 10.0.0.1, prot: 8000}]')).toMatchObject({
      list: [{ name: 'a', port: undefined }],
      problems: ['e.yaml:1:42 endpoints[0].prot: warning: unknown field, did you mean port?'],
    })
  })

  test('of one name: the first is used', () => {
    const text =
      'endpoints:\n- {name: a, address: 10.0.0.1}\n- {name: a, address: 10.0.0.2}\n- {name: a, namespace: b, address: 10.0.0.3}'
    expect(read(text)).toMatchObject({
      list: [{ address: '10.0.0.1' }, { address: '10.0.0.3' }],
      problems: ['e.yaml:3:4 endpoints[1].name: found default/a again, allowed: each name once'],
    })
  })

  test('of one name: the valid one is used rather than the last good one', () => {
    const { endpoints } = read('endpoints: [{name: a, address: 10.0.0.1}]')
    expect(read('endpoints:\n- {name: a, address: x}\n- {name: a, address: 10.0.0.2}', endpoints)).toMatchObject({
      list: [{ address: '10.0.0.2' }],
      problems: ['e.yaml:2:13 endpoints[0].address: found "x", allowed: an IPv4 or IPv6 address, without brackets'],
    })
  })

  test('that turn invalid stay as they were, those that are gone do not', () => {
    const { endpoints } = read('endpoints:\n- {name: a, address: 10.0.0.1}\n- {name: b, address: 10.0.0.2}')
    expect(read('endpoints:\n- {name: a, address: 10.0.0}', endpoints)).toMatchObject({
      list: [{ name: 'a', address: '10.0.0.1' }],
      problems: [
        'e.yaml:2:13 endpoints[0].address: found "10.0.0", allowed: an IPv4 or IPv6 address, without brackets; the last valid version stays in use',
      ],
    })
  })
})

test('an empty list is a list', () => {
  expect(read('endpoints: []')).toMatchObject({ list: [], problems: [] })
})

test.each([
  ['', 'e.yaml:1:1: found 0 documents, allowed: one with a list of endpoints'],
  ['endpoints: []\n---\nendpoints: []', 'e.yaml:1:1: found 2 documents, allowed: one with a list of endpoints'],
  ['endpoint: []', 'e.yaml:1:1 endpoints: missing, allowed: a list'],
  ['endpoints:', 'e.yaml:1:1 endpoints: found null, allowed: a list'],
  ['endpoints: {a: b}', 'e.yaml:1:1 endpoints: found an object, allowed: a list'],
  ['- a', 'e.yaml:1:1 endpoints: missing, allowed: a list'],
  [
    'endpoints: [',
    'e.yaml:1:13: broken YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
  ],
])('%j is no endpoints file', (text, problem) => {
  expect(read(text)).toMatchObject({ endpoints: undefined, problems: [problem] })
})
