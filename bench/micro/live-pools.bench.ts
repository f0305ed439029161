/** What a change of pods costs: a pod comes or goes, and a Pod is read. */
import { bench, do_not_optimize, run, summary } from 'mitata'
import { emptyCatalog } from '../../src/catalog/catalog.ts'
import type { EndpointSpec } from '../../src/pool/endpoint.ts'
import { LivePools } from '../../src/pool/live-pools.ts'
import { readPod } from '../../src/sources/kubernetes/pods.ts'

const pool = {
  key: 'default/qwen',
  namespace: 'default',
  name: 'qwen',
  selector: [['app', 'qwen']],
  targetPorts: [8000],
  appProtocol: 'http',
} as const
const catalog = { ...emptyCatalog, pools: new Map([[pool.key, pool]]) }

const podOf = (index: number) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: `qwen-${index}`, namespace: 'default', labels: { app: 'qwen' } },
  status: { podIP: `10.0.${index >> 8}.${index & 255}`, conditions: [{ type: 'Ready', status: 'True' }] },
})

summary(() => {
  for (const count of [10, 100, 1000]) {
    const all = Array.from({ length: count }, (_, index) => readPod(podOf(index)) as EndpointSpec)
    const states = [all, all.slice(1)]
    const pools = new LivePools()
    let turn = 0
    bench(`one of ${count} pods comes or goes`, () => {
      pools.update(catalog, states[turn++ % 2])
      do_not_optimize(pools)
    })
  }
})

bench('a Pod read', () => do_not_optimize(readPod(podOf(1))))

await run()
