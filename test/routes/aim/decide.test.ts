import { describe, expect, test } from 'vitest'
import type { KubeObject } from '../../../src/kubernetes/object.ts'
import { decideAimRoute, runtimeConfigName } from '../../../src/routes/aim/decide.ts'
import { gatewayRef, makeAimService, makeBareService, makeClusterConfig, makeConfig } from './objects.ts'

const decide = (service: KubeObject, config?: KubeObject, clusterConfig?: KubeObject) =>
  decideAimRoute(service, runtimeConfigName(service), config, clusterConfig)

describe('the name of the runtime configuration', () => {
  test.each([
    [undefined, 'default'],
    [null, 'default'],
    ['', 'default'],
    ['gpu', 'gpu'],
    [7, '7'],
    [{}, 'an object'],
  ])('%j: %s', (given, name) => {
    expect(runtimeConfigName(makeBareService('a', { runtimeConfigName: given }))).toBe(name)
  })

  test('of a service without a spec is default', () => {
    const { spec: _, ...service } = makeBareService('a')
    expect(runtimeConfigName(service as KubeObject)).toBe('default')
  })
})

describe('RuntimeConfigReady', () => {
  const resolved = { type: 'RuntimeConfigReady', status: 'True', reason: 'RuntimeConfigResolved' }
  const off = makeBareService('a', { runtimeConfigName: 'gpu' })
  test.each([
    ['both', makeConfig({}, { name: 'gpu' }), makeClusterConfig({}, 'gpu')],
    ['that of the namespace', makeConfig({}, { name: 'gpu' }), undefined],
    ['that of the cluster', undefined, makeClusterConfig({}, 'gpu')],
  ])('is True with %s, even with routing off', (_, config, clusterConfig) => {
    const { outcome, conditions } = decide(off, config, clusterConfig)
    expect(outcome).toEqual({ kind: 'off' })
    expect(conditions).toEqual([expect.objectContaining(resolved)])
  })

  test('is absent where nothing is named and nothing is there', () => {
    expect(decide(makeAimService('a')).conditions).toEqual([])
    expect(decide(makeAimService('a', { spec: { runtimeConfigName: 'default' } })).conditions).toEqual([])
  })

  test('is False where what is named is not there, and nothing else is decided', () => {
    const service = makeAimService('a', { spec: { runtimeConfigName: 'nope' } })
    const { outcome, conditions, settings } = decide(service)
    const message = 'there is no AIMRuntimeConfig ml-team/nope and no AIMClusterRuntimeConfig nope'
    const at = { object: service, path: ['spec', 'runtimeConfigName'] }
    expect(outcome).toEqual({ kind: 'problem', problem: { reason: 'ReferenceNotFound', message, at } })
    expect(conditions).toEqual([{ type: 'RuntimeConfigReady', status: 'False', reason: 'ReferenceNotFound', message }])
    expect(settings).toEqual([{ name: 'runtimeConfigName', value: 'nope', from: at }])
  })
})

test.each(['apikey', '', 7])('what asks for authentication (%j) gets no route that nobody guards', (value) => {
  const service = makeAimService('a')
  const annotations = { 'signalbox.dev/auth': value } as Record<string, string>
  const asking: KubeObject = { ...service, metadata: { ...service.metadata, annotations } }
  const at = { object: asking, path: ['metadata', 'annotations', 'signalbox.dev/auth'] }
  expect(decide(asking).outcome).toEqual({
    kind: 'problem',
    problem: { reason: 'AuthUnsupported', message: expect.stringContaining(JSON.stringify(value)), at },
  })
})

describe('routing is off', () => {
  test.each([
    ['by default', makeBareService('a'), undefined],
    [
      'with a gateway and a template alone',
      makeBareService('a', { routing: { gatewayRef, pathTemplate: '/x' } }),
      undefined,
    ],
    [
      'by the service',
      makeBareService('a', { routing: { enabled: false } }),
      { routing: { enabled: true, gatewayRef } },
    ],
    ['without a spec', { ...makeBareService('a'), spec: undefined }, { routing: null }],
    [
      'whatever else is wrong',
      makeBareService('a', { routing: { enabled: false, pathTemplate: '{', annotations: 7 } }),
      undefined,
    ],
  ])('%s', (_, service, spec) => {
    const config = spec === undefined ? undefined : makeClusterConfig(spec)
    expect(decide(service as KubeObject, undefined, config).outcome).toEqual({ kind: 'off' })
  })
})

