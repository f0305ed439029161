import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { compileInferenceService, componentServiceNames } from '../../../src/routes/ome/compile.ts'
import { readOmeConfig } from '../../../src/routes/ome/config.ts'
import { compile, problemOf, raw, serviceOf } from './build.ts'

describe('a name', () => {
  test.each(['a', 'a1', 'a-b', 'a--b', 'n'.repeat(253)])('%s is one that Services can have', (name) => {
    expect(problemOf({ name })).toBeUndefined()
  })

  test.each(['llama.3', '3llama', '-a', 'a-', 'A', 'a_b', 'a b', 'ä', 'a\n'])('%j is none', (name) => {
    expect(problemOf({ name })).toContain(`NameInvalid: metadata.name: found "${name}", allowed: a DNS-1035 label`)
  })

  test('is looked at before all else', () => {
    const annotations = { 'ome.io/deployment-mode': 'VirtualDeployment' }
    expect(problemOf({ name: 'a.b', annotations, spec: 7 })).toContain('NameInvalid')
    expect(problemOf({ name: 'a.b', annotations: 7 })).toContain('NameInvalid')
  })
})

test('the names of the Services of components are always three, cut where they are too long', () => {
  expect(componentServiceNames(serviceOf({ spec: 7 }))).toEqual(['chat-engine', 'chat-router', 'chat-decoder'])
  const name = 'n'.repeat(57)
  const cut = (full: string) =>
    `${createHash('sha256').update(full).digest('hex').slice(0, 8).replace(/^\d/, 'a')}-${full.slice(-54)}`
  expect(componentServiceNames(serviceOf({ name }))).toEqual([
    cut(`${name}-engine`),
    cut(`${name}-router`),
    cut(`${name}-decoder`),
  ])
  expect(componentServiceNames(serviceOf({ name: 'n'.repeat(56) }))[0]).toBe(`${'n'.repeat(56)}-engine`)
})

test('Services are asked for by those names alone', () => {
  const service = serviceOf({ name: 'n'.repeat(60), annotations: raw, spec: { router: {}, decoder: {} } })
  const asked = new Set<string>()
  compileInferenceService(service, readOmeConfig(undefined), (name) => {
    asked.add(name)
    return undefined
  })
  expect([...asked].sort()).toEqual([...componentServiceNames(service)].sort())
})

test.each(['text', 7, [], true])('a spec of %j is named', (spec) => {
  expect(problemOf({ spec })).toMatch(/^ConfigInvalid: spec: found .*, allowed: an object$/)
})

test.each([undefined, null, {}, { engine: null }, { engine: 'vllm' }, { engine: [] }])(
  'a spec of %j has an engine',
  (spec) => expect(compile({ annotations: raw, spec }).objects).toHaveLength(1),
)

test('an owner without uid is named without one', () => {
  const service = serviceOf({ annotations: raw })
  const { uid: _, ...metadata } = service.metadata
  const { objects } = compileInferenceService({ ...service, metadata }, readOmeConfig(undefined), () => undefined)
  expect(objects[0].metadata.ownerReferences).toEqual([
    {
      apiVersion: 'ome.io/v1beta1',
      kind: 'InferenceService',
      name: 'chat',
      controller: true,
      blockOwnerDeletion: true,
    },
  ])
})
