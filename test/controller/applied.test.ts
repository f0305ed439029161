import { describe, expect, test } from 'vitest'
import { hasApplied, isApplied } from '../../src/controller/applied.ts'
import type { KubeObject } from '../../src/kubernetes/object.ts'

const owner = { apiVersion: 'v1', kind: 'Thing', name: 'a', uid: 'u1', controller: true }
const rule = {
  matches: [{ path: { type: 'PathPrefix', value: '/' } }],
  backendRefs: [{ kind: 'Service', name: 'b', port: 80 }],
}
const wanted = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: { name: 'r', namespace: 'n', labels: { a: '1' }, ownerReferences: [owner] },
  spec: { parentRefs: [{ name: 'g' }], rules: [rule] },
}

/** Parts of an object, to be changed. */
type Tree = { [field: string]: Tree }

/** As the API server stores it after an apply by `signalbox`. */
function stored(change: (fields: Tree, owned: Tree) => void = () => {}): KubeObject {
  const owned: Tree = {
    'f:metadata': { 'f:labels': { 'f:a': {} }, 'f:ownerReferences': { 'k:{"uid":"u1"}': {} } },
    'f:spec': { 'f:parentRefs': {}, 'f:rules': {} },
  }
  const object = structuredClone(wanted) as unknown as Tree
  object.spec.rules[0].backendRefs[0] = { group: '', kind: 'Service', name: 'b', port: 80, weight: 1 } as never
  object.metadata.uid = 'u2' as never
  change(object, owned)
  const entry = { manager: 'signalbox', operation: 'Apply', apiVersion: object.apiVersion, fieldsType: 'FieldsV1' }
  object.metadata.managedFields = [
    { manager: 'other', operation: 'Update', fieldsV1: { 'f:spec': { 'f:hostnames': {} } } },
    { ...entry, subresource: 'status', fieldsV1: {} },
    { ...entry, fieldsV1: owned },
  ] as never
  return object as unknown as KubeObject
}
const is = (observed: KubeObject) => isApplied(wanted, observed, 'signalbox')

describe('an object is as it was applied', () => {
  test('with what the API server fills in', () => expect(is(stored())).toBe(true))

  test('with fields, labels, annotations and owners of others', () => {
    const observed = stored((object) => {
      object.metadata.labels.b = '2' as never
      object.metadata.annotations = { c: '3' } as never
      object.metadata.ownerReferences = [{ uid: 'u9', name: 'other' }, owner] as never
      object.spec.hostnames = ['theirs'] as never
      object.status = { parents: [] } as never
    })
    expect(is(observed)).toBe(true)
  })

  test('with fields that another manager has taken, but set to the same', () => {
    expect(is(stored((_, owned) => delete owned['f:spec']['f:rules']))).toBe(true)
    const changed = stored((object, owned) => {
      delete owned['f:spec']['f:rules']
      object.spec.rules[0].timeouts = { request: '1s' } as never
    })
    expect(is(changed)).toBe(false)
  })

  test('with the keys of a list that are given in another order', () => {
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 's', namespace: 'n' },
      spec: { ports: [{ name: 'http', port: 80, protocol: 'TCP' }] },
    }
    const observed = (ports: object[], owned: object) =>
      ({
        ...service,
        metadata: {
          ...service.metadata,
          managedFields: [{ manager: 'signalbox', operation: 'Apply', fieldsV1: { 'f:spec': { 'f:ports': owned } } }],
        },
        spec: { ports, clusterIP: '10.0.0.1' },
      }) as unknown as KubeObject
    const item = { '.': {}, 'f:name': {}, 'f:port': {}, 'f:protocol': {} }
    const both = [
      { port: 9, protocol: 'TCP' },
      { name: 'http', nodePort: 30_000, port: 80, protocol: 'TCP' },
    ]
    const isService = (seen: KubeObject) => isApplied(service, seen, 'signalbox')
    expect(isService(observed(both, { 'k:{"protocol":"TCP","port":80}': item }))).toBe(true)
    expect(isService(observed(both.slice(0, 1), { 'k:{"protocol":"TCP","port":80}': item }))).toBe(false)
    const two = { 'k:{"port":80,"protocol":"TCP"}': item, 'k:{"port":9,"protocol":"TCP"}': item }
    expect(isService(observed(both, two)), 'an item of ours that is not wanted any more').toBe(false)
  })
})

describe('an object has to be applied', () => {
  test.each<[string, (object: Tree, owned: Tree) => void]>([
    ['that nobody has applied', (_, owned) => delete owned['f:spec'] && delete owned['f:metadata']],
    ['with another value', (object) => (object.spec.rules[0].backendRefs[0].port = 81 as never)],
    ['with another label', (object) => (object.metadata.labels.a = '2' as never)],
    ['without a field', (object) => delete object.spec.parentRefs],
    [
      'with a field of a rule that is not wanted',
      (object) => (object.spec.rules[0].timeouts = { request: '1s' } as never),
    ],
    ['with a further rule', (object) => (object.spec.rules[1] = rule as never)],
    ['with another weight', (object) => (object.spec.rules[0].backendRefs[0].weight = 2 as never)],
    ['with a field that we own and no longer want', (_, owned) => (owned['f:spec']['f:hostnames'] = {})],
    ['with a label that we own and no longer want', (_, owned) => (owned['f:metadata']['f:labels']['f:b'] = {})],
    [
      'with annotations that we own and no longer want',
      (_, owned) => (owned['f:metadata']['f:annotations'] = { 'f:b': {} }),
    ],
    ['with another owner', (object) => (object.metadata.ownerReferences = [{ ...owner, uid: 'u3' }] as never)],
  ])('%s', (_, change) => expect(is(stored(change))).toBe(false))

  test('that has no managed fields', () => {
    expect(is({ ...stored(), metadata: { name: 'r', namespace: 'n' } })).toBe(false)
    expect(hasApplied({ ...stored(), metadata: { name: 'r' } }, 'signalbox')).toBe(false)
  })

  test('that only another manager has applied', () => {
    expect(isApplied(wanted, stored(), 'someone')).toBe(false)
    expect(hasApplied(stored(), 'someone')).toBe(false)
    expect(hasApplied(stored(), 'signalbox')).toBe(true)
  })
})
