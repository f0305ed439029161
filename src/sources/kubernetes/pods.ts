import type { KubeObject } from '../../kubernetes/object.ts'
import type { EndpointSpec } from '../../pool/endpoint.ts'

/** The newer name counts. */
const activePortsAnnotations = ['llm-d.ai/active-ports', 'inference.networking.k8s.io/active-ports']

type PodStatus = {
  readonly podIP?: string
  readonly conditions?: readonly { readonly type: string; readonly status: string }[]
}

/** A Pod as a model server; undefined while it is not ready, has no address, or is being deleted. */
export function readPod({ metadata, status = {} }: KubeObject): EndpointSpec | undefined {
  const { podIP, conditions = [] } = status as PodStatus
  const isReady = conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
  if (!isReady || podIP === undefined || podIP === '' || metadata.deletionTimestamp !== undefined) return undefined
  return {
    name: metadata.name,
    namespace: metadata.namespace!,
    address: podIP,
    port: undefined,
    activePorts: readActivePorts(metadata.annotations ?? {}),
    labels: metadata.labels ?? {},
  }
}

/** `8000,8001`; what is no port counts for nothing, as with the reference endpoint picker. */
function readActivePorts(annotations: Readonly<Record<string, string>>): readonly number[] | undefined {
  const name = activePortsAnnotations.find((each) => annotations[each] !== undefined)
  if (name === undefined) return undefined
  return annotations[name]
    .split(',')
    .map(Number)
    .filter((port) => Number.isInteger(port) && port > 0)
}
