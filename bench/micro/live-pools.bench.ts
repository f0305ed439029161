/** What a change of pods costs: a pod comes or goes, and a Pod is read. */
import { bench, do_not_optimize, run, summary } from 'mitata'
import { emptyCatalog, type Pool } from '../../src/catalog/catalog.ts'
import type { EndpointSpec } from '../../src/pool/endpoint.ts'
import { LivePools } from '../../src/pool/live-pools.ts'
import { readPod } from '../../src/sources/kubernetes/pods.ts'

function poolNamed(name: string): [key: string, pool: Pool] {
  const key = `default/${name}`
  const selector = [['app', name]] as const
  return [key, { key, namespace: 'default', name, selector, targetPorts: [8000], appProtocol: 'http' }]
}

const catalog = { ...emptyCatalog, pools: new Map([poolNamed('qwen')]) }

const podOf = (index: number, app = 'qwen') => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: `qwen-${index}`, namespace: 'default', labels: { app } },
  status: {
    podIP: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`,
    conditions: [{ type: 'Ready', status: 'True' }],
  },
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

{
  const poolCount = 100
  const many = { ...emptyCatalog, pools: new Map(Array.from({ length: poolCount }, (_, i) => poolNamed(`qwen-${i}`))) }
  const all = Array.from({ length: 100_000 }, (_, index) => readPod(podOf(index, `qwen-${index % poolCount}`)))
  const states = [all, all.slice(1)] as EndpointSpec[][]
  const pools = new LivePools()
  let turn = 0
  bench(`one of ${all.length} pods of ${poolCount} pools comes or goes`, () => {
    pools.update(many, states[turn++ % 2])
    do_not_optimize(pools)
  })
}

bench('a Pod read', () => do_not_optimize(readPod(podOf(1))))

await run()
