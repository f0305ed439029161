import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kinds } from '../../src/kubernetes/kinds.ts'
import { read } from '../kube/controller.ts'
import type { KubeObject } from '../real/kube-api.ts'
import { hasCluster } from './parts.ts'
import type { PlannedService } from './route-servers.ts'
import {
  gateway,
  namespace,
  type RunningServiceCluster,
  type ServiceCluster,
  startServiceCluster,
} from './service-cluster.ts'

const routeName = (name: string) => `${name}-a04542d9`

/** The Service that AIM Engine makes for a service's model servers. */
const predictor = (name: string, model: string, host: number): PlannedService => ({
  name: `${routeName(name)}-predictor`,
  namespace,
  port: 80,
  model,
  host,
})

const clusterConfig: KubeObject = {
  apiVersion: 'aim.eai.amd.com/v1alpha1',
  kind: 'AIMClusterRuntimeConfig',
  metadata: { name: 'default' },
  spec: {
    routing: { enabled: true, gatewayRef: gateway, pathTemplate: '/{.metadata.namespace}/{.metadata.name}' },
  },
}

const aimService = (name: string, routing: object = {}): KubeObject => ({
  apiVersion: 'aim.eai.amd.com/v1alpha1',
  kind: 'AIMService',
  metadata: { name },
  spec: { model: { name: 'qwen3-32b' }, routing },
})

/** The Gateway's own idea of how long an answer may take, for routes that have none. */
const gatewayTimeout: KubeObject = {
  apiVersion: 'gateway.envoyproxy.io/v1alpha1',
  kind: 'BackendTrafficPolicy',
  metadata: gateway,
  spec: {
    targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: gateway.name }],
    timeout: { http: { requestTimeout: '2s' } },
  },
}

