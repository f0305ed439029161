import { describe, expect, test } from 'vitest'
import { formatProblem } from '../../src/catalog/problem.ts'
import { readRouteSources } from '../../src/routes/route-sources.ts'
import { readManifests } from '../../src/sources/manifests.ts'

const omeConfig = { namespace: 'ome', name: 'inferenceservice-config' }

/** A document for each text, a line each, in the file `a`. */
function read(...documents: string[]) {
  const { resources, problems } = readManifests('a', documents.join('\n---\n'))
  expect(problems).toEqual([])
  return readRouteSources(resources, omeConfig)
}

const keysOf = (sources: ReturnType<typeof read>['sources']) =>
  Object.fromEntries(
    Object.entries(sources).map(([name, found]) => [name, found instanceof Map ? [...found.keys()] : found]),
  )
const problemsOf = (...documents: string[]) => read(...documents).problems.map(formatProblem)

const object = (apiVersion: string, kind: string, metadata: string) =>
  `{apiVersion: ${apiVersion}, kind: ${kind}, metadata: {${metadata}}}`
const ome = (metadata: string) => object('ome.io/v1beta1', 'InferenceService', metadata)
const aim = (kind: string, metadata: string) => object('aim.eai.amd.com/v1alpha1', kind, metadata)

describe('what is read', () => {
  test('is each kind by namespace and name, in the namespace default where none is named', () => {
    const { sources, problems, notes } = read(
      ome('name: a'),
      ome('name: a, namespace: ml'),
      ome('name: b, namespace: ""'),
      aim('AIMService', 'name: a'),
      aim('AIMRuntimeConfig', 'name: default, namespace: null'),
      aim('AIMClusterRuntimeConfig', 'name: default, namespace: odd'),
      object('gateway.networking.k8s.io/v1', 'HTTPRoute', 'name: new'),
      object('gateway.networking.k8s.io/v1beta1', 'HTTPRoute', 'name: old'),
      object('v1', 'Service', 'name: a-engine'),
      object('v1', 'ConfigMap', 'name: inferenceservice-config, namespace: ome'),
    )
    expect({ ...keysOf(sources), omeConfig: sources.omeConfig?.metadata }).toEqual({
      inferenceServices: ['default/a', 'ml/a', 'default/b'],
      aimServices: ['default/a'],
      aimRuntimeConfigs: ['default/default'],
      aimClusterRuntimeConfigs: ['/default'],
      httpRoutes: ['default/new', 'default/old'],
      services: ['default/a-engine'],
      omeConfig: { name: 'inferenceservice-config', namespace: 'ome' },
    })
    expect([...problems, ...notes]).toEqual([])
  })

  test('is nothing else, and ConfigMaps of other names or namespaces are not read', () => {
    const { sources, origins, notes } = read(
      object('v1', 'ConfigMap', 'name: inferenceservice-config'),
      object('v1', 'ConfigMap', 'name: other, namespace: ome'),
      object('serving.kserve.io/v1beta1', 'InferenceService', 'name: a'),
      object('ome.io/v1beta1', 'Service', 'name: a'),
      object('apps/v1', 'Deployment', 'name: a'),
      object('v1', 'toString', 'name: a'),
      '{apiVersion: llm-d.ai/v1alpha1, kind: EndpointPickerConfig}',
      'endpoints: []',
    )
    expect(keysOf(sources).omeConfig).toBeUndefined()
    expect(origins.size).toBe(0)
    expect(notes).toEqual([])
  })

  test('may be items of a List, and knows its place', () => {
    const { sources, origins } = read(`apiVersion: v1\nkind: List\nitems:\n- ${ome('name: a')}\n- ${ome('name: b')}`)
    const b = sources.inferenceServices.get('default/b')!
    expect(origins.get(b)!.place(['metadata', 'name'])).toBe('a:5:67')
    expect(origins.get(b)!.place(['metadata', 'namespace'])).toBe('a:5:56')
  })

  test('are copies with all but what is null in their metadata; a null value of a label or annotation is empty', () => {
    const { sources } = read(
      '{apiVersion: ome.io/v1beta1, kind: InferenceService, metadata: {name: a, uid: null, labels: null, annotations: {a: null, b: c}}, spec: {router: null}}',
    )
    expect(sources.inferenceServices.get('default/a')).toEqual({
      apiVersion: 'ome.io/v1beta1',
      kind: 'InferenceService',
      metadata: { name: 'a', namespace: 'default', annotations: { a: '', b: 'c' } },
      spec: { router: null },
    })
  })
})

