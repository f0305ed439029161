import { describe, expect, test } from 'vitest'
import { formatProblem } from '../../src/catalog/problem.ts'
import { readManifests } from '../../src/sources/manifests.ts'

function read(text: string) {
  const { resources, endpointLists, problems } = readManifests('a.yaml', text)
  return {
    resources: resources.map(({ apiVersion, kind, origin }) => `${apiVersion} ${kind} at ${origin.place([])}`),
    endpointLists: endpointLists.length,
    problems: problems.map(formatProblem),
  }
}

test('each document is a resource', () => {
  expect(read('apiVersion: v1\nkind: Service\n---\nkind: Deployment\napiVersion: apps/v1\n')).toEqual({
    resources: ['v1 Service at a.yaml:1:1', 'apps/v1 Deployment at a.yaml:4:1'],
    endpointLists: 0,
    problems: [],
  })
})

test('a resource is the whole object, and knows its places', () => {
  const [resource] = readManifests('a.yaml', 'apiVersion: v1\nkind: Service\nspec: {a: 1}\n').resources
  expect(resource.object).toEqual({ apiVersion: 'v1', kind: 'Service', spec: { a: 1 } })
  expect(resource.origin.place(['spec', 'a'])).toBe('a.yaml:3:8')
})

test('the items of a List are resources, whatever is among them', () => {
  const text = `apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: Service}
  - apiVersion: v1
    kind: List
    items: [{apiVersion: v1, kind: Secret}, 7]
  - kind: Pod
`
  expect(read(text)).toEqual({
    resources: ['v1 Service at a.yaml:4:5', 'v1 Secret at a.yaml:7:13'],
    endpointLists: 0,
    problems: [
      'a.yaml:7:45: found 7, allowed: an object with apiVersion and kind',
      'a.yaml:8:5 apiVersion: missing, allowed: a string',
    ],
  })
})

test('places in a List are those in its file', () => {
  const text =
    '{"apiVersion": "v1", "kind": "List", "items": [\n  {"apiVersion": "v1", "kind": "Pod", "spec": {"a": 1}}\n]}'
  const [resource] = readManifests('a.json', text).resources
  expect(resource.origin.place(['spec', 'a'])).toBe('a.json:2:48')
})

describe('documents that are no resources', () => {
  test.each([
    ['text', 'a.yaml:3:1: found "text", allowed: an object with apiVersion and kind'],
    ['- a', 'a.yaml:3:1: found a list, allowed: an object with apiVersion and kind'],
    ['apiVersion: v1', 'a.yaml:3:1 kind: missing, allowed: a string'],
    ['kind: Pod', 'a.yaml:3:1 apiVersion: missing, allowed: a string'],
    ['apiVersion: 1\nkind: Pod', 'a.yaml:3:1 apiVersion: found 1, allowed: a string'],
    ['apiVersion: v1\nkind:', 'a.yaml:4:1 kind: missing, allowed: a string'],
    ['apiVersion: v1\nkind: ""', 'a.yaml:4:1 kind: found "", allowed: a string'],
    [
      'a: [',
      'a.yaml:4:1: broken YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
  ])('%j', (document, problem) => {
    const { resources, problems } = read(
      `{apiVersion: v1, kind: Service}\n---\n${document}\n---\n{apiVersion: v1, kind: Pod}`,
    )
    expect(resources).toHaveLength(2)
    expect(problems).toEqual([problem])
  })

  test('a list of endpoints is something else', () => {
    expect(read('endpoints: []')).toEqual({ resources: [], endpointLists: 1, problems: [] })
    expect(read('endpoints: []\nkind: Pod\napiVersion: v1').resources).toHaveLength(1)
  })
})
