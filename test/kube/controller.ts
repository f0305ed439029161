import { join } from 'node:path'
import { vi } from 'vitest'
import { freePorts } from '../../src/demo/free-ports.ts'
import { GuardedProcess } from '../../src/demo/process.ts'
import { objectPath, type ResourceKind, resourceName } from '../../src/kubernetes/object.ts'
import type { KubeApi, KubeObject } from '../real/kube-api.ts'

const binary = join(import.meta.dirname, '..', '..', 'bin', 'signalbox')

/** A `signalbox controller` of its own process. */
export class ControllerProcess {
  readonly program: GuardedProcess
  readonly healthPort: number
  readonly #metricsUrl: string

  constructor(kubeconfig: string, flags: readonly string[], [healthPort, metricsPort]: readonly number[]) {
    this.healthPort = healthPort
    this.#metricsUrl = `http://127.0.0.1:${metricsPort}/metrics`
    this.program = new GuardedProcess({
      name: 'signalbox controller',
      command: binary,
      args: [
        ...['controller', '--kubernetes', '--kubeconfig', kubeconfig, '--host', '127.0.0.1'],
        ...['--grpc-health-port', String(healthPort), '--metrics-port', String(metricsPort), ...flags],
      ],
    })
  }

  /** Value of a series of its metrics; 0 for one that is not there. */
  async metric(series: string): Promise<number> {
    const page = await (await fetch(this.#metricsUrl)).text()
    const line = page.split('\n').find((each) => each.startsWith(`${series} `))
    return Number(line?.slice(series.length + 1) ?? 0)
  }

  writes(kind: ResourceKind, result = 'written'): Promise<number> {
    return this.metric(`signalbox_controller_writes_total{resource="${resourceName(kind)}",result="${result}"}`)
  }

  watchState(kind: ResourceKind, state: string): Promise<number> {
    return this.metric(`signalbox_watch_state{resource="${resourceName(kind)}",state="${state}"}`)
  }

  isLeader(): Promise<boolean> {
    return this.metric('signalbox_controller_leader').then(
      (value) => value === 1,
      () => false,
    )
  }

  /** Leads, and has nothing to write. */
  async untilIdle(): Promise<void> {
    await eventually(async () => {
      if (!(await this.isLeader())) throw new Error(`not leader:\n${this.program.lastLines()}`)
      if ((await this.metric('signalbox_controller_pending_writes')) > 0) throw new Error('still writing')
    })
  }

  stop(): Promise<void> {
    return this.program.stop()
  }

  /** As when its node is gone. */
  async kill(): Promise<void> {
    process.kill(this.program.pid, 'SIGKILL')
    await this.program.ended
  }
}

export async function startController(kubeconfig: string, flags: readonly string[] = []): Promise<ControllerProcess> {
  return new ControllerProcess(kubeconfig, flags, await freePorts(2))
}

/** Waits for what a cluster comes to sooner or later. */
export const eventually = <T>(check: () => T | Promise<T>, timeout = 60_000): Promise<T> =>
  vi.waitFor(check, { timeout, interval: 50 })

export type Stored = KubeObject & {
  metadata: { uid: string; generation: number; resourceVersion: string; creationTimestamp: string }
  status?: Record<string, unknown> & { conditions?: Record<string, unknown>[] }
}

export const read = (api: KubeApi, kind: ResourceKind, name: string, namespace = 'default') =>
  api.get(objectPath(kind, namespace, name)) as Promise<Stored>

/** Its condition of that type, without its time. */
export async function conditionOf(api: KubeApi, kind: ResourceKind, name: string, type = 'Accepted') {
  const { status } = await read(api, kind, name)
  const found = status?.conditions?.find((each) => each.type === type)
  if (found === undefined) throw new Error(`${kind.kind} ${name} has no condition ${type}`)
  const { lastTransitionTime: _, ...condition } = found
  return condition
}

const inferenceGroups = ['inference.networking.k8s.io', 'inference.networking.x-k8s.io', 'llm-d.ai']
const policies = ['inferencemodels', 'inferenceobjectives', 'inferencemodelrewrites']
const reading = ['get', 'list', 'watch']

/** The rights that the controller needs, as docs/controller.md has them. */
export const leastRights: readonly object[] = [
  { apiGroups: inferenceGroups, resources: ['inferencepools', ...policies], verbs: reading },
  { apiGroups: inferenceGroups, resources: policies.map((each) => `${each}/status`), verbs: ['patch'] },
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'create', 'update'] },
  { apiGroups: [''], resources: ['events'], verbs: ['create'] },
  // Of rollouts: their states, and the replicas of serve whose metrics they are judged by.
  { apiGroups: [''], resources: ['configmaps'], verbs: ['create'] },
  { apiGroups: [''], resources: ['configmaps'], resourceNames: ['signalbox-rollouts'], verbs: [...reading, 'update'] },
  { apiGroups: [''], resources: ['pods'], verbs: reading },
]

/** Those that --pool-status needs, too. */
export const poolStatusRights: readonly object[] = [
  { apiGroups: inferenceGroups, resources: ['inferencepools/status'], verbs: ['get', 'update'] },
  { apiGroups: ['gateway.networking.k8s.io'], resources: ['httproutes', 'gateways', 'gatewayclasses'], verbs: reading },
  { apiGroups: [''], resources: ['services'], verbs: reading },
]

const services = ['inferenceservices', 'aimservices']
const writing = [...reading, 'create', 'patch', 'delete']

/** Those that it needs but with --no-routes, where OME's ConfigMap has its usual name. */
export const routeRights: readonly object[] = [
  {
    apiGroups: ['ome.io', 'aim.eai.amd.com'],
    resources: [...services, 'aimruntimeconfigs', 'aimclusterruntimeconfigs'],
    verbs: reading,
  },
  {
    apiGroups: ['ome.io', 'aim.eai.amd.com'],
    resources: services.map((each) => `${each}/status`),
    verbs: ['get', 'update'],
  },
  { apiGroups: ['ome.io'], resources: ['inferenceservices/finalizers'], verbs: ['update'] },
  { apiGroups: [''], resources: ['configmaps'], resourceNames: ['inferenceservice-config'], verbs: reading },
  { apiGroups: [''], resources: ['services'], verbs: writing },
  { apiGroups: ['networking.k8s.io'], resources: ['ingresses'], verbs: writing },
  { apiGroups: ['gateway.networking.k8s.io'], resources: ['httproutes'], verbs: writing },
  { apiGroups: ['networking.istio.io'], resources: ['virtualservices'], verbs: writing },
  { apiGroups: ['gateway.envoyproxy.io'], resources: ['securitypolicies'], verbs: writing },
]

/** Gives these rights to the user `controller`, and no others. */
export async function grant(api: KubeApi, rules: readonly object[]): Promise<void> {
  const group = 'rbac.authorization.k8s.io'
  const root = `/apis/${group}/v1`
  const common = { apiVersion: `${group}/v1`, metadata: { name: 'controller' } }
  await api.apply(`${root}/clusterroles/controller`, { ...common, kind: 'ClusterRole', rules })
  await api.apply(`${root}/clusterrolebindings/controller`, {
    ...common,
    kind: 'ClusterRoleBinding',
    roleRef: { apiGroup: group, kind: 'ClusterRole', name: 'controller' },
    subjects: [{ apiGroup: group, kind: 'User', name: 'controller' }],
  })
}
