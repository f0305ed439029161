import type { ResourceKind } from '../../src/kubernetes/object.ts'
import { read, startController } from '../kube/controller.ts'
import type { KubeApi } from '../real/kube-api.ts'

type Condition = { readonly type: string; readonly status: string; readonly reason: string; readonly message: string }
type Parent = { readonly parentRef: { readonly name: string }; readonly conditions: readonly Condition[] }

/** Conditions of a pool at the Gateway of the guides, as `Type=Status Reason`; the message of Accepted comes last. */
export async function poolConditions(api: KubeApi, kind: ResourceKind, name: string): Promise<string[]> {
  const { status } = await read(api, kind, name)
  const parents = (status?.parents ?? status?.parent) as readonly Parent[]
  const { conditions } = parents.find(({ parentRef }) => parentRef.name === 'inference-gateway')!
  const accepted = conditions.find(({ type }) => type === 'Accepted')!
  const said = conditions.map(({ type, status, reason }) => `${type}=${status} ${reason}`)
  return [...said.filter((each) => !each.startsWith('signalbox.dev/')), accepted.message]
}

/** Runs beside a `signalbox controller` that writes the status of pools. */
export async function withPoolStatus(api: KubeApi, run: () => Promise<void>): Promise<void> {
  const controller = await startController(api.kubeconfig, ['--pool-status'])
  try {
    await run()
  } finally {
    await controller.stop()
  }
}
