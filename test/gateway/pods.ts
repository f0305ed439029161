import type { KubeApi, KubeObject } from '../real/kube-api.ts'
import { apiPath } from './manifests.ts'

/** A program of this machine in the place of a Pod. */
export type PodEntry = {
  readonly name: string
  /** IP address. */
  readonly address: string
  readonly labels: Readonly<Record<string, string>>
  /** Those of its containers' ports that Services know by name. */
  readonly ports?: Readonly<Record<string, number>>
}

const namespace = 'default'

/** Does what a scheduler and a kubelet do: the Pod, and whether it is ready. */
export async function applyPod(api: KubeApi, { name, address, labels }: PodEntry, isReady: boolean): Promise<void> {
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, labels } }
  await api.apply(apiPath(pod), { ...pod, spec: { containers: [{ name: 'server', image: 'server' }] } })
  await api.patch(`${apiPath(pod)}/status`, {
    status: {
      phase: 'Running',
      podIP: address,
      podIPs: [{ ip: address }],
      conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }],
    },
  })
}

type ServiceSpec = {
  readonly selector: Readonly<Record<string, string>>
  readonly ports: readonly { readonly name: string; readonly targetPort: number | string }[]
}

/**
 * Does what the controller manager does: the EndpointSlice of a Service, with those Pods that its selector matches.
 * A port by its name has the same number in all of them.
 */
export async function applyEndpoints(api: KubeApi, service: KubeObject, pods: readonly PodEntry[]): Promise<void> {
  const { selector, ports } = service.spec as ServiceSpec
  const { name } = service.metadata
  const selected = pods.filter(({ labels }) => Object.entries(selector).every(([key, value]) => labels[key] === value))
  const numberOf = (port: number | string) =>
    typeof port === 'number' ? port : selected.flatMap(({ ports }) => ports?.[port] ?? [])[0]
  const slice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: ports.map((port) => ({ name: port.name, port: numberOf(port.targetPort), protocol: 'TCP' })),
    endpoints: selected.map((pod) => ({
      addresses: [pod.address],
      conditions: { ready: true },
      targetRef: { kind: 'Pod', name: pod.name, namespace },
    })),
  }
  await api.apply(apiPath(slice), slice)
}
