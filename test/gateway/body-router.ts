import { signalboxPod, startSignalbox } from './cluster.ts'
import { readManifests } from './manifests.ts'
import { applyEndpoints } from './pods.ts'
import type { ServiceCluster } from './service-cluster.ts'

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
