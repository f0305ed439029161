import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checks, runCheck } from '../../src/demo/acceptance.ts'
import { demand, demandChatAnswer, demandError, demandStatus, readJson } from '../../src/demo/demand.ts'
import type { Probe } from '../../src/demo/probe.ts'
import { kinds } from '../../src/kubernetes/kinds.ts'
import { eventually } from '../kube/controller.ts'
import { expectCrowd, manyRequests } from './crowd.ts'
import { type ExtensionCluster, type RunningCluster, startExtensionCluster } from './extension-cluster.ts'
import { guideFiles, readGuide } from './extension-guide.ts'
import { apiPath } from './manifests.ts'
import { overlay } from './overlay.ts'
import { hasCluster } from './parts.ts'
import { poolConditions, withPoolStatus } from './pool-conditions.ts'
import { groundOf, withProbe } from './servers.ts'
import { conditionsOf } from './status.ts'

/**
 * Longer than the defaults of 15 s and 60 s that proxies have. And for a minute after a change of the listener, which the tests
 * that come next must not bring about, Envoy would leave connections to the old one alone.
 */
const pauseMs = 75_000

const objects = guideFiles.flatMap(readGuide)

/** B10 asks for a path that no route here has; B14 to B16 have tests of their own. */
const routed = checks.filter(({ id }) => /^B/.test(id) && id !== 'B10')
const checkNamed = (id: string) => checks.find((check) => check.id === id)!

