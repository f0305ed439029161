import { describe, expect, test } from 'vitest'
import { aimServices, inferenceServices, nextStatus } from '../../src/controller/service-status.ts'
import type { KubeObject } from '../../src/kubernetes/object.ts'
import type { ServiceStatus } from '../../src/routes/compiled.ts'

const noon = Date.UTC(2026, 0, 31, 12)
const old = '2026-01-01T00:00:00Z'
const now = '2026-01-31T12:00:00Z'
const object = (status?: object): KubeObject => ({
  apiVersion: 'a/v1',
  kind: 'K',
  metadata: { name: 'n', namespace: 'ns', generation: 3 },
  ...(status !== undefined && { status }),
})
const ofOme = (status: object | undefined, wanted: ServiceStatus) =>
  nextStatus(object(status), wanted, inferenceServices, noon)
const ofAim = (status: object | undefined, wanted: ServiceStatus) =>
  nextStatus(object(status), wanted, aimServices, noon)

describe('status of an InferenceService', () => {
  const ready = { type: 'IngressReady', status: 'True' } as const

  test('that has none', () => {
    expect(ofOme(undefined, { url: 'http://a', address: { url: 'http://b' }, conditions: [ready] })).toEqual({
      url: 'http://a',
      address: { url: 'http://b' },
      conditions: [{ ...ready, lastTransitionTime: now }],
    })
  })

  test('keeps all that is not ours, in its order', () => {
    const theirs = { type: 'EngineReady', status: 'True', severity: 'Info', lastTransitionTime: old }
    const readyOfOme = { type: 'Ready', status: 'True', lastTransitionTime: old }
    const before = {
      url: 'http://old',
      address: { url: 'http://old', audience: 'x' },
      components: { engine: {} },
      conditions: [readyOfOme, { ...ready, lastTransitionTime: old }, theirs],
    }
    expect(ofOme(before, { url: 'http://a', conditions: [ready] })).toEqual({
      ...before,
      url: 'http://a',
      address: { audience: 'x' },
    })
  })

  test('loses what we have said before and do not say now', () => {
    const conditions = ['PathTemplateApplied', 'ServiceTypeValid', 'IngressClassApplied', 'ModelRouteReady'].map(
      (type) => ({
        type,
        status: 'False',
        reason: 'Old',
        lastTransitionTime: old,
      }),
    )
    const virtual = { type: 'Ready', status: 'True', reason: 'VirtualDeployment', lastTransitionTime: old }
    const before = { url: 'http://a', address: { url: 'http://b' }, conditions: [...conditions, virtual] }
    expect(ofOme(before, { conditions: [ready] })).toEqual({ conditions: [{ ...ready, lastTransitionTime: now }] })
  })

  test('holds a condition once, whoever has written it twice', () => {
    const twice = { ...ready, lastTransitionTime: old }
    expect(ofOme({ conditions: [twice, twice] }, { conditions: [ready] })).toEqual({ conditions: [twice] })
  })
})

describe('status of an AIMService', () => {
  const ready = { type: 'HTTPRouteReady', status: 'True', reason: 'HTTPRouteAccepted', message: 'm' } as const
  const stored = { ...ready, observedGeneration: 3, lastTransitionTime: old }

  test('carries the generation that was compiled, and the time at which the status has turned', () => {
    expect(ofAim(undefined, { routing: { path: '/a' }, conditions: [ready] })).toEqual({
      routing: { path: '/a' },
      conditions: [{ ...stored, lastTransitionTime: now }],
    })
    const earlier = { ...stored, observedGeneration: 2, message: 'other' }
    expect(ofAim({ conditions: [earlier] }, { conditions: [ready] })).toEqual({ conditions: [stored] })
    expect(ofAim({ conditions: [{ ...stored, status: 'False' }] }, { conditions: [ready] })).toEqual({
      conditions: [{ ...stored, lastTransitionTime: now }],
    })
  })

  test('that says all of it already stays the same', () => {
    const status = { status: 'Running', routing: { path: '/a' }, conditions: [{ type: 'Other' }, stored] }
    expect(ofAim(status, { routing: { path: '/a' }, conditions: [ready] })).toEqual(status)
  })

  test('of which nothing is said has no conditions of ours', () => {
    expect(ofAim(undefined, { conditions: [] })).toEqual({})
    expect(ofAim({ routing: { path: '/a' }, conditions: [stored] }, { conditions: [] })).toEqual({ conditions: [] })
  })
})
