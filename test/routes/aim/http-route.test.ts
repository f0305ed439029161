import { expect, test } from 'vitest'
import { makeHttpRoute } from '../../../src/routes/aim/http-route.ts'
import { deriveNames } from '../../../src/routes/aim/names.ts'
import { makeAimService } from './objects.ts'

const service = makeAimService('qwen-chat')
const gateway = { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'inference' }
const parts = {
  service,
  names: deriveNames(service),
  labels: { a: 'b' },
  annotations: {},
  gateway,
  path: '/ml-team/qwen-chat',
  timeout: undefined,
}

test('has one parent and one rule that takes the prefix off', () => {
  expect(makeHttpRoute(parts)).toEqual({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: {
      name: 'qwen-chat-a04542d9',
      namespace: 'ml-team',
      labels: { a: 'b' },
      ownerReferences: [
        {
          apiVersion: 'aim.eai.amd.com/v1alpha1',
          kind: 'AIMService',
          name: 'qwen-chat',
          uid: 'uid-of-qwen-chat',
          controller: true,
        },
      ],
    },
    spec: {
      parentRefs: [gateway],
      rules: [
        {
          matches: [{ path: { type: 'PathPrefix', value: '/ml-team/qwen-chat' } }],
          filters: [
            { type: 'URLRewrite', urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' } } },
          ],
          backendRefs: [{ kind: 'Service', name: 'qwen-chat-a04542d9-predictor', port: 80 }],
        },
      ],
    },
  })
})

test('has a timeout and annotations where there are some', () => {
  const route = makeHttpRoute({ ...parts, timeout: '120s', annotations: { 'example.com/a': '' } })
  expect(route.metadata.annotations).toEqual({ 'example.com/a': '' })
  expect(route.spec.rules).toEqual([expect.objectContaining({ timeouts: { request: '120s' } })])
})

test('its owner has no uid while the service has none', () => {
  const { uid: _, ...metadata } = service.metadata
  const { ownerReferences } = makeHttpRoute({ ...parts, service: { ...service, metadata } }).metadata
  expect(ownerReferences).toStrictEqual([
    { apiVersion: 'aim.eai.amd.com/v1alpha1', kind: 'AIMService', name: 'qwen-chat', controller: true },
  ])
})
