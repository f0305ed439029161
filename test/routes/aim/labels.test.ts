import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readLabelPropagation, routeLabels, toLabelValue } from '../../../src/routes/aim/labels.ts'
import { makeAimService, makeClusterConfig, makeConfig } from './objects.ts'

const labels = {
  'team-alpha': 'frontend',
  'cost-center': 'cc-1',
  env: 'test',
  'aim.eai.amd.com/project': 'bar',
  'aim.eai.amd.com/service.name': 'forged',
  'org.x/team-z': 'no',
  'app.kubernetes.io/managed-by': 'helm',
}

const own = {
  'app.kubernetes.io/component': 'routing',
  'app.kubernetes.io/managed-by': 'aim-engine',
  'aim.eai.amd.com/service': 'qwen-chat',
  'aim.eai.amd.com/service.name': 'qwen-chat',
}

function labelsBy(namespaceConfig: unknown, clusterConfig: unknown): Readonly<Record<string, string>> {
  const configs = [
    makeConfig({ labelPropagation: namespaceConfig }),
    makeClusterConfig({ labelPropagation: clusterConfig }),
  ]
  return routeLabels(makeAimService('qwen-chat', { metadata: { labels } }), readLabelPropagation(configs))
}

describe('labels of a route', () => {
  test('those of AIM Engine are copied always, the four of the route never replaced', () => {
    expect(labelsBy(undefined, undefined)).toEqual({ ...own, 'aim.eai.amd.com/project': 'bar' })
  })

  const copied = { ...own, 'aim.eai.amd.com/project': 'bar' }
  const team = { ...copied, 'team-alpha': 'frontend' }
  const cost = { ...copied, 'cost-center': 'cc-1' }
  test.each([
    ['enabled with patterns', { enabled: true, match: ['team-*', 'cost-*'] }, undefined, { ...team, ...cost }],
    ['of the cluster', undefined, { enabled: true, match: ['team-*'] }, team],
    ['not enabled', { match: ['team-*'] }, undefined, copied],
    ['off in the namespace', { enabled: false }, { enabled: true, match: ['team-*'] }, copied],
    ['on in the namespace, patterns of the cluster', { enabled: true }, { enabled: false, match: ['team-*'] }, team],
    ['patterns of the namespace alone', { match: ['cost-*'] }, { enabled: true, match: ['team-*'] }, cost],
    ['no patterns in the namespace', { match: [] }, { enabled: true, match: ['team-*'] }, team],
    ['null in the namespace', { enabled: null, match: null }, { enabled: true, match: ['team-*'] }, team],
    [
      'never over the four',
      { enabled: true, match: ['app.kubernetes.io/*', '*'] },
      undefined,
      { ...team, ...cost, env: 'test' },
    ],
    [
      'no run crosses a slash',
      { enabled: true, match: ['*team-?', '*/team-?'] },
      undefined,
      { ...copied, 'org.x/team-z': 'no' },
    ],
    [
      'malformed patterns match nothing',
      { enabled: true, match: ['[', 'e[', 7, null, 'env'] },
      undefined,
      { ...copied, env: 'test' },
    ],
    ['enabled that is no boolean', { enabled: 'true', match: ['*'] }, undefined, copied],
    ['patterns that are no list', { enabled: true, match: 'env' }, undefined, copied],
    ['all of it no object', 'yes', undefined, copied],
  ])('propagation: %s', (_, namespaceConfig, clusterConfig, expected) => {
    expect(labelsBy(namespaceConfig, clusterConfig)).toEqual(expected)
  })

  test('without any on the service', () => {
    const nothing = readLabelPropagation([])
    expect(routeLabels(makeAimService('qwen-chat'), nothing)).toEqual(own)
    const odd = { ...own, 'aim.eai.amd.com/n': 7 } as unknown as Record<string, string>
    expect(routeLabels(makeAimService('qwen-chat', { metadata: { labels: odd } }), nothing)).toEqual(own)
  })

  test('the name as it is while it fits a label, else as the label value of the service', () => {
    const nothing = readLabelPropagation([])
    const [fits, long] = ['n'.repeat(63), `n.${'n'.repeat(62)}`]
    expect(routeLabels(makeAimService(fits), nothing)['aim.eai.amd.com/service.name']).toBe(fits)
    expect(routeLabels(makeAimService(long), nothing)).toMatchObject({
      'aim.eai.amd.com/service': long.slice(0, 63),
      'aim.eai.amd.com/service.name': long.slice(0, 63),
    })
    expect(routeLabels(makeAimService('Qwen Chat'), nothing)).toMatchObject({
      'aim.eai.amd.com/service': 'qwen_chat',
      'aim.eai.amd.com/service.name': 'Qwen Chat',
    })
  })
})

describe('a label value', () => {
  test.each([
    ['qwen-chat', 'qwen-chat'],
    ['Qwen.v2_5', 'qwen.v2_5'],
    ['a  b/c', 'a_b_c'],
    ['__a--', 'a'],
    ['é', 'part'],
    ['a'.repeat(70), 'a'.repeat(63)],
    [`${'a'.repeat(62)}.b`, 'a'.repeat(62)],
    [`.${'a'.repeat(63)}b`, 'a'.repeat(63)],
  ])('of %j is %j', (name, value) => {
    expect(toLabelValue(name)).toBe(value)
  })

  test('is one that the API takes', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'aZ0.-_/é 😀'), minLength: 1, maxLength: 80 }), (name) => {
        expect(toLabelValue(name)).toMatch(/^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/)
      }),
    )
  })
})
