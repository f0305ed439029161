import { writeFileSync } from 'node:fs'
import { request, Agent } from 'node:http'
import { afterAll, beforeAll, test } from 'vitest'
import { kinds } from '../../src/kubernetes/kinds.ts'
import { list } from '../kube/route-cluster.ts'
import { asking, hostOf, htpasswd, inferenceService, omeConfig, secret, server } from './inference-services.ts'
import { namespace, type RunningServiceCluster, startServiceCluster } from './service-cluster.ts'
const AUTH = process.env.KIND === 'apikey' ? asking('apikey', 'keys') : asking('basic', 'users')
let running: RunningServiceCluster
beforeAll(async () => {
  running = await startServiceCluster({
    services: [server('named-engine', 'named', 8080, 56), server('open-engine', 'open', 8080, 57), server('other-engine', 'other', 8080, 58)],
    objects: [omeConfig, secret('users', { '.htpasswd': htpasswd('anna', 'p') }), inferenceService('open'), secret('keys', { anna: 'the-key' }), inferenceService('named', AUTH), ...(process.env.OTHER ? [inferenceService('other', AUTH)] : [])],
    isReady: async (c) => (await c.ask('/', { host: hostOf('open') })).status === 200 && (await c.ask('/', { host: hostOf('named') })).status === 401,
  })
})
afterAll(() => running?.stop())
test('x', async () => {
  const { cluster } = running
  const out: string[] = []
  const url = new URL(cluster.url)
  const kept = new Agent({ keepAlive: true, maxSockets: 1 })
  const fresh = new Agent({ keepAlive: false })
  const one = (agent: Agent, host: string) => new Promise<number>((resolve, reject) => { const r = request({ agent, host: url.hostname, port: url.port, path: '/', method: 'POST', headers: { host, 'x-sim-echo': 'request', 'content-length': 2 } }, (a) => { a.resume(); a.on('end', () => resolve(a.statusCode!)) }); r.on('error', reject); r.end('{}') })
  const phase = async (label: string, object: any, expected: number) => {
    const t0 = performance.now()
    await cluster.apply(object)
    const state: Record<string, string[]> = { kept: [], fresh: [] }
    const last: Record<string, number> = {}
    const probe = async (name: string, agent: Agent) => { const s = await one(agent, hostOf('named')).catch(() => -1); if (last[name] !== s) { state[name].push(`${(performance.now() - t0).toFixed(0)}ms:${s}`); last[name] = s } }
    for (;;) {
      await Promise.all([probe('kept', kept), probe('fresh', fresh)])
      if (performance.now() - t0 > 20000 || (last.kept === expected && last.fresh === expected && performance.now() - t0 > 400)) break
    }
    const objs = [...(await list(cluster.api, kinds.httpRoute)), ...(await list(cluster.api, kinds.securityPolicy))].filter((o) => o.metadata.namespace === namespace && o.metadata.name.startsWith('named')).map((o) => `${o.kind}/${o.metadata.name}@${o.metadata.creationTimestamp.slice(17, 19)}`)
    out.push(`${label} kept ${state.kept.join(' ')} | fresh ${state.fresh.join(' ')}  ${objs.join(' ')}`)
  }
  for (let i = 0; i < 4; i++) {
    await phase(`${i} close`, inferenceService('named', { ...AUTH, 'ome.io/disable-ingress': 'true' }), 404)
    const idle = Array.from({ length: 12 }, () => new Agent({ keepAlive: true, maxSockets: 1 }))
    await Promise.all(idle.map((a) => one(a, hostOf('open'))))
    await phase(`${i} open `, inferenceService('named', AUTH), 401)
    const after = []
    for (const a of idle.slice(0, 6)) after.push([await one(a, hostOf('named')), await one(a, hostOf('named'))].join('/'))
    await new Promise((r) => setTimeout(r, 3000))
    for (const a of idle.slice(6)) after.push([await one(a, hostOf('named')), await one(a, hostOf('named'))].join('/'))
    out.push(`   connections that were there before: ${after.join(' ')}`)
    for (const a of idle) a.destroy()
  }
  writeFileSync(`/tmp/gw-race2-${process.env.KIND}-${process.env.OTHER}.txt`, out.join('\n'))
})
