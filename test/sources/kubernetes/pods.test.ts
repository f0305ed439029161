import { describe, expect, test } from 'vitest'
import { readPod } from '../../../src/sources/kubernetes/pods.ts'

const ready = [{ type: 'Ready', status: 'True' }]

const pod = (metadata: object = {}, status: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'qwen-0', namespace: 'models', labels: { app: 'qwen' }, ...metadata },
  status: { podIP: '10.0.0.1', conditions: ready, ...status },
})

describe('a Pod', () => {
  test('that is ready is a model server', () => {
    expect(readPod(pod())).toEqual({
      name: 'qwen-0',
      namespace: 'models',
      address: '10.0.0.1',
      port: undefined,
      activePorts: undefined,
      labels: { app: 'qwen' },
    })
  })

  test.each([
    ['without a condition', pod({}, { conditions: undefined })],
    ['that is not ready', pod({}, { conditions: [{ type: 'Ready', status: 'False' }] })],
    ['that is ready in another sense', pod({}, { conditions: [{ type: 'ContainersReady', status: 'True' }] })],
    ['without an address', pod({}, { podIP: undefined })],
    ['that is being deleted', pod({ deletionTimestamp: '2026-01-31T12:00:00Z' })],
    ['without a status', { ...pod(), status: undefined }],
  ])('%s is none', (_, object) => expect(readPod(object)).toBeUndefined())

  test.each([
    ['8000', [8000]],
    ['8000, 8001', [8000, 8001]],
    ['8001,none,0,-1,1.5', [8001]],
    ['', []],
  ])('may name its active ports: %j', (text, ports) => {
    const annotations = { 'inference.networking.k8s.io/active-ports': text }
    expect(readPod(pod({ annotations }))?.activePorts).toEqual(ports)
    const both = { 'inference.networking.k8s.io/active-ports': '1', 'llm-d.ai/active-ports': text }
    expect(readPod(pod({ annotations: both }))?.activePorts).toEqual(ports)
  })
})
