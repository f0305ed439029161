import { randomUUID } from 'node:crypto'
import { signalboxPod, startSignalbox } from './cluster.ts'
import { apiPath, readManifests } from './manifests.ts'
import { applyEndpoints } from './pods.ts'
import { envoyOnHost } from './servers.ts'
import { gateway, type ServiceCluster } from './service-cluster.ts'

/**
 * Lets the Gateway ask Signalbox for the model of each request, by the policies and the catch-all of deploy/envoy-gateway.
 * Signalbox knows no pools here, so the route alone decides where a request goes.
 * @param ends is told how to end it
 */
export async function startBodyRouter(cluster: ServiceCluster, ends: (() => unknown)[]): Promise<void> {
  const signalbox = await startSignalbox(['--kubernetes', `--kubeconfig=${cluster.api.kubeconfig}`])
  ends.push(() => signalbox.stop())
  const service = readManifests('manifests/serve').find(({ kind }) => kind === 'Service')!
  await cluster.apply(service)
  await applyEndpoints(cluster.api, service, [signalboxPod])
  const policies = readManifests('envoy-gateway/gateway').filter(({ kind }) => kind.endsWith('Policy'))
  const catchAll = readManifests('envoy-gateway/routes').filter(({ metadata }) => metadata.name === 'unknown-model')
  await cluster.apply(...policies, ...catchAll)
}

/**
 * Makes the policies of services count for requests by model. Access control acts before Signalbox is asked, and only where
 * the route has some that a request matches at first: so Signalbox goes first, and the catch-all has a policy, too.
 */
export async function guardModelRoutes(cluster: ServiceCluster): Promise<void> {
  const metadata = { namespace: gateway.namespace, name: 'guarded' }
  const proxy = {
    apiVersion: 'gateway.envoyproxy.io/v1alpha1',
    kind: 'EnvoyProxy',
    metadata,
    spec: {
      ...envoyOnHost,
      filterOrder: ['basic_auth', 'api_key_auth'].map((name) => ({
        name: 'envoy.filters.http.ext_proc',
        before: `envoy.filters.http.${name}`,
      })),
    },
  }
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata, stringData: { nobody: randomUUID() } }
  const policy = {
    apiVersion: 'gateway.envoyproxy.io/v1alpha1',
    kind: 'SecurityPolicy',
    metadata,
    spec: {
      targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'unknown-model' }],
      apiKeyAuth: { credentialRefs: [{ name: secret.metadata.name }], extractFrom: [{ headers: ['Authorization'] }] },
    },
  }
  await cluster.apply(proxy, secret, policy)
  const parametersRef = { group: 'gateway.envoyproxy.io', kind: proxy.kind, name: metadata.name }
  const path = apiPath({ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', metadata: gateway })
  await cluster.api.patch(path, { spec: { infrastructure: { parametersRef } } })
}
