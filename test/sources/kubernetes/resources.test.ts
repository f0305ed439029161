import { expect, test } from 'vitest'
import { Resources } from '../../../src/sources/kubernetes/resources.ts'

const pool = (name: string, spec: object, more: object = {}) => ({
  apiVersion: 'inference.networking.k8s.io/v1',
  kind: 'InferencePool',
  metadata: { name, namespace: 'default', resourceVersion: '1' },
  spec,
  ...more,
})

test('an object whose content is the same stays the same resource', () => {
  const resources = new Resources()
  expect(resources.set(pool('a', { x: 1 }))).toBe(true)
  const [before] = resources.values()
  const rewritten = pool('a', { x: 1 }, { status: { parents: [] } })
  expect(
    resources.set({ ...rewritten, metadata: { ...rewritten.metadata, resourceVersion: '2', managedFields: [] } }),
  ).toBe(false)
  expect([...resources.values()]).toEqual([before])
  expect([...resources.values()][0]).toBe(before)
  expect(resources.set(pool('a', { x: 2 }))).toBe(true)
  const annotated = pool('a', { x: 2 })
  expect(resources.set({ ...annotated, metadata: { ...annotated.metadata, annotations: { b: 'c' } } })).toBe(true)
})

test('a list replaces all', () => {
  const resources = new Resources()
  expect(resources.replaceAll([pool('a', {}), pool('b', {})])).toBe(true)
  expect(resources.replaceAll([pool('b', {}), pool('a', {})])).toBe(false)
  expect(resources.replaceAll([pool('b', {})])).toBe(true)
  expect(resources.replaceAll([pool('b', {}), pool('c', {})])).toBe(true)
  expect([...resources.values()].map(({ origin }) => origin.place([]))).toEqual([
    'InferencePool default/b',
    'InferencePool default/c',
  ])
  expect(resources.delete(pool('b', {}))).toBe(true)
  expect(resources.delete(pool('b', {}))).toBe(false)
})
