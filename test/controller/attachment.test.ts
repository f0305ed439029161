import { describe, expect, test } from 'vitest'
import { findAttachments } from '../../src/controller/attachment.ts'
import type { KubeObject } from '../../src/kubernetes/object.ts'

const envoyGateway = 'gateway.envoyproxy.io/gatewayclass-controller'
const poolGroup = 'inference.networking.k8s.io'
const oldPoolGroup = 'inference.networking.x-k8s.io'

const object = (namespace: string | undefined, name: string, spec: object, status?: object): KubeObject => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'Any',
  metadata: { ...(namespace !== undefined && { namespace }), name },
  spec,
  ...(status && { status }),
})
const byKey = (...objects: KubeObject[]) =>
  new Map(objects.map((each) => [`${each.metadata.namespace ?? ''}/${each.metadata.name}`, each]))

type Said = { readonly type: string; readonly status: string; readonly reason?: string; readonly message?: string }
const yes: Said = { type: 'Accepted', status: 'True' }

function route(
  name: string,
  {
    pool = { group: poolGroup, kind: 'InferencePool', name: 'qwen' },
    parents = [{ name: 'eg', namespace: 'infra' }],
    says = [yes],
    by = envoyGateway,
  }: { pool?: object; parents?: object[]; says?: Said[]; by?: string } = {},
): KubeObject {
  const status = { parents: parents.map((parentRef) => ({ parentRef, controllerName: by, conditions: says })) }
  return object('apps', name, { parentRefs: parents, rules: [{ backendRefs: [pool] }] }, status)
}

const find = (...routes: KubeObject[]) => {
  const found = findAttachments({
    routes,
    gateways: byKey(
      object('infra', 'eg', { gatewayClassName: 'eg' }),
      object('apps', 'eg', { gatewayClassName: 'eg' }),
      object('infra', 'foreign', { gatewayClassName: 'foreign' }),
      object('infra', 'lost', { gatewayClassName: 'no-such-class' }),
    ),
    gatewayClasses: byKey(
      object(undefined, 'eg', { controllerName: envoyGateway }),
      object(undefined, 'foreign', { controllerName: 'example.com/gateway' }),
    ),
    controllerNames: [envoyGateway],
  })
  const entries = [...found].map(([pool, attachments]) => [
    pool,
    attachments.map(({ gatewayKey, accepted }) => `${gatewayKey} ${accepted.status} ${accepted.reason}`),
  ])
  return Object.fromEntries(entries)
}

describe('attachments of pools', () => {
  test.each([
    ['by name in the namespace of the route', [{ name: 'eg' }], ['apps/eg True Accepted']],
    ['in another namespace', [{ name: 'eg', namespace: 'infra' }], ['infra/eg True Accepted']],
    [
      'by two of its listeners',
      [
        { name: 'eg', sectionName: 'a' },
        { name: 'eg', sectionName: 'b' },
      ],
      ['apps/eg True Accepted'],
    ],
    [
      'of several, ordered',
      [{ name: 'eg', namespace: 'infra' }, { name: 'eg' }],
      ['apps/eg True Accepted', 'infra/eg True Accepted'],
    ],
  ])('to a Gateway %s', (_, parents, expected) => {
    expect(find(route('r', { parents }))).toEqual({ [`${poolGroup} apps/qwen`]: expected })
  })

  test.each([
    ['that is not there', { name: 'none' }],
    ['without a class', { name: 'lost', namespace: 'infra' }],
    ['of a controller that writes for itself', { name: 'foreign', namespace: 'infra' }],
    ['that is a Service (mesh)', { name: 'eg', group: '', kind: 'Service' }],
  ])('are none to a Gateway %s', (_, parent) => {
    expect(find(route('r', { parents: [parent] }))).toEqual({})
  })

  test.each([
    ['a Service', { name: 'qwen' }],
    ['an InferencePool of another group', { group: 'example.com', kind: 'InferencePool', name: 'qwen' }],
  ])('are none for %s', (_, pool) => {
    expect(find(route('r', { pool }))).toEqual({})
  })

  test('are those of the pool of the group that is named', () => {
    const pool = { group: oldPoolGroup, kind: 'InferencePool', name: 'qwen' }
    expect(find(route('r', { pool }))).toEqual({ [`${oldPoolGroup} apps/qwen`]: ['infra/eg True Accepted'] })
  })

  const no: Said = { type: 'Accepted', status: 'False' }
  const unsupported: Said = { type: 'ResolvedRefs', status: 'False', reason: 'InvalidKind' }
  const accepted = 'infra/eg True Accepted'
  test.each<[string, Said[][], string]>([
    ['nothing yet', [[]], 'infra/eg Unknown Pending'],
    ['no', [[no]], 'infra/eg False HTTPRouteNotAccepted'],
    ['yes, but no such kind', [[yes, unsupported]], 'infra/eg False NotSupportedByParent'],
    ['yes, but no such object', [[yes, { ...unsupported, reason: 'BackendNotFound' }]], accepted],
    ['no to one route and yes to another', [[no], [yes]], accepted],
    ['yes to one route and nothing yet to another', [[yes], []], accepted],
  ])("say what the Gateway's controller says: %s", (_, sayings, expected) => {
    const routes = sayings.map((says, index) => route(`r${index}`, { says }))
    expect(find(...routes)).toEqual({ [`${poolGroup} apps/qwen`]: [expected] })
  })

  test('the two versions of the API have two words for a Gateway that knows no pools', () => {
    const pool = { group: oldPoolGroup, kind: 'InferencePool', name: 'qwen' }
    expect(find(route('r', { pool, says: [unsupported] }))).toEqual({
      [`${oldPoolGroup} apps/qwen`]: ['infra/eg False NotSupportedByGateway'],
    })
  })

  test('what another controller says of the route does not count', () => {
    expect(find(route('r', { by: 'example.com/gateway' }))).toEqual({
      [`${poolGroup} apps/qwen`]: ['infra/eg Unknown Pending'],
    })
  })

  test('a route of another namespace attaches a pool, unless the Gateway may not follow it there', () => {
    const pool = { group: poolGroup, kind: 'InferencePool', name: 'qwen', namespace: 'models' }
    const expected = { [`${poolGroup} models/qwen`]: [accepted] }
    expect(find(route('r', { pool }))).toEqual(expected)
    const refused: Said = { type: 'ResolvedRefs', status: 'False', reason: 'RefNotPermitted' }
    expect(find(route('r', { pool, says: [yes, refused] }))).toEqual({})
  })
})
