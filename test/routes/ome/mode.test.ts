import { describe, expect, test } from 'vitest'
import { compile, type Given, kindsOf, problemOf, settingOf } from './build.ts'

/** What is made in each mode, for a service with an engine alone. */
const made = {
  Serverless: ['Service', 'VirtualService'],
  RawDeployment: ['Ingress'],
  MultiNode: ['Ingress'],
  MultiNodeRayVLLM: ['Ingress'],
  VirtualDeployment: [],
}

test.each(Object.entries(made))('mode %s is known', (mode, kinds) => {
  const given = { annotations: { 'ome.io/deployment-mode': mode } }
  expect(kindsOf(given)).toEqual(kinds)
  expect(compile(given).problem).toBeUndefined()
})

describe('the mode is the first that is found', () => {
  const all: Given = {
    annotations: { 'ome.io/deployment-mode': 'RawDeployment', 'ome.io/deploymentMode': 'MultiNode' },
    spec: {
      engine: {
        annotations: { 'ome.io/deployment-mode': 'VirtualDeployment', 'ome.io/deploymentMode': 'RawDeployment' },
        minReplicas: 0,
        worker: {},
      },
    },
    deploy: { defaultDeploymentMode: 'RawDeployment' },
  }
  const engine = (all.spec as { engine: object }).engine
  const engineOf = (change: object) => ({ ...all, annotations: {}, spec: { engine: { ...engine, ...change } } })
  const camel = { 'ome.io/deploymentMode': 'RawDeployment' }

  test.each<[string, Given, string, readonly unknown[] | 'default']>([
    ['annotation', all, 'RawDeployment', ['metadata', 'annotations', 'ome.io/deployment-mode']],
    [
      'annotation, empty: the other one',
      { ...all, annotations: { 'ome.io/deployment-mode': '', 'ome.io/deploymentMode': 'MultiNode' } },
      'MultiNode',
      ['metadata', 'annotations', 'ome.io/deploymentMode'],
    ],
    [
      'annotation of the engine',
      engineOf({}),
      'VirtualDeployment',
      ['spec', 'engine', 'annotations', 'ome.io/deployment-mode'],
    ],
    [
      'the other annotation of the engine',
      engineOf({ annotations: camel }),
      'RawDeployment',
      ['spec', 'engine', 'annotations', 'ome.io/deploymentMode'],
    ],
    ['leader', engineOf({ annotations: {}, leader: {} }), 'MultiNode', ['spec', 'engine', 'leader']],
    ['worker', engineOf({ annotations: null }), 'MultiNode', ['spec', 'engine', 'worker']],
    [
      'no replicas at least',
      engineOf({ annotations: {}, leader: null, worker: null }),
      'Serverless',
      ['spec', 'engine', 'minReplicas'],
    ],
    ['default of Serverless', { spec: { engine: { minReplicas: 1 } } }, 'Serverless', 'default'],
    ['nothing at all', {}, 'Serverless', 'default'],
    ['an empty default', { deploy: { defaultDeploymentMode: '' } }, 'Serverless', 'default'],
    ['a default of null', { deploy: { defaultDeploymentMode: null } }, 'Serverless', 'default'],
    ['an engine of another shape', { spec: { engine: 'vllm' } }, 'Serverless', 'default'],
  ])('%s', (_name, given, mode, from) => {
    const place = from === 'default' ? from : ['InferenceService', ...from]
    expect(settingOf(given, 'deploymentMode')).toEqual({ value: mode, from: place })
  })

  test('the ConfigMap', () => {
    const from = ['ConfigMap', 'data', 'deploy', 'defaultDeploymentMode']
    const given = { deploy: { defaultDeploymentMode: 'MultiNodeRayVLLM' }, spec: { engine: { minReplicas: 1 } } }
    expect(settingOf(given, 'deploymentMode')).toEqual({ value: 'MultiNode', from })
  })

  test.each([{ router: { minReplicas: 0 } }, { decoder: { minReplicas: 0 } }])('%o has no say', (component) => {
    const given = { deploy: { defaultDeploymentMode: 'RawDeployment' }, spec: { engine: {}, ...component } }
    expect(settingOf(given, 'deploymentMode')?.value).toBe('RawDeployment')
  })
})

describe('what is no mode', () => {
  test.each(['rawdeployment', 'Raw', ' RawDeployment', 'constructor', '__proto__'])('%j is named', (mode) => {
    const problem = problemOf({ annotations: { 'ome.io/deploymentMode': mode } })
    expect(problem).toContain(`DeploymentModeInvalid: ome.io/deploymentMode: found "${mode}", allowed: Serverless, `)
  })

  test('is named where the engine says it', () => {
    const spec = { engine: { annotations: { 'ome.io/deployment-mode': 'x' } } }
    const field = 'spec.engine.annotations["ome.io/deployment-mode"]'
    expect(problemOf({ spec })).toContain(`DeploymentModeInvalid: ${field}: found "x"`)
  })

  test('is named where the ConfigMap says it', () => {
    const field = 'deploy.defaultDeploymentMode in ConfigMap ome/inferenceservice-config'
    const deploy = { defaultDeploymentMode: 'Knative' }
    expect(problemOf({ deploy })).toContain(`DeploymentModeInvalid: ${field}: found "Knative"`)
  })

  test('makes nothing, and leaves what was made before', () => {
    const { objects, others, status } = compile({ annotations: { 'ome.io/deployment-mode': 'x' } })
    expect({ objects, others, url: status.url }).toEqual({ objects: [], others: 'keep', url: undefined })
  })
})

test('the key deploy is read only where nothing before it says a mode', () => {
  const deploy = 'no JSON'
  expect(problemOf({ deploy, spec: { engine: { minReplicas: 0 } } })).toBeUndefined()
  expect(problemOf({ deploy })).toContain('ConfigInvalid: deploy in ConfigMap ome/inferenceservice-config')
})

test('a virtual deployment has an address, one condition, and nothing that is made', () => {
  const given = { annotations: { 'ome.io/deployment-mode': 'VirtualDeployment', 'signalbox.dev/auth': 'basic' } }
  const { objects, others, status } = compile({ ...given, ingress: 'no JSON', status: { conditions: [] } })
  expect({ objects, others }).toEqual({ objects: [], others: 'delete' })
  const url = 'http://chat.ml.svc.cluster.local'
  const condition = { type: 'Ready', status: 'True', reason: 'VirtualDeployment', message: expect.any(String) }
  expect(status).toEqual({ url, address: { url }, conditions: [condition] })
})
