import { envoy } from '../e2e/envoy.ts'
import { canMountCertificates } from '../real/envoy-gateway.ts'
import { findParts } from '../real/parts.ts'
import { openPodNetwork, podNetworkRemedy } from './pod-network.ts'

/** What a cluster with Envoy Gateway is made of. */
export const parts = findParts(['KUBEBUILDER_ASSETS', 'SIGNALBOX_CRDS', 'ENVOY_GATEWAY_BIN'])

/** Whether a cluster can be started here. Says what to do where it can't. */
export const hasCluster = await canStart()

async function canStart(): Promise<boolean> {
  const network = parts.missing.length === 0 ? await openPodNetwork() : undefined
  network?.close()
  if (network !== undefined && envoy !== undefined && canMountCertificates()) return true
  console.log(`skipped: ${parts.missing.join('; ') || podNetworkRemedy}`)
  return false
}
