import { createHash } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { checks } from '../../src/demo/acceptance.ts'
import type { Received } from '../../src/demo/client.ts'
import { demandChatAnswer, demandError, demandStatus, readJson } from '../../src/demo/demand.ts'
import { chatBody, Probe } from '../../src/demo/probe.ts'
import { kinds } from '../../src/kubernetes/kinds.ts'
import { eventually } from '../kube/controller.ts'
import { type Cluster, type RunningCluster, startCluster } from './cluster.ts'
import { apiPath, readManifests } from './manifests.ts'
import { hasCluster } from './parts.ts'
import { poolConditions, withPoolStatus } from './pool-conditions.ts'
import { conditionsOf, goodConditions } from './status.ts'

/** Longer than the defaults of 15 s and 60 s that proxies have. */
const pauseMs = 65_000

const extension = (name: string) => `envoy-gateway/extensions/${name}`
const check = (id: string) => checks.find((each) => each.id === id)!

describe.skipIf(!hasCluster)('deploy/envoy-gateway/extensions on a real Envoy Gateway', () => {
  let running: RunningCluster
  let cluster: Cluster
  let probe: Probe
  let slow: Promise<readonly [stream: Received, answer: Received]>

  beforeAll(async () => {
    // A name that has its route before Signalbox knows its model shall not be served without a pick.
    running = await startCluster('kubernetes', ['--unknown-model=reject'])
    cluster = running.cluster
    // They take their time beside all the tests, whatever these apply.
    const patient = newProbe()
    slow = Promise.all([
      patient.chat('qwen', { fields: { stream: true }, headers: { 'x-sim-fault': `stall=${pauseMs};afterChunks=3` } }),
      patient.chat('qwen', { headers: { 'x-sim-fault': `stall=${pauseMs}` } }),
    ]).finally(() => patient.close())
    slow.catch(() => {}) // the test that waits for it fails
  })
  afterAll(() => running?.stop())

  const newProbe = () => new Probe({ mode: 'full-duplex', url: cluster.url, servers: cluster.servers, modelsFile: '' })
  // The probes of a test see each only what they have asked for.
  beforeEach(() => {
    probe = newProbe()
  })
  afterEach(() => {
    probe.close()
    for (const server of cluster.servers) server.setFaults([])
  })

  /** Resolves when Envoy Gateway has accepted its objects, and the model is served. */
  async function apply(name: string, model: string): Promise<void> {
    await cluster.apply(extension(name))
    for (const object of readManifests(extension(name))) {
      const good = goodConditions(object)
      if (good)
        await expect.poll(() => conditionsOf(cluster.api, object), { message: object.metadata.name }).toEqual(good)
    }
    await served(model)
  }

  /** What it takes to serve a model arrives piece by piece, from several resources. */
  async function served(model: string): Promise<void> {
    const statuses = async () => new Set((await probe.many(20, () => probe.chat(model))).map(({ status }) => status))
    await expect.poll(statuses).toEqual(new Set([200]))
  }

  describe('canary.yaml', () => {
    test('is accepted', () => apply('canary', 'travel-helper'))

    test('C1 nine of ten requests for one name go to one adapter, the others to the other', () =>
      check('C1').run(probe))

    test('C2 a change of the weights holds for every request after it', async () => {
      const [model] = readManifests(extension('canary'))
      await cluster.api.patch(apiPath(model), { spec: { targetModels: [{ name: 'travel-helper-v2', weight: 10 }] } })
      const answered = async (count: number) => {
        const answers = await probe.many(count, () => probe.chat('travel-helper'))
        return [...new Set(answers.map((answer) => readJson(answer).model))]
      }
      await expect.poll(() => answered(50)).toEqual(['travel-helper-v2'])
      expect(await answered(500)).toEqual(['travel-helper-v2'])
    })

    test('C8 without it the name is 404, and the models are served as before', async () => {
      await cluster.delete(extension('canary'))
      await expect.poll(async () => (await probe.chat('travel-helper')).status).toBe(404)
      demandChatAnswer(await probe.chat('qwen'), 'qwen')
      demandChatAnswer(await probe.chat('deepseek-r1'), 'deepseek-r1')
    })
  })

  describe('canary-pools.yaml', () => {
    test('is accepted', () => apply('canary-pools', 'assistant'))
    afterAll(() => cluster.delete(extension('canary-pools')))

    test('C3 one name over two pools, 80 to 20, and each server is asked for its own model', () =>
      check('C3').run(probe))

    test('C3 a pool without Pods fails its own share alone', async () => {
      const [server] = cluster.serversOf('deepseek-r1')
      await cluster.setReady(server, false)
      await expect.poll(async () => (await probe.chat('deepseek-r1')).body.toString()).toContain('"no_endpoint"')
      const answers = await probe.many(200, () => probe.chat('assistant'))
      const failures = answers.filter(({ status }) => status !== 200)
      for (const failure of failures) expect(demandError(failure, 503).message).toContain('deepseek-pool')
      // 40 of 200, within 4.5 standard deviations.
      expect(failures.length).toBeGreaterThan(14)
      expect(failures.length).toBeLessThan(66)
      await cluster.setReady(server, true)
      await served('deepseek-r1')
    })
  })

  describe('mirror.yaml', () => {
    test('is accepted', () => apply('mirror', 'travel-helper-v2'))
    afterAll(() => cluster.delete(extension('mirror')))

    /** @returns the digest of each body. */
    const ask = async (count: number): Promise<string[]> => {
      const bodies = Array.from({ length: count }, (_, i) => chatBody('travel-helper-v2', { user: `user ${i}` }))
      const answers = await probe.many(count, (i) => probe.chat('', { body: bodies[i] }))
      for (const answer of answers) demandChatAnswer(answer, 'travel-helper-v2')
      expect(probe.arrived('qwen')).toHaveLength(count)
      return bodies.map((body) => createHash('sha256').update(body).digest('hex'))
    }

    test('C4 half of the requests are copied, path and body', async () => {
      const digests = await ask(200)
      const arrived = () => probe.arrived('deepseek-r1').filter(({ endMs }) => endMs !== undefined)
      await expect.poll(() => arrived().length).toBeGreaterThanOrEqual(70)
      const copies = arrived()
      expect(copies.length).toBeLessThanOrEqual(130)
      expect(new Set(copies.map(({ path }) => path))).toEqual(new Set(['/v1/chat/completions']))
      expect(digests).toEqual(expect.arrayContaining(copies.map(({ bodySha256 }) => bodySha256)))
      expect(new Set(copies.map(({ bodySha256 }) => bodySha256)).size).toBe(copies.length)
    })

    test('C5 clients notice nothing of a mirror that answers errors', async () => {
      const [mirror] = cluster.serversOf('deepseek-r1')
      mirror.setFaults([{ kind: 'status', code: 500 }])
      await ask(100)
      const statuses = () => new Set(probe.arrived('deepseek-r1').map(({ status }) => status))
      await expect.poll(statuses).toEqual(new Set([500]))
    })

    test('C5 nor of one that never answers', async () => {
      const [mirror] = cluster.serversOf('deepseek-r1')
      mirror.setFaults([{ kind: 'stall' }])
      await ask(100)
      // All answers are there, and the mirror has not begun one.
      expect(new Set(probe.arrived('deepseek-r1').map(({ status }) => status))).toEqual(new Set([undefined]))
    })

    test('C5 nor of one that is not there', async () => {
      const [mirror] = cluster.serversOf('deepseek-r1')
      await cluster.setReady(mirror, false)
      await expect.poll(async () => (await probe.chat('deepseek-r1')).status).toBe(503)
      const before = probe.arrived('deepseek-r1').length
      await ask(100)
      expect(probe.arrived('deepseek-r1')).toHaveLength(before)
      await cluster.setReady(mirror, true)
      await served('deepseek-r1')
    })
  })

  describe('circuit-breaker.yaml', () => {
    const askAtOnce = (count: number) => Promise.all(Array.from({ length: count }, () => probe.chat('qwen')))
    const statusesOfTen = async () => [...new Set((await askAtOnce(10)).map(({ status }) => status))].sort()
    const slowDown = (ttftMs: number) => {
      for (const server of cluster.serversOf('qwen')) server.configure({ latency: { ttftMs } })
    }

    /** Envoy takes a changed cluster when it is told its endpoints, which it is when they change; else after 15 s. */
    const statusesOfTenAnew = async () => {
      const [server] = cluster.serversOf('qwen')
      for (const isReady of [false, true]) await cluster.setReady(server, isReady)
      return statusesOfTen()
    }
    let late: Promise<Received>

    test('is accepted', async () => {
      await apply('circuit-breaker', 'qwen')
      slowDown(300)
      await expect.poll(statusesOfTenAnew, { timeout: 30_000 }).toEqual([200, 503])
      // It takes its time beside the tests that come next.
      const patient = newProbe()
      late = patient.chat('deepseek-r1', { headers: { 'x-sim-fault': 'stall=16000' } }).finally(() => patient.close())
      late.catch(() => {}) // the test that waits for it fails
    })

    test('C6 what is over the limit is refused before the first answer, and other models are served', async () => {
      slowDown(2000)
      await askAtOnce(2)
      const order: number[] = []
      const reasons = new Set<string>()
      const ask = async () => {
        const { status, body } = await probe.chat('qwen')
        order.push(status)
        if (status === 503) reasons.add(body.toString())
      }
      const answers = Promise.all(Array.from({ length: 10 }, ask))
      await expect.poll(() => order.length).toBeGreaterThan(0)
      demandChatAnswer(await probe.chat('deepseek-r1'), 'deepseek-r1')
      expect(order).not.toContain(200)
      await answers
      expect([...reasons]).toEqual([expect.stringContaining('overflow')])
      const served = order.slice(order.lastIndexOf(503) + 1)
      expect(served).toEqual(served.length === 2 ? [200, 200] : [200, 200, 200])
    })

    test('C7 and then all is as before', async () => {
      slowDown(0)
      demandChatAnswer(await probe.chat('qwen'), 'qwen')
    })

    test("the rest of the gateway's policy still holds: the picked server, and no default timeout", async () => {
      for (let i = 0; i < 20; i++) demandStatus(await probe.chat('qwen'), 200)
      for (const server of cluster.serversOf('qwen')) {
        const picked = server.journal.entries().map(({ headers }) => headers['x-gateway-destination-endpoint'])
        expect(new Set(picked.map((endpoints) => endpoints.split(',')[0]))).toEqual(
          new Set([`${server.pod.address}:8000`]),
        )
      }
      demandStatus(await late, 200)
    })

    test('C8 without it ten at once are served', async () => {
      await cluster.delete(extension('circuit-breaker'))
      slowDown(300)
      await expect.poll(statusesOfTenAnew, { timeout: 30_000 }).toEqual([200])
    })
  })

  test('the status of a pool that a route names as a backend says that the Gateway does not support it', async () => {
    const { api } = cluster
    const pool = { group: 'inference.networking.k8s.io', kind: 'InferencePool', name: 'qwen-pool' }
    const route = {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { name: 'to-pool', namespace: 'default' },
      spec: {
        parentRefs: [{ name: 'inference-gateway' }],
        rules: [{ matches: [{ path: { type: 'PathPrefix', value: '/to-pool' } }], backendRefs: [pool] }],
      },
    }
    await api.apply(apiPath(route), route)
    await withPoolStatus(api, () =>
      eventually(async () => {
        const [accepted, resolved, message] = await poolConditions(api, kinds.poolV1, pool.name)
        expect(accepted).toBe('Accepted=False NotSupportedByParent')
        expect(resolved).toMatch(/^ResolvedRefs=/)
        expect(message).toMatch(/^HTTPRoute default\/to-pool: .*Group is invalid/)
      }),
    )
  })

  test('no default cuts a stream that pauses or an answer that starts late, nor did any of these changes', async () => {
    const [stream, answer] = await slow
    expect(stream.body.toString().trimEnd().split('\n\n').at(-1)).toBe('data: [DONE]')
    expect(stream.arrivalsMs.at(-1)! - stream.arrivalsMs[0]).toBeGreaterThan(0.99 * pauseMs)
    demandChatAnswer(answer, 'qwen')
  })
})