describe.skipIf(!hasCluster)('routes of AIMServices on a real Envoy Gateway', () => {
  let running: RunningServiceCluster
  let cluster: ServiceCluster

  beforeAll(async () => {
    running = await startServiceCluster({
      services: [
        predictor('qwen-chat', 'qwen', 50),
        predictor('deepseek', 'deepseek-r1', 51),
        predictor('moving', 'qwen', 52),
        predictor('root', 'qwen', 53),
      ],
      objects: [
        clusterConfig,
        gatewayTimeout,
        aimService('qwen-chat', { requestTimeout: '0s' }),
        aimService('deepseek', { requestTimeout: '0.5s' }),
        aimService('moving'),
      ],
      isReady: async (cluster) => {
        const paths = ['qwen-chat', 'deepseek', 'moving'].map((name) => `/ml-team/${name}`)
        const answers = await Promise.all(paths.map((path) => cluster.ask(path)))
        return answers.every(({ status }) => status === 200)
      },
    })
    cluster = running.cluster
  })
  afterAll(() => running?.stop())

  const statusOf = async (path: string) => (await cluster.ask(path)).status
  const conditionIs = (name: string, expected: object) =>
    expect.poll(() => cluster.condition(kinds.aimService, name, 'HTTPRouteReady')).toMatchObject(expected)
  const pathInStatus = async (name: string) => {
    const { status } = await read(cluster.api, kinds.aimService, name, namespace)
    return (status?.routing as { path?: string } | undefined)?.path
  }

  test.each([
    ['/ml-team/qwen-chat/v1/chat/completions', '/v1/chat/completions'],
    ['/ml-team/qwen-chat', '/'],
    ['/ml-team/qwen-chat/', '/'],
    ['/ml-team/qwen-chat?verbose=1', '/?verbose=1'],
    ['/ml-team/qwen-chat/v1/models?after=a%2Fb&limit=2', '/v1/models?after=a%2Fb&limit=2'],
    ['/ml-team/qwen-chat/v1/files/a%20b/content', '/v1/files/a%20b/content'],
    ['/ml-team/qwen-chat/ml-team/qwen-chat', '/ml-team/qwen-chat'],
  ])('%s reaches the server as %s', async (path, arrived) => {
    expect(await cluster.ask(path)).toMatchObject({
      status: 200,
      server: 'qwen-chat-a04542d9-predictor',
      path: arrived,
    })
  })

  test.each([
    '/ml-team/qwen-chatter/v1/models',
    '/ml-team/qwen-chat-2',
    '/ML-team/qwen-chat',
    '/ml-team',
    '/v1/models',
    '/',
  ])('%s leads nowhere', async (path) => {
    expect(await statusOf(path)).toBe(404)
  })

  test('two services at one Gateway: each path leads to the model of its own', async () => {
    for (const [name, model] of [
      ['qwen-chat', 'qwen'],
      ['deepseek', 'deepseek-r1'],
    ]) {
      const { status, body } = await cluster.chat(`/ml-team/${name}/v1/chat/completions`, model)
      expect([status, JSON.parse(body.toString()).model]).toEqual([200, model])
    }
  })

  test('a stream comes as it is made', async () => {
    const ending = new AbortController()
    const { headers, body } = await fetch(`${cluster.url}/ml-team/qwen-chat/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-sim-fault': 'stall;afterChunks=3' },
      body: JSON.stringify({ model: 'qwen', stream: true, messages: [{ role: 'user', content: 'who are you?' }] }),
      signal: ending.signal,
    })
    expect(headers.get('content-type')).toMatch('text/event-stream')
    // The server never ends it, so what comes has not waited for the end.
    let text = ''
    for await (const piece of body!.pipeThrough(new TextDecoderStream())) {
      text += piece
      if (text.split('\n\n').length > 3) break
    }
    ending.abort()
    expect(text.split('\n\n').slice(0, 3)).toEqual(Array(3).fill(expect.stringMatching(/^data: \{/)))
  })

  test('requestTimeout ends a request that hangs, 0s lets it take its time, and without one the Gateway has its say', async () => {
    const hang = async (name: string, model: string, fault: string) =>
      (await cluster.chat(`/ml-team/${name}/v1/chat/completions`, model, { 'x-sim-fault': fault })).status
    const statuses = await Promise.all([
      hang('deepseek', 'deepseek-r1', 'stall=1500'),
      hang('qwen-chat', 'qwen', 'stall=4000'),
      hang('moving', 'qwen', 'stall'),
    ])
    expect(statuses).toEqual([504, 200, 504])
  })

  test('HTTPRouteReady is what Envoy Gateway says of the route', async () => {
    await conditionIs('qwen-chat', { status: 'True', reason: 'HTTPRouteAccepted' })
    await cluster.apply(aimService('no-servers'))
    await conditionIs('no-servers', { status: 'False', reason: 'BackendNotFound' })
    const gatewayRef = { ...gateway, sectionName: 'no-such-listener' }
    await cluster.apply(aimService('no-listener', { gatewayRef }))
    await conditionIs('no-listener', { status: 'False', reason: 'NoMatchingParent' })
    await cluster.apply(aimService('no-listener', { gatewayRef: { ...gateway, sectionName: 'http' } }))
    await conditionIs('no-listener', { status: 'False', reason: 'BackendNotFound' })
  })

  test('a changed template moves the way', async () => {
    await cluster.apply(aimService('moving', { pathTemplate: '/models/{.metadata.name}/chat' }))
    await expect.poll(() => statusOf('/models/moving/chat/v1/models')).toBe(200)
    expect(await statusOf('/ml-team/moving')).toBe(404)
    await expect.poll(() => pathInStatus('moving')).toBe('/models/moving/chat')
    await conditionIs('moving', { reason: 'HTTPRouteAccepted', observedGeneration: 2 })
  })

  test('routing that is switched off closes it', async () => {
    await cluster.apply(aimService('moving', { enabled: false }))
    await expect.poll(() => statusOf('/models/moving/chat')).toBe(404)
    await expect.poll(() => pathInStatus('moving')).toBe(undefined)
  })

  test('the path / gets what no other has, as it is', async () => {
    await cluster.apply(aimService('root', { pathTemplate: '/' }))
    await expect.poll(() => statusOf('/')).toBe(200)
    expect(await cluster.ask('/v1/models?limit=2')).toMatchObject({
      server: 'root-a04542d9-predictor',
      path: '/v1/models?limit=2',
    })
    expect(await cluster.ask('/ml-team/qwen-chat/v1/models')).toMatchObject({
      server: 'qwen-chat-a04542d9-predictor',
      path: '/v1/models',
    })
  })
})