test('another version of a kind is passed over, and it is said which is read', () => {
  const { sources, problems, notes } = read(
    object('ome.io/v1alpha1', 'InferenceService', 'name: a'),
    object('aim.eai.amd.com/v1', 'AIMService', 'name: a'),
    object('gateway.networking.k8s.io/v1alpha2', 'HTTPRoute', 'name: a'),
  )
  expect([sources.inferenceServices.size, sources.aimServices.size, sources.httpRoutes.size, ...problems]).toEqual([
    0, 0, 0,
  ])
  expect(notes).toEqual([
    'a:1:2 apiVersion: warning: found "ome.io/v1alpha1", read: "ome.io/v1beta1"; this InferenceService is passed over',
    'a:3:2 apiVersion: warning: found "aim.eai.amd.com/v1", read: "aim.eai.amd.com/v1alpha1"; this AIMService is passed over',
    expect.stringMatching(
      /read: "gateway\.networking\.k8s\.io\/v1" or "gateway\.networking\.k8s\.io\/v1beta1"; this HTTPRoute/,
    ),
  ])
})

describe('what cannot be read', () => {
  test.each([
    ['no name', ome(''), 'a:1:54 metadata.name: missing, allowed: a string'],
    ['a name that is no text', ome('name: 7'), 'a:1:65 metadata.name: found 7, allowed: a string'],
    ['an empty name', ome('name: ""'), 'a:1:65 metadata.name: found "", allowed: a string'],
    [
      'no metadata, of whatever kind',
      '{apiVersion: v1, kind: Secret}',
      'a:1:1 metadata.name: missing, allowed: a string',
    ],
    [
      'a namespace that is no text',
      ome('name: a, namespace: 7'),
      'a:1:74 metadata.namespace: found 7, allowed: a string',
    ],
    ['a uid that is no text', ome('name: a, uid: [7]'), 'a:1:74 metadata.uid: found a list, allowed: a string'],
    [
      'labels that are no object',
      ome('name: a, labels: [x]'),
      'a:1:74 metadata.labels: found a list, allowed: an object',
    ],
    [
      'an annotation that is a list',
      ome('name: a, annotations: {x: []}'),
      'a:1:88 metadata.annotations.x: found a list, allowed: a string',
    ],
  ])('is %s', (_, document, problem) => {
    expect(problemsOf(document)).toEqual([problem])
  })

  test('is an object that holds itself', () => {
    const cyclic = '{apiVersion: ome.io/v1beta1, kind: InferenceService, metadata: {name: a}, spec: &s {engine: *s}}'
    expect(problemsOf(cyclic)).toEqual([expect.stringMatching(/^a:1:1: an alias \(\*\) stands in what it refers to/)])
  })

  test('is an object that is given twice, in whatever version: both places are named', () => {
    expect(problemsOf(ome('name: a'), ome('name: b'), ome('name: a, namespace: default'))).toEqual([
      'a:5:1: InferenceService default/a is given twice, first at a:1:1',
    ])
    const route = (version: string) => object(`gateway.networking.k8s.io/${version}`, 'HTTPRoute', 'name: a')
    expect(problemsOf(route('v1'), route('v1beta1'))).toEqual([
      'a:3:1: HTTPRoute default/a is given twice, first at a:1:1',
    ])
    const cluster = aim('AIMClusterRuntimeConfig', 'name: a')
    expect(problemsOf(cluster, cluster)).toEqual(['a:3:1: AIMClusterRuntimeConfig a is given twice, first at a:1:1'])
    const secret = object('v1', 'Secret', 'name: a')
    expect(problemsOf(secret, secret)).toEqual([])
  })
})

test('labels and annotations without quotes are read as text, and it is said that an API server refuses them', () => {
  const { sources, problems, notes } = read(
    ome('name: a, labels: {v: 1.5}, annotations: {ome.io/disable-ingress: true}'),
  )
  expect(sources.inferenceServices.get('default/a')!.metadata).toMatchObject({
    labels: { v: '1.5' },
    annotations: { 'ome.io/disable-ingress': 'true' },
  })
  expect(problems).toEqual([])
  expect(notes).toEqual([
    'a:1:83 metadata.labels.v: warning: found 1.5, read as "1.5"; an API server takes only strings: put it in quotes',
    'a:1:106 metadata.annotations["ome.io/disable-ingress"]: warning: found true, read as "true"; an API server takes only strings: put it in quotes',
  ])
})