describe('the first thing that is wrong is told, with the field to mend', () => {
  const noGateway = 'Routing is enabled but no gatewayRef is configured in service or runtime config'
  const long = 'n'.repeat(43)
  const all = {
    gatewayRef: null,
    pathTemplate: '{',
    requestTimeout: 'soon',
    annotations: { a: 7 },
  }
  test.each([
    [
      'NamespaceTooLong',
      makeAimService('a', { namespace: long, routing: all }),
      ['metadata', 'namespace'],
      `namespace "${long}" is too long (43 chars); InferenceService hostname would exceed 63 characters`,
    ],
    ['GatewayNotConfigured', makeAimService('a', { routing: all }), ['spec', 'routing', 'gatewayRef'], noGateway],
    [
      'GatewayNotConfigured',
      makeAimService('a', { routing: { ...all, gatewayRef: {} } }),
      ['spec', 'routing', 'gatewayRef', 'name'],
      `${noGateway}: spec.routing.gatewayRef.name of AIMService ml-team/a: found nothing, allowed: a text that is not empty`,
    ],
    [
      'GatewayNotConfigured',
      makeAimService('a', { routing: { ...all, gatewayRef: 'edge' } }),
      ['spec', 'routing', 'gatewayRef'],
      `${noGateway}: spec.routing.gatewayRef of AIMService ml-team/a: found "edge", allowed: an object with a name`,
    ],
    [
      'PathTemplateInvalid',
      makeAimService('a', { routing: { ...all, gatewayRef } }),
      ['spec', 'routing', 'pathTemplate'],
      `path template "{": unclosed '{'`,
    ],
    [
      'PathTemplateInvalid',
      makeAimService('a', { routing: { ...all, gatewayRef, pathTemplate: 7 } }),
      ['spec', 'routing', 'pathTemplate'],
      'path template: found 7, allowed: a string',
    ],
    [
      'PathTemplateInvalid',
      makeAimService('a', { routing: { pathTemplate: `/{.x}"${'😀'.repeat(200)}` } }),
      ['spec', 'routing', 'pathTemplate'],
      `path template "/{.x}"${'😀'.repeat(194)}": template is longer than 200 characters`,
    ],
    [
      'PathTemplateInvalid',
      makeAimService('a', { metadata: { uid: undefined as unknown as string }, routing: { pathTemplate: '' } }),
      ['spec', 'routing', 'pathTemplate'],
      'path template "/{.metadata.namespace}/{.metadata.uid}": expression ".metadata.uid": metadata.uid is missing; it is the default, and a service in a file has no uid: set a pathTemplate',
    ],
    [
      'RequestTimeoutInvalid',
      makeAimService('a', { routing: { requestTimeout: '5"s', annotations: { a: 7 } } }),
      ['spec', 'routing', 'requestTimeout'],
      'request timeout "5"s": not a duration, such as 90s or 1h30m',
    ],
    [
      'RequestTimeoutInvalid',
      makeAimService('a', { routing: { requestTimeout: 60 } }),
      ['spec', 'routing', 'requestTimeout'],
      'request timeout: found 60, allowed: a duration such as "90s"',
    ],
    [
      'RoutingInvalid',
      makeAimService('a', { routing: { annotations: { 'example.com/a': 7 } } }),
      ['spec', 'routing', 'annotations', 'example.com/a'],
      'spec.routing.annotations["example.com/a"] of AIMService ml-team/a: found 7, allowed: a string',
    ],
    [
      'RoutingInvalid',
      makeAimService('a', { namespace: long, routing: { ...all, enabled: 'true' } }),
      ['spec', 'routing', 'enabled'],
      `spec.routing.enabled of AIMService ${long}/a: found "true", allowed: true or false`,
    ],
    [
      'RoutingInvalid',
      makeBareService('a', { routing: 'on' }),
      ['spec', 'routing'],
      'spec.routing of AIMService ml-team/a: found "on", allowed: an object',
    ],
  ])('%s', (reason, service, path, message) => {
    const { outcome, conditions } = decide(service)
    expect(outcome).toEqual({ kind: 'problem', problem: { reason, message, at: { object: service, path } } })
    expect(conditions).toEqual([{ type: 'HTTPRouteReady', status: 'False', reason, message }])
  })

  test.each([
    ['GatewayNotConfigured', { gatewayRef: {} }, ['gatewayRef', 'name']],
    ['PathTemplateInvalid', { gatewayRef, pathTemplate: '{}' }, ['pathTemplate']],
    ['RequestTimeoutInvalid', { gatewayRef, requestTimeout: '' }, ['requestTimeout']],
  ])('%s, in the layer that gave it', (reason, routing, path) => {
    const service = makeBareService('a', { routing: { enabled: true } })
    const config = makeClusterConfig({ routing })
    const { outcome, conditions } = decide(service, makeConfig({}), config)
    expect(outcome).toMatchObject({ problem: { reason, at: { path: ['spec', 'routing', ...path] } } })
    expect(outcome.kind === 'problem' && outcome.problem.at.object).toBe(config)
    expect(conditions.map(({ type }) => type)).toEqual(['RuntimeConfigReady', 'HTTPRouteReady'])
  })
})

describe('a route', () => {
  test('is made of all layers', () => {
    const service = makeBareService('chat', { routing: { requestTimeout: '1.5s', annotations: { a: '1' } } })
    const config = makeConfig({ routing: { pathTemplate: '/ns/{.metadata.name}', annotations: { b: '2' } } })
    const clusterConfig = makeClusterConfig({
      routing: { enabled: true, gatewayRef: { name: 'edge' }, pathTemplate: '/cluster' },
      labelPropagation: { enabled: true },
    })
    const { outcome, settings } = decide(service, config, clusterConfig)
    expect(outcome).toMatchObject({
      kind: 'route',
      path: '/ns/chat',
      gateway: { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'edge' },
      route: {
        metadata: { name: 'chat-a04542d9', annotations: { a: '1', b: '2' } },
        spec: { rules: [{ timeouts: { request: '1s500ms' }, matches: [{ path: { value: '/ns/chat' } }] }] },
      },
    })
    expect(settings.map(({ name }) => name)).toEqual([
      'runtimeConfigName',
      'routing.enabled',
      'routing.gatewayRef',
      'routing.pathTemplate',
      'routing.requestTimeout',
      'routing.annotations.b',
      'routing.annotations.a',
      'labelPropagation.enabled',
    ])
  })

  test('has the default path, of namespace and uid, where there is no template or an empty one', () => {
    for (const pathTemplate of [undefined, null, '']) {
      const { outcome } = decide(makeAimService('Chat', { metadata: { uid: 'AB-1' }, routing: { pathTemplate } }))
      expect(outcome).toMatchObject({ path: '/ml-team/ab-1' })
    }
  })
})
