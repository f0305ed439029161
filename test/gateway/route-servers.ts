import type { KubeApi } from '../real/kube-api.ts'
import { apiPath } from './manifests.ts'
import { podAddress } from './pod-network.ts'
import { type Server, serverPort, startServers } from './servers.ts'

/** A model server behind a Service of its own, as the controllers of OME and AIM Engine make them. */
export type PlannedService = {
  /** Of the Service; the server says it in `x-sim-server`. */
  readonly name: string
  readonly namespace: string
  /** The Service's own. */
  readonly port: number
  /** That the server serves. */
  readonly model: string
  /** As {@link podAddress} takes it. */
  readonly host: number
}

/**
 * Starts a server for each Service, and tells the API server of both.
 * @param ends is told how to end each of them
 */
export async function startServices(
  api: KubeApi,
  plan: readonly PlannedService[],
  ends: (() => unknown)[],
): Promise<readonly Server[]> {
  const servers = await startServers(
    plan.map((each) => ({ ...each, adapters: [] })),
    ends,
  )
  for (const { name, namespace, port, host } of plan) {
    const metadata = { name, namespace }
    const service = { apiVersion: 'v1', kind: 'Service', metadata }
    const ports = [{ name: 'http', port, targetPort: serverPort, protocol: 'TCP' }]
    await api.apply(apiPath(service), { ...service, spec: { ports } })
    const slice = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata }
    await api.apply(apiPath(slice), {
      ...slice,
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports: [{ name: 'http', port: serverPort, protocol: 'TCP' }],
      endpoints: [{ addresses: [podAddress(host)], conditions: { ready: true } }],
    })
  }
  return servers
}
