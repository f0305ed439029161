import { expect, test } from 'vitest'
import { ApiError } from '../../src/kubernetes/client.ts'
import { viewCluster } from '../../src/preflight/cluster.ts'

const group = 'inference.networking.k8s.io'

/** An API server that has nothing, and refuses to list what `isForbidden` says. */
const refusing = (isForbidden: (path: string) => boolean) => ({
  async get(path: string): Promise<unknown> {
    if (isForbidden(path)) throw new ApiError(403, 'Forbidden', `may not list ${path}`)
    return { metadata: { resourceVersion: '1' }, items: [] }
  },
})

test('each kind that may not be listed is named once, of each group', async () => {
  const view = await viewCluster(
    refusing((path) => /\/(inferencepools|configmaps)$/.test(path)),
    undefined,
  )
  expect(view.problems.map(({ place, message }) => `${place}: ${message}`)).toEqual([
    `inferencepools.${group}: not checked: may not list /apis/${group}/v1/inferencepools`,
    'inferencepools.inference.networking.x-k8s.io: not checked: may not list /apis/inference.networking.x-k8s.io/v1alpha2/inferencepools',
    'configmaps: not checked: may not list /api/v1/configmaps',
  ])
  expect(view.isUnread('InferencePool', 'default')).toBe(true)
  expect(view.isUnread('HTTPRoute', 'default')).toBe(false)
})

test('of the namespaces others than the one that was looked into are unread', async () => {
  const view = await viewCluster(
    refusing(() => false),
    'ai',
  )
  expect(view.isUnread('HTTPRoute', 'ai')).toBe(false)
  expect(view.isUnread('HTTPRoute', 'default')).toBe(true)
})