describe.skipIf(!hasCluster)('InferencePools as backends on a real Envoy Gateway', () => {
  let running: RunningCluster
  let cluster: ExtensionCluster
  let pausedStream: Promise<readonly [string | undefined, number]>
  let lateAnswer: Promise<number>

  beforeAll(async () => {
    running = await startExtensionCluster()
    cluster = running.cluster
  })
  afterAll(() => running?.stop())

  const ground = () => groundOf(cluster)
  const probing = <T>(ask: (probe: Probe) => Promise<T>) => withProbe(cluster, ask)

  const statusOf = (model: string) => probing(async (probe) => (await probe.chat(model)).status)

  /** Applies an extension of the guide, and takes it away again. */
  async function withFile(file: string, model: string, run: () => Promise<void>): Promise<void> {
    await cluster.apply(file)
    try {
      await expect.poll(() => statusOf(model)).toBe(200)
      await run()
    } finally {
      await cluster.delete(file)
    }
  }

  const askForPausedStream = () =>
    probing(async (probe) => {
      const headers = { 'x-sim-fault': `stall=${pauseMs};afterChunks=3` }
      const { body, arrivalsMs } = await probe.chat('qwen', { fields: { stream: true }, headers })
      return [body.toString().trimEnd().split('\n\n').at(-1), arrivalsMs.at(-1)! - arrivalsMs[0]] as const
    })

  const askForLateAnswer = () =>
    probing(async (probe) => (await probe.chat('qwen', { headers: { 'x-sim-fault': `stall=${pauseMs}` } })).status)

  // These come first: Envoy Gateway gives the listener another filter for them, and Envoy ends connections to the old one after
  // a minute.
  test('a rate limit of one route counts the requests whose model leads to it', async () => {
    const [model, canary] = readGuide('extension/50-canary')
    const policy = {
      apiVersion: 'gateway.envoyproxy.io/v1alpha1',
      kind: 'BackendTrafficPolicy',
      metadata: { name: 'few', namespace: 'default' },
      spec: {
        targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: canary.metadata.name }],
        rateLimit: { local: { rules: [{ limit: { requests: 3, unit: 'Hour' } }] } },
      },
    }
    for (const object of [model, policy, canary]) await cluster.applyObject(object)
    await expect.poll(() => statusOf('travel-helper')).toBe(429)
    expect(await statusOf('qwen')).toBe(200)
    expect(await statusOf('no-such-model')).toBe(404)
    for (const object of [model, policy, canary]) await cluster.api.delete(apiPath(object))
    await expect.poll(() => statusOf('travel-helper')).toBe(404)
  })

  const clients = { name: 'clients', namespace: 'default' }
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: clients, stringData: { anna: 'the-key' } }
  /** Only who has a key of the secret may ask. */
  const keyPolicy = (kind: string, name: string) => ({
    apiVersion: 'gateway.envoyproxy.io/v1alpha1',
    kind: 'SecurityPolicy',
    metadata: clients,
    spec: {
      targetRefs: [{ group: 'gateway.networking.k8s.io', kind, name }],
      apiKeyAuth: { credentialRefs: [{ name: clients.name }], extractFrom: [{ headers: ['x-api-key'] }] },
    },
  })

  test('access control of the Gateway holds before the model of a request is known', async () => {
    const policy = keyPolicy('Gateway', 'inference-gateway')
    await cluster.applyObject(secret)
    await cluster.applyObject(policy)
    await expect.poll(() => statusOf('qwen')).toBe(401)
    await probing(async (probe) => {
      for (const model of ['qwen', 'no-such-model']) demandStatus(await probe.chat(model), 401)
      probe.noArrival()
      demandChatAnswer(await probe.chat('qwen', { headers: { 'x-api-key': 'the-key' } }), 'qwen')
    })
    await cluster.api.delete(apiPath(policy))
    await expect.poll(() => statusOf('qwen')).toBe(200)
  })

  test('access control of a route by model holds where a rule of another route takes all paths', async () => {
    const rest = {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { name: 'rest', namespace: 'default' },
      spec: {
        parentRefs: [{ name: 'inference-gateway' }],
        rules: [{ backendRefs: [{ name: 'deepseek-r1', port: 8000 }] }],
      },
    }
    const policy = keyPolicy('HTTPRoute', 'inference-route')
    await cluster.applyObject(rest)
    // Unknown models reach a server now, which has its own word for them.
    const refusal = () => probing(async (probe) => (await probe.chat('no-such-model')).body.toString())
    await expect.poll(refusal).toContain('NotFoundError')
    await cluster.applyObject(secret)
    await cluster.applyObject(policy)
    await expect.poll(() => statusOf('qwen')).toBe(401)
    await probing(async (probe) => {
      demandChatAnswer(await probe.chat('qwen', { headers: { 'x-api-key': 'the-key' } }), 'qwen')
    })
    for (const object of [policy, rest]) await cluster.api.delete(apiPath(object))
    await expect.poll(() => statusOf('no-such-model')).toBe(404)
    await expect.poll(() => statusOf('qwen')).toBe(200)
  })

  describe('with the manifests as they are', () => {
    beforeAll(() => {
      // They take their time beside the other tests.
      pausedStream = askForPausedStream()
      lateAnswer = askForLateAnswer()
      for (const slow of [pausedStream, lateAnswer]) slow.catch(() => {})
    })

    test('only the port of the Gateway is another one', () => {
      const changed = objects.filter((object) => JSON.stringify(overlay(object, 1)) !== JSON.stringify(object))
      expect(changed.map(({ kind }) => kind)).toEqual(['Gateway'])
    })

    test.each(objects.filter(({ kind }) => /^GatewayClass$|Policy$/.test(kind)))(
      'Envoy Gateway accepts $kind $metadata.name',
      async (object) => {
        // It may warn of the single form of targetRef, which will go.
        await expect.poll(() => conditionsOf(cluster.api, object)).toContain('Accepted=True')
      },
    )

    test('Envoy Gateway accepts the route, and knows the pools that it names', async () => {
      const route = objects.find(({ kind }) => kind === 'HTTPRoute')!
      await expect.poll(() => conditionsOf(cluster.api, route)).toEqual(['Accepted=True', 'ResolvedRefs=True'])
    })

    test('the Gateway has an address and is programmed, once Envoy has a Service', async () => {
      const gateway = objects.find(({ kind }) => kind === 'Gateway')!
      await cluster.announceEnvoy()
      await expect.poll(() => conditionsOf(cluster.api, gateway)).toEqual(['Accepted=True', 'Programmed=True'])
      const { status } = (await cluster.api.get(apiPath(gateway))) as { status: { addresses: { value: string }[] } }
      expect(status.addresses.map(({ value }) => value)).toEqual(['127.0.0.1'])
    })

    test('the listener has its route', async () => {
      const gateway = objects.find(({ kind }) => kind === 'Gateway')!
      const { status } = (await cluster.api.get(apiPath(gateway))) as { status: { listeners: object[] } }
      expect(status.listeners).toMatchObject([{ name: 'llm-gw', attachedRoutes: 1 }])
    })

    test.each(routed)('$id $title', async (check) => {
      expect(await runCheck(check, ground())).toEqual({ ok: true })
    })

    test('B10 no model, a model that is no text, no JSON: 400, no server contacted', () =>
      probing(async (probe) => {
        const answers = [await probe.chat(undefined), await probe.chat(7), await probe.chat('', { body: 'who?' })]
        expect(new Set(answers.map((answer) => demandError(answer, 400).code)).size).toBe(3)
        probe.noArrival()
      }))

    test('GET /v1/models lists what is served', () =>
      probing(async (probe) => {
        const { data } = readJson(await probe.send({ method: 'GET', path: '/v1/models' }))
        expect(data.map(({ id }: { id: string }) => id).sort()).toEqual(['deepseek-r1', 'qwen'])
      }))

    test('a path that no route has is 404, as clients of OpenAI read it', () =>
      probing(async (probe) => {
        const { message } = demandError(await probe.send({ method: 'GET', path: '/elsewhere' }), 404)
        expect(message).toContain('/elsewhere')
        probe.noArrival()
      }))

    test('each request reaches the server that was picked for it', () =>
      probing(async (probe) => {
        demandChatAnswer(await probe.chat('qwen'), 'qwen')
        const { headers } = probe.onlyArrival('qwen')
        expect(headers['x-gateway-destination-endpoint'].split(',')[0]).toBe('198.18.0.30:8000')
      }))

    test('what a client says in the name of Signalbox does not count', () =>
      probing(async (probe) => {
        const spoofed = {
          'x-gateway-destination-endpoint': '198.18.0.40:8000',
          'x-gateway-destination-endpoint-subset': '198.18.0.40:8000',
          'x-prefiller-host-port': '198.18.0.40:8000',
        }
        demandChatAnswer(await probe.chat('qwen', { headers: spoofed }), 'qwen')
        const { headers } = probe.onlyArrival('qwen')
        expect(Object.values(headers)).not.toContain('198.18.0.40:8000')
      }))
  })

  describe('when Pods come and go', () => {
    test('B16 three Pods: all serve', async () => {
      await cluster.addPod('qwen-1')
      await cluster.addPod('qwen-2')
      const served = () =>
        probing(async (probe) => {
          const answers = await probe.many(60, () => probe.chat('qwen'))
          for (const answer of answers) demandChatAnswer(answer, 'qwen')
          return new Set(answers.map(({ headers }) => headers['x-sim-server'])).size
        })
      await expect.poll(served).toBe(3)
    })

    test('B15 no Pod left: 503 for its model, the other is served; and served again by a new Pod', async () => {
      for (const name of ['qwen-0', 'qwen-1', 'qwen-2']) await cluster.deletePod(name)
      await expect.poll(() => statusOf('qwen')).toBe(503)
      // Envoy may be the first to know, and says so in a few words; Signalbox says it as clients of OpenAI read it.
      const code = () => probing(async (probe) => demandError(await probe.chat('qwen'), 503).code)
      await expect.poll(() => code().catch(() => undefined)).toBe('no_endpoint')
      expect(await statusOf('deepseek-r1')).toBe(200)
      await cluster.addPod('qwen-1')
      await expect.poll(() => statusOf('qwen')).toBe(200)
      await cluster.addPod('qwen-0')
    })
  })

  describe('with the extensions of the guide', () => {
    test('C1 and C2 a canary of adapters follows its weights', () =>
      withFile('extension/50-canary', 'travel-helper', async () => {
        expect(await runCheck(checkNamed('C1'), ground())).toEqual({ ok: true })
        // The filter shows Signalbox the answers now, without a new listener.
        await probing(async (probe) => demandChatAnswer(await probe.chat('travel-helper'), 'travel-helper'))
        const model = readGuide('extension/50-canary').find(({ kind }) => kind === 'InferenceModel')!
        const { targetModels } = model.spec as { targetModels: { name: string }[] }
        await cluster.applyObject({
          ...model,
          spec: { ...(model.spec as object), targetModels: targetModels.slice(1) },
        })
        const others = () =>
          probing(async (probe) => {
            for (const answer of await probe.many(100, () => probe.chat('travel-helper'))) demandStatus(answer, 200)
            return probe.arrived('qwen').filter((arrival) => arrival.model !== 'travel-helper-v2').length
          })
        await expect.poll(others).toBe(0)
      }))

    test('C3 a canary of pools: server and model agree, 80 to 20', () =>
      withFile('extension/53-canary-pools', 'assistant', async () => {
        expect(await runCheck(checkNamed('C3'), ground())).toEqual({ ok: true })
      }))

    test('C4 and C5 a mirror gets its copies; the answers do not depend on it', () =>
      withFile('extension/51-mirror', 'travel-helper-v2', async () => {
        const ask = (count: number) =>
          probing(async (probe) => {
            const answers = await probe.many(count, () => probe.chat('travel-helper-v2'))
            for (const answer of answers) demandChatAnswer(answer, 'travel-helper-v2')
            return { copies: probe.arrived('deepseek-r1'), originals: probe.arrived('qwen') }
          })
        const { copies, originals } = await ask(200)
        expect(originals).toHaveLength(200)
        expect(copies.length).toBeGreaterThan(70)
        expect(copies.length).toBeLessThan(130)
        for (const copy of copies) {
          expect([copy.path, copy.bodySha256]).toEqual([originals[0].path, originals[0].bodySha256])
        }
        const mirror = cluster.serverNamed('deepseek-r1-0')
        mirror.setFaults([{ kind: 'status', code: 500 }])
        expect((await ask(50)).originals).toHaveLength(50)
        mirror.setFaults([{ kind: 'stall' }])
        expect((await ask(50)).originals).toHaveLength(50)
        mirror.setFaults([])
        await cluster.deletePod('deepseek-r1-0')
        expect((await ask(50)).originals).toHaveLength(50)
        await cluster.addPod('deepseek-r1-0')
        await expect.poll(() => statusOf('deepseek-r1')).toBe(200)
      }))

    test('C6 and C7 a circuit breaker refuses what is too much, for each backend by itself', async () => {
      await cluster.deletePod('qwen-0')
      await cluster.apply('extension/52-circuit-breaker')
      const headers = { 'x-sim-fault': 'stall=2000' }
      const tenAtOnce = () =>
        probing(async (probe) => {
          const order: number[] = []
          const asked = Array.from({ length: 10 }, () =>
            probe.chat('qwen', { headers }).then(({ status }) => void order.push(status)),
          )
          demandChatAnswer(await probe.chat('deepseek-r1'), 'deepseek-r1')
          await Promise.all(asked)
          return order
        })
      const refused = async () => (await tenAtOnce()).filter((status) => status === 503).length
      await expect.poll(refused, { timeout: 30_000 }).toBeGreaterThan(6)
      const order = await tenAtOnce()
      const served = order.filter((status) => status === 200).length
      expect(served).toBeGreaterThanOrEqual(2)
      expect(served).toBeLessThanOrEqual(3)
      // Whoever is refused hears of it before anyone is served.
      expect(order.slice(0, 10 - served)).toEqual(Array(10 - served).fill(503))
      expect(await statusOf('qwen')).toBe(200)
      await cluster.delete('extension/52-circuit-breaker')
      await expect.poll(refused, { timeout: 30_000 }).toBe(0)
      await cluster.addPod('qwen-0')
    })

    test('C8 all taken away: as before', async () => {
      await expect.poll(() => statusOf('travel-helper')).toBe(404)
      expect(await statusOf('qwen')).toBe(200)
      expect(await statusOf('deepseek-r1')).toBe(200)
    })
  })

  test(`${manyRequests} requests wait for their answers at once`, () => expectCrowd(cluster))

  test('a route by path to a pool of v1 picks from that pool, without an InferenceModel', async () => {
    const pool = {
      apiVersion: 'inference.networking.k8s.io/v1',
      kind: 'InferencePool',
      metadata: { name: 'by-path', namespace: 'default' },
      spec: {
        selector: { matchLabels: { app: 'qwen' } },
        targetPorts: [{ number: 8000 }],
        endpointPickerRef: { name: 'signalbox', port: { number: 9002 } },
      },
    }
    const route = {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { name: 'by-path', namespace: 'default' },
      spec: {
        parentRefs: [{ name: 'inference-gateway' }],
        hostnames: ['by-path.test'],
        rules: [
          {
            matches: [{ path: { type: 'PathPrefix', value: '/v1' } }],
            backendRefs: [{ group: 'inference.networking.k8s.io', kind: 'InferencePool', name: 'by-path' }],
          },
        ],
      },
    }
    await cluster.applyObject(pool)
    await cluster.applyObject(route)
    const headers = { host: 'by-path.test' }
    const answer = () => probing((probe) => probe.chat('travel-helper-v1', { headers }))
    await expect.poll(async () => (await answer()).status).toBe(200)
    await probing(async (probe) => {
      demandChatAnswer(await probe.chat('travel-helper-v1', { headers }), 'travel-helper-v1')
      const { headers: seen } = probe.onlyArrival('qwen')
      demand('x-gateway-destination-endpoint' in seen, 'no endpoint was picked')
    })
  })

  test('a pool behind an accepted route is accepted by its status', () =>
    withPoolStatus(cluster.api, async () => {
      for (const pool of ['qwen-pool', 'deepseek-pool']) {
        await eventually(async () => {
          expect(await poolConditions(cluster.api, kinds.poolV1alpha2, pool)).toEqual([
            'Accepted=True Accepted',
            'ResolvedRefs=False InvalidExtensionRef',
            'a backend of HTTPRoute default/inference-route',
          ])
        })
      }
    }))

  test('the extension server killed, and started again: no request fails, and changes are made up for', () =>
    probing(async (probe) => {
      const failures: number[] = []
      let isOver = false
      const keepAsking = async () => {
        while (!isOver) {
          const { status } = await probe.chat('qwen')
          if (status !== 200) failures.push(status)
        }
      }
      const traffic = Promise.all([keepAsking(), keepAsking(), keepAsking(), keepAsking()])
      try {
        await cluster.killExtension()
        await cluster.apply('extension/50-canary')
        await cluster.deletePod('qwen-0')
        expect(await statusOf('qwen')).toBe(200)
        await cluster.restartExtension()
        // Envoy waits for up to 30 s before it asks again.
        await expect.poll(() => statusOf('travel-helper'), { timeout: 40_000 }).toBe(200)
      } finally {
        isOver = true
        await traffic
      }
      expect(failures).toEqual([])
    }))

  test('B14 no default cuts a stream that pauses, or an answer that starts late', async () => {
    const [lastEvent, heldMs] = await pausedStream
    expect(lastEvent).toBe('data: [DONE]')
    expect(heldMs).toBeGreaterThan(0.99 * pauseMs)
    expect(await lateAnswer).toBe(200)
  })
})
