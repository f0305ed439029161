import { describe, expect, test } from 'vitest'
import {
  asSetting,
  describePlace,
  findMalformedAnnotation,
  findMalformedRouting,
  listRoutingSettings,
  readRoutingSettings,
} from '../../../src/routes/aim/settings.ts'
import { makeBareService, makeClusterConfig, makeConfig } from './objects.ts'

const layersOf = (service: unknown, config: unknown, clusterConfig: unknown) => [
  makeBareService('chat', { routing: service }),
  makeConfig({ routing: config }),
  makeClusterConfig({ routing: clusterConfig }),
]

describe('each field comes from the highest layer where it is set', () => {
  const fields = ['enabled', 'gatewayRef', 'pathTemplate', 'requestTimeout'] as const
  const values = [false, '', '0s', 0, {}, 'text']
  test.each(fields.flatMap((field) => values.map((value) => [field, value] as const)))('%s: %j', (field, value) => {
    const set = { [field]: value }
    const low = { [field]: 'lower' }
    for (const [index, layers] of [
      layersOf(set, low, low),
      layersOf({}, set, low),
      layersOf({}, null, set),
    ].entries()) {
      const given = readRoutingSettings(layers)[field]
      expect(given).toEqual({ value, from: { object: layers[index], path: ['spec', 'routing', field] } })
      expect(given?.from.object).toBe(layers[index])
    }
  })

  test.each(fields)('null is as good as absent: %s', (field) => {
    const layers = layersOf({ [field]: null }, { [field]: undefined }, { [field]: 'cluster' })
    expect(readRoutingSettings(layers)[field]?.value).toBe('cluster')
    expect(readRoutingSettings(layersOf({ [field]: null }, {}, null))[field]).toBeUndefined()
  })

  test('a gateway reference is replaced whole', () => {
    const layers = layersOf({ gatewayRef: { name: 'a' } }, {}, { gatewayRef: { name: 'b', namespace: 'infra' } })
    expect(readRoutingSettings(layers).gatewayRef?.value).toEqual({ name: 'a' })
  })
})

test('annotations are merged key by key, the highest layer wins, an empty text too, null not', () => {
  const layers = layersOf(
    { annotations: { a: 'service', d: '', n: null, toString: 'own' } },
    { annotations: { a: 'namespace', b: 'namespace', d: 'namespace' } },
    { annotations: { a: 'cluster', b: 'cluster', c: 'cluster', n: 'cluster' } },
  )
  const merged = [...readRoutingSettings(layers).annotations]
  const values = Object.fromEntries(merged.map(([key, { value }]) => [key, value]))
  expect(values).toEqual({ a: 'service', b: 'namespace', c: 'cluster', d: '', n: 'cluster', toString: 'own' })
  expect(merged.find(([key]) => key === 'b')?.[1].from).toEqual({
    object: layers[1],
    path: ['spec', 'routing', 'annotations', 'b'],
  })
})

describe('what is malformed', () => {
  test.each([
    ['routing', layersOf('on', {}, {}), 0, ['spec', 'routing'], 'on'],
    ['routing of a config', layersOf({}, ['on'], {}), 1, ['spec', 'routing'], ['on']],
    ['spec', [makeBareService('chat'), makeClusterConfig('on')], 1, ['spec'], 'on'],
    ['enabled', layersOf({ enabled: 'true' }, {}, {}), 0, ['spec', 'routing', 'enabled'], 'true'],
    ['enabled below', layersOf({}, {}, { enabled: 1 }), 2, ['spec', 'routing', 'enabled'], 1],
  ])('%s', (_, layers, index, path, value) => {
    const found = findMalformedRouting(layers, readRoutingSettings(layers))
    expect(found).toEqual({ value, from: { object: layers[index], path }, allowed: expect.any(String) })
  })

  test.each([
    ['all annotations', layersOf({}, { annotations: 'x' }, {}), 1, [], 'x'],
    ['one annotation', layersOf({ annotations: { a: 7 } }, {}, {}), 0, ['a'], 7],
  ])('%s', (_, layers, index, path, value) => {
    const found = findMalformedAnnotation(layers, readRoutingSettings(layers))
    const from = { object: layers[index], path: ['spec', 'routing', 'annotations', ...path] }
    expect(found).toEqual({ value, from, allowed: expect.any(String) })
  })

  test.each([
    ['nothing is', layersOf({ enabled: true, annotations: { a: '' } }, null, undefined)],
    [
      'what a higher layer replaces is not looked at',
      layersOf({ enabled: true, annotations: { a: '' } }, {}, { enabled: 'x', annotations: { a: 7 } }),
    ],
  ])('%s', (_, layers) => {
    const settings = readRoutingSettings(layers)
    expect(findMalformedRouting(layers, settings)).toBeUndefined()
    expect(findMalformedAnnotation(layers, settings)).toBeUndefined()
  })
})

describe('settings for people', () => {
  test('name the layer of each value', () => {
    const layers = layersOf(
      { pathTemplate: '' },
      { enabled: true, annotations: { 'example.com/a': '1' } },
      { gatewayRef: { name: 'edge' }, requestTimeout: '5s' },
    )
    const [service, config, clusterConfig] = layers
    const at = (object: (typeof layers)[number], ...path: string[]) => ({ object, path: ['spec', 'routing', ...path] })
    expect(listRoutingSettings(readRoutingSettings(layers), '/default')).toEqual([
      { name: 'routing.enabled', value: true, from: at(config, 'enabled') },
      { name: 'routing.gatewayRef', value: { name: 'edge' }, from: at(clusterConfig, 'gatewayRef') },
      { name: 'routing.pathTemplate', value: '/default', from: at(service, 'pathTemplate') },
      { name: 'routing.requestTimeout', value: '5s', from: at(clusterConfig, 'requestTimeout') },
      { name: 'routing.annotations["example.com/a"]', value: '1', from: at(config, 'annotations', 'example.com/a') },
    ])
  })

  test('say what is so by default', () => {
    expect(listRoutingSettings(readRoutingSettings([makeBareService('chat')]), '/default')).toEqual([
      { name: 'routing.enabled', value: false, from: 'default' },
      { name: 'routing.pathTemplate', value: '/default', from: 'default' },
    ])
  })

  test('a place is the field and the object', () => {
    const from = { object: makeClusterConfig({}), path: ['spec', 'labelPropagation', 'match'] }
    expect(asSetting({ value: ['a'], from })).toEqual({ name: 'labelPropagation.match', value: ['a'], from })
    expect(describePlace(from)).toBe('spec.labelPropagation.match of AIMClusterRuntimeConfig default')
    expect(describePlace({ object: makeConfig({}), path: ['spec'] })).toBe('spec of AIMRuntimeConfig ml-team/default')
  })
})
