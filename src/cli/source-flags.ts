import type { Command } from 'commander'
import type { Resource } from '../catalog/resource.ts'
import { kinds } from '../kubernetes/kinds.ts'
import type { ServiceOptions } from '../service.ts'
import { parseBoolean, parseLabels, parsePorts } from './flag-values.ts'

/** Flags of `serve` that say what is served, and where that is written. */
export type SourceFlags = {
  resources?: string[]
  endpoints?: string
  kubernetes?: boolean
  kubeconfig?: string
  watchNamespace?: string
  poolName?: string
  poolNamespace: string
  poolGroup?: string
  endpointSelector?: readonly (readonly [string, string])[]
  endpointTargetPorts?: readonly number[]
  haEnableLeaderElection: boolean
}

export function defineSourceFlags(command: Command): void {
  command
    .option('--resources <path...>', 'manifests: files or folders, watched for changes')
    .option('--endpoints <file>', 'model servers, for pools whose pods no cluster names; without it a body router')
    .option('--kubernetes', 'read from a cluster (default without --resources in a pod, or with --pool-name)')
    .option(
      '--kubeconfig <file>',
      'its credentials (default: KUBECONFIG, ~/.kube/config, or the service account of the pod)',
    )
    .option('--watch-namespace <namespace>', 'read this namespace alone (default: all, or that of the pool)')
    .option('--pool-name <name>', 'serve this InferencePool alone')
    .option('--pool-namespace <namespace>', 'its namespace', process.env.NAMESPACE ?? 'default')
    .option('--pool-group <group>', 'API group of pools (default: both that there are)')
    .option(
      '--endpoint-selector <labels>',
      'serve the pods with these labels, key=value,…, without an InferencePool',
      parseLabels,
    )
    .option('--endpoint-target-ports <ports>', 'their ports, 1 to 8 of them', parsePorts)
    .option(
      '--ha-enable-leader-election [bool]',
      'be ready only while holding the lease of the pool: one replica serves, the others stand by',
      parseBoolean,
      false,
    )
}

/** What is wrong with the flags together. */
export function sourceConflict(flags: SourceFlags): string | undefined {
  const { resources, endpoints, poolName, endpointSelector, endpointTargetPorts } = flags
  const readsCluster = flags.kubernetes === true || flags.kubeconfig !== undefined || endpointSelector !== undefined
  if (resources !== undefined && readsCluster) return '--resources reads files: no flag of a cluster goes with it'
  if (resources === undefined && endpoints !== undefined) return '--endpoints goes with --resources'
  if (resources === undefined && !readsCluster && poolName === undefined && !isPod) {
    return 'nothing to serve from: --resources names manifests (files or folders), --kubernetes reads a cluster'
  }
  if (endpointSelector !== undefined && poolName !== undefined) return '--pool-name or --endpoint-selector: one of them'
  if ((endpointSelector === undefined) !== (endpointTargetPorts === undefined)) {
    return '--endpoint-selector and --endpoint-target-ports go together'
  }
  if (flags.haEnableLeaderElection && (resources !== undefined || (poolName ?? endpointSelector) === undefined)) {
    return '--ha-enable-leader-election is for one pool of a cluster: --pool-name names it'
  }
  return undefined
}

/** Kubernetes sets it in every container. */
const isPod = process.env.KUBERNETES_SERVICE_HOST !== undefined

/** Where resources come from. The flags are without {@link sourceConflict}. */
export function sourceOf(flags: SourceFlags): ServiceOptions['source'] {
  const { resources, endpoints: endpointsFile, poolNamespace, poolGroup, watchNamespace, kubeconfig } = flags
  if (resources !== undefined) return { kind: 'files', resources, endpointsFile, defaultNamespace: poolNamespace }
  const { endpointSelector: selector, endpointTargetPorts: ports } = flags
  const standing = selector && ports ? [poolOfPods(poolNamespace, selector, ports)] : []
  return { kind: 'kubernetes', kubeconfig, namespace: watchNamespace, poolGroup, standing }
}

/** The pool that `--endpoint-selector` stands for. */
function poolOfPods(
  namespace: string,
  selector: readonly (readonly [string, string])[],
  ports: readonly number[],
): Resource {
  const { apiVersion, kind } = kinds.poolV1
  const object = {
    apiVersion,
    kind,
    metadata: { name: standingPoolName, namespace },
    spec: {
      selector: { matchLabels: Object.fromEntries(selector) },
      targetPorts: ports.map((number) => ({ number })),
      endpointPickerRef: { name: 'signalbox', port: { number: 9002 } },
    },
  }
  return { apiVersion, kind, object, origin: { place: () => '--endpoint-selector' } }
}

const standingPoolName = 'endpoint-selector'

/** The one pool that is served; undefined for all. */
export function onlyPoolOf({
  poolNamespace: namespace,
  poolName,
  endpointSelector,
}: SourceFlags): ServiceOptions['onlyPool'] {
  const name = endpointSelector === undefined ? poolName : standingPoolName
  return name === undefined ? undefined : { namespace, name }
}
