import { describe, expect, test } from 'vitest'
import { kinds } from '../../src/kubernetes/kinds.ts'
import { put } from '../kube/cluster.ts'
import { eventually, read, startController } from '../kube/controller.ts'
import type { KubeApi } from '../real/kube-api.ts'
import { startCluster } from './cluster.ts'
import { startExtensionCluster } from './extension-cluster.ts'
import { hasCluster } from './parts.ts'

/** Conditions of a pool at the Gateway of the guides, as `Type=Status Reason`; the message of Accepted comes last. */
async function poolConditions(api: KubeApi, kind: typeof kinds.poolV1 | typeof kinds.poolV1alpha2, name: string) {
  const { status } = await read(api, kind, name)
  const entries = (status?.parents ?? status?.parent) as {
    parentRef: { name: string }
    conditions: { type: string; status: string; reason: string; message: string }[]
  }[]
  const conditions = entries.find(({ parentRef }) => parentRef.name === 'inference-gateway')!.conditions
  const accepted = conditions.find(({ type }) => type === 'Accepted')!
  const said = conditions.map(({ type, status, reason }) => `${type}=${status} ${reason}`)
  return [...said.filter((each) => !each.startsWith('signalbox.dev/')), accepted.message]
}

async function withController(api: KubeApi, run: () => Promise<void>): Promise<void> {
  const controller = await startController(api.kubeconfig, ['--pool-status'])
  try {
    await run()
  } finally {
    await controller.stop()
  }
}

describe('the status of pools, as a real Envoy Gateway has it', () => {
  test.skipIf(!hasCluster)('with the extension server a pool behind an accepted route is accepted', async () => {
    const { cluster, stop } = await startExtensionCluster()
    try {
      await withController(cluster.api, async () => {
        for (const pool of ['qwen-pool', 'deepseek-pool']) {
          await eventually(async () => {
            expect(await poolConditions(cluster.api, kinds.poolV1alpha2, pool)).toEqual([
              'Accepted=True Accepted',
              'ResolvedRefs=False InvalidExtensionRef',
              'a backend of HTTPRoute default/inference-route',
            ])
          })
        }
      })
    } finally {
      await stop()
    }
  })

  test.skipIf(!hasCluster)('without it the Gateway does not support the pool', async () => {
    const { cluster, stop } = await startCluster('kubernetes')
    try {
      const { api } = cluster
      const pool = { group: 'inference.networking.k8s.io', kind: 'InferencePool', name: 'unsupported' }
      await put(api, kinds.poolV1, {
        metadata: { name: pool.name },
        spec: {
          selector: { matchLabels: { app: 'qwen' } },
          targetPorts: [{ number: 8000 }],
          endpointPickerRef: { name: 'signalbox', port: { number: 9002 } },
        },
      })
      await put(api, kinds.httpRoute, {
        metadata: { name: 'to-pool' },
        spec: { parentRefs: [{ name: 'inference-gateway' }], rules: [{ backendRefs: [pool] }] },
      })
      await withController(api, () =>
        eventually(async () => {
          const [accepted, resolved, message] = await poolConditions(api, kinds.poolV1, pool.name)
          expect(accepted).toBe('Accepted=False NotSupportedByParent')
          expect(resolved).toMatch(/^ResolvedRefs=/)
          expect(message).toMatch(/^HTTPRoute default\/to-pool: .*Group is invalid/)
        }),
      )
    } finally {
      await stop()
    }
  })
})
