import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kinds } from '../../src/kubernetes/kinds.ts'
import type { KubeApi } from '../real/kube-api.ts'
import { installCrds, isSkipped, put } from './cluster.ts'
import {
  type ControllerProcess,
  conditionOf,
  eventually,
  grant,
  leastRights,
  read,
  startController,
} from './controller.ts'
import { checkHealth } from './health.ts'
import { installOmeCrd, routeCrdNames, startRouteCluster } from './route-cluster.ts'

const { inferenceService, aimService, httpRoute, ingress, virtualService, configMap } = kinds

const reading = ['get', 'list', 'watch']
const writing = [...reading, 'create', 'patch', 'delete']
/** All that it takes to make routes, but for VirtualServices. */
const rights = [
  ...leastRights,
  { apiGroups: ['ome.io'], resources: ['inferenceservices'], verbs: reading },
  {
    apiGroups: ['aim.eai.amd.com'],
    resources: ['aimservices', 'aimruntimeconfigs', 'aimclusterruntimeconfigs'],
    verbs: reading,
  },
  { apiGroups: ['ome.io', 'aim.eai.amd.com'], resources: ['*/status'], verbs: ['get', 'update'] },
  { apiGroups: [''], resources: ['configmaps'], verbs: reading },
  { apiGroups: [''], resources: ['services'], verbs: writing },
  { apiGroups: ['networking.k8s.io'], resources: ['ingresses'], verbs: writing },
  { apiGroups: ['gateway.networking.k8s.io'], resources: ['httproutes'], verbs: writing },
  { apiGroups: ['gateway.envoyproxy.io'], resources: ['securitypolicies'], verbs: writing },
]

const engine = { engine: { minReplicas: 1 } }
const putOme = (api: KubeApi, name: string, mode: string) =>
  put(api, inferenceService, {
    metadata: { name, annotations: { 'ome.io/deployment-mode': mode } },
    spec: engine,
  } as never)
const aimSpec = {
  model: { name: 'qwen3-32b' },
  routing: { enabled: true, gatewayRef: { name: 'inference-gateway' }, pathTemplate: '/{.metadata.name}' },
}
/** Kinds that are not there are looked for every ten seconds. */
const lookedForMs = 45_000

describe.skipIf(isSkipped)('in a cluster that lacks kinds or rights', () => {
  let api: KubeApi
  let controller: ControllerProcess
  beforeAll(async () => {
    api = await startRouteCluster(undefined, [])
    await grant(api, rights)
    controller = await startController(api.kubeconfigOf('controller'))
  })
  afterAll(async () => {
    await controller?.stop()
    await api?.stop()
  })

  test('the controller is ready, and each kind is picked up when its CRD comes', { timeout: 180_000 }, async () => {
    await eventually(async () =>
      expect(await checkHealth(`127.0.0.1:${controller.healthPort}`, 'readiness')).toBe('SERVING'),
    )
    for (const kind of [inferenceService, aimService, httpRoute]) {
      expect(await controller.watchState(kind, 'missing'), kind.plural).toBe(1)
    }
    const {
      aimService: ofAim,
      aimRuntimeConfig,
      aimClusterRuntimeConfig,
      httpRoute: ofRoutes,
      ...others
    } = routeCrdNames
    await installCrds(api, [ofAim, aimRuntimeConfig, aimClusterRuntimeConfig])
    await put(api, aimService, { metadata: { name: 'qwen' }, spec: aimSpec } as never)
    await eventually(
      async () =>
        expect(await conditionOf(api, aimService, 'qwen', 'HTTPRouteReady')).toMatchObject({
          status: 'False',
          reason: 'ApplyFailed',
          message: expect.stringContaining('httproutes.gateway.networking.k8s.io'),
        }),
      lookedForMs,
    )
    await installCrds(api, [ofRoutes])
    await eventually(
      async () =>
        expect(await conditionOf(api, aimService, 'qwen', 'HTTPRouteReady')).toMatchObject({
          reason: 'HTTPRoutePending',
        }),
      lookedForMs,
    )
    await installOmeCrd(api, 'full')
    await putOme(api, 'raw', 'RawDeployment')
    await eventually(() => read(api, ingress, 'raw'), lookedForMs)
    await installCrds(api, Object.values(others))
    await putOme(api, 'serverless', 'Serverless')
    // VirtualServices are there now, but they may not be read.
    await eventually(
      async () =>
        expect(await conditionOf(api, inferenceService, 'serverless', 'IngressReady')).toMatchObject({
          status: 'False',
          reason: 'ApplyFailed',
          message: expect.stringContaining('no right to list and watch virtualservices.networking.istio.io'),
        }),
      lookedForMs,
    )
    expect(await conditionOf(api, inferenceService, 'raw', 'IngressReady')).toMatchObject({ status: 'True' })
    const state = `signalbox_controller_services{resource="inferenceservices.ome.io",state="ApplyFailed"}`
    expect(await controller.metric(state)).toBe(1)
    await grant(api, [
      ...rights,
      { apiGroups: ['networking.istio.io'], resources: ['virtualservices'], verbs: writing },
    ])
    await eventually(() => read(api, virtualService, 'serverless'), lookedForMs)
    await eventually(async () =>
      expect(await conditionOf(api, inferenceService, 'serverless', 'IngressReady')).toMatchObject({ status: 'True' }),
    )
  })

  test('a restart of the API server loses nothing', { timeout: 120_000 }, async () => {
    await api.interrupt()
    await api.resume()
    await put(api, configMap, {
      metadata: { name: 'inferenceservice-config', namespace: 'ome' },
      data: { ingress: '{"ingressDomain": "after.example.org"}' },
    } as never)
    await eventually(async () => {
      const { status } = await read(api, inferenceService, 'raw')
      expect(status).toMatchObject({ url: 'http://raw.default.after.example.org' })
    }, lookedForMs)
  })
})
