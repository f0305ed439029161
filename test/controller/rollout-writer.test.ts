import { setImmediate as settled } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Cluster } from '../../src/controller/cluster.ts'
import { RolloutWriter } from '../../src/controller/rollout-writer.ts'
import type { KubeObject, ResourceKind } from '../../src/kubernetes/object.ts'
import { driverLimits } from '../../src/rollout/driver.ts'
import { ManualClock } from '../pool/manual-clock.ts'

const model = {
  apiVersion: 'inference.networking.x-k8s.io/v1alpha2',
  kind: 'InferenceModel',
  metadata: {
    name: 'chat',
    namespace: 'default',
    uid: 'm',
    resourceVersion: '1',
    annotations: { 'signalbox.dev/rollout-steps': '1% for 1h, 100%' },
  },
  spec: { modelName: 'chat', poolRef: { name: 'pool' }, targetModels: [{ name: 'v1' }, { name: 'v2' }] },
} as KubeObject
const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'signalbox-0', namespace: 'default', uid: 'p', resourceVersion: '1' },
  spec: { containers: [{ ports: [{ name: 'metrics', containerPort: 9090 }] }] },
  status: { podIP: '10.0.0.7', conditions: [{ type: 'Ready', status: 'True' }] },
} as KubeObject

const cluster = {
  knows: () => true,
  objects: ({ kind }: ResourceKind) =>
    new Map([model, pod].filter((each) => each.kind === kind).map((each) => [`default/${each.metadata.name}`, each])),
} as unknown as Cluster

test('a lease that is lost and gained again during a look does not make two that look', async () => {
  const clock = new ManualClock()
  const pages: ((page: Buffer) => void)[] = []
  const fetchPage = () => new Promise<Buffer>((resolve) => pages.push(resolve))
  const replicas = { namespace: 'default', labelSelector: 'app=signalbox' }
  let decisions = 0
  const writer = new RolloutWriter({ replicas, fetchPage }, clock, undefined, () => {
    decisions += 1
  })
  writer.start()
  expect([...writer.plan(cluster)]).toEqual([])
  await clock.advance(driverLimits.intervalMs)
  expect(pages).toHaveLength(1)

  writer.stop()
  writer.start()
  pages[0](Buffer.from(''))
  await settled()
  await clock.advance(driverLimits.intervalMs)
  // What was seen under the lease before decides nothing under this one.
  expect([pages.length, decisions]).toEqual([2, 0])
  pages[1](Buffer.from(''))
  await settled()
  await clock.advance(driverLimits.intervalMs)
  expect([pages.length, decisions]).toEqual([3, 1])
})
