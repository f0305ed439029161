import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual, promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checks, runCheck } from '../../src/demo/acceptance.ts'
import { demandChatAnswer, demandError } from '../../src/demo/demand.ts'
import type { Probe } from '../../src/demo/probe.ts'
import type { KubeObject } from '../real/kube-api.ts'
import { baseFiles, type Cluster, type RunningCluster, startCluster } from './cluster.ts'
import { expectCrowd, manyRequests } from './crowd.ts'
import { apiPath, readManifests } from './manifests.ts'
import { manifestPort, overlay } from './overlay.ts'
import { hasCluster } from './parts.ts'
import { podAddress } from './pod-network.ts'
import { groundOf, withProbe } from './servers.ts'
import { conditionsOf, goodConditions } from './status.ts'

const objects = baseFiles.flatMap(readManifests)

/** Here an unknown model is told without its name (B9), and other paths lead nowhere (B10): they have tests below. */
const routed = checks.filter(({ id }) => /^B/.test(id) && id !== 'B9' && id !== 'B10')

/** The server that clients must not be able to name. */
const otherServer = `${podAddress(20)}:8000`

/** Headers that say what Signalbox decided, each with what a client might want to have decided. */
const spoofed = {
  'x-gateway-model-name': 'deepseek-r1',
  'x-gateway-base-model-name': 'deepseek-r1',
  'x-gateway-destination-endpoint': otherServer,
  'x-gateway-destination-endpoint-served': otherServer,
  'x-gateway-destination-endpoint-subset': otherServer,
  'x-prefiller-host-port': otherServer,
  'x-encoder-hosts-ports': otherServer,
  'x-data-parallel-host-port': otherServer,
}

describe.skipIf(!hasCluster)('deploy/envoy-gateway on a real Envoy Gateway', () => {
  let running: RunningCluster
  let cluster: Cluster

  beforeAll(async () => {
    running = await startCluster('files')
    cluster = running.cluster
  })
  afterAll(() => running?.stop())

  const ground = () => groundOf(cluster)
  const probing = <T>(ask: (probe: Probe) => Promise<T>) => withProbe(cluster, ask)

  test('what is applied is what the files say, but for the port of the listener', async () => {
    const changed = objects.filter((object) => !isDeepStrictEqual(overlay(object, 1), object))
    expect(changed.map(({ kind }) => kind)).toEqual(['Gateway'])
    const undone = overlay(changed[0], 1) as KubeObject & { spec: { listeners: { port: number }[] } }
    undone.spec.listeners[0].port = manifestPort
    expect(undone).toEqual(changed[0])
    const port = Number(new URL(cluster.url).port)
    for (const object of objects) {
      expect(await cluster.api.get(apiPath(object))).toMatchObject(overlay(object, port))
    }
  })

  test.each(objects.filter((object) => goodConditions(object)))(
    'Envoy Gateway accepts $kind $metadata.name',
    async (object) => {
      await expect.poll(() => conditionsOf(cluster.api, object)).toEqual(goodConditions(object))
    },
  )

  test.each(routed)('$id $title', async (check) => {
    expect(await runCheck(check, ground())).toEqual({ ok: true })
  })

  test('an unknown model is 404 in the shape of OpenAI errors, and no server is asked', () =>
    probing(async (probe) => {
      const { code, param } = demandError(await probe.chat('no-such-model'), 404)
      expect({ code, param }).toEqual({ code: 'model_not_found', param: 'model' })
      probe.noArrival()
    }))

  test('no model, a model that is no text, no JSON: 400, each with its own code', () =>
    probing(async (probe) => {
      const answers = await Promise.all([
        probe.chat(undefined),
        probe.chat(7),
        probe.chat('', { body: 'who are you?' }),
      ])
      const codes = answers.map((answer) => demandError(answer, 400).code)
      expect(codes).toEqual(['model_missing', 'model_invalid', 'invalid_json'])
      probe.noArrival()
    }))

  test('the calls of the guide', async () => {
    const guide = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'envoy-gateway.md'), 'utf8')
    const calls = [...guide.matchAll(/^curl (?:\\\n|[^\n])*/gm)].map(([call]) => call)
    expect(calls).toHaveLength(2)
    const env = { ...process.env, GATEWAY: new URL(cluster.url).host }
    const answers = await Promise.all(calls.map((call) => promisify(execFile)('bash', ['-c', call], { env })))
    expect(answers.map(({ stdout }) => JSON.parse(stdout).model)).toEqual(['qwen', 'deepseek-r1'])
  })

  test('every server of a pool serves, and each request reaches the one that was picked', () =>
    probing(async (probe) => {
      const answers = await probe.many(60, () => probe.chat('qwen'))
      for (const answer of answers) demandChatAnswer(answer, 'qwen')
      for (const { journal, pod } of cluster.serversOf('qwen')) {
        const picked = journal.entries().map(({ headers }) => headers['x-gateway-destination-endpoint'].split(',')[0])
        expect(new Set(picked)).toEqual(new Set([`${pod.address}:8000`]))
      }
    }))

  test('a server that lets nobody connect is passed over', () =>
    probing(async (probe) => {
      const [server] = cluster.serversOf('qwen')
      await server.refuse()
      try {
        for (const answer of await probe.many(60, () => probe.chat('qwen'))) demandChatAnswer(answer, 'qwen')
      } finally {
        await server.accept()
      }
    }))

  test('what a client says in the name of Signalbox is removed, on routes and before them', () =>
    probing(async (probe) => {
      const policy = objects.find(({ kind }) => kind === 'ClientTrafficPolicy')
      expect(policy).toMatchObject({ spec: { headers: { earlyRequestHeaders: { remove: Object.keys(spoofed) } } } })
      demandChatAnswer(await probe.chat('qwen', { headers: spoofed }), 'qwen')
      const { headers } = probe.onlyArrival('qwen')
      const { 'x-gateway-destination-endpoint': picked, ...seen } = Object.fromEntries(
        Object.keys(spoofed)
          .filter((name) => name in headers)
          .map((name) => [name, headers[name]]),
      )
      expect(seen).toEqual({ 'x-gateway-model-name': 'qwen' })
      expect(picked).not.toContain(otherServer)
      // No body, so no model: the header alone would lead to a server.
      demandError(await probe.send({ method: 'GET', path: '/', headers: spoofed }), 404)
    }))

  test('GET /v1/models lists what is served', () =>
    probing(async (probe) => {
      const { data } = JSON.parse((await probe.send({ path: '/v1/models' })).body.toString())
      expect(data.map(({ id }: { id: string }) => id).sort()).toEqual(['deepseek-r1', 'qwen'])
    }))

  test(`${manyRequests} requests wait for their answers at once`, () => expectCrowd(cluster))

  test('no Pod left: 503 for its model, the other is served; and served again when the Pod is back', () =>
    probing(async (probe) => {
      const [server] = cluster.serversOf('deepseek-r1')
      await cluster.setReady(server, false)
      // In between Envoy may know it already, and Signalbox not yet: then the answer says nothing more.
      await expect.poll(async () => (await probe.chat('deepseek-r1')).body.toString()).toContain('"no_endpoint"')
      demandError(await probe.chat('deepseek-r1'), 503)
      demandChatAnswer(await probe.chat('qwen'), 'qwen')
      await cluster.setReady(server, true)
      await expect.poll(async () => (await probe.chat('deepseek-r1')).status).toBe(200)
    }))

  // The last one, as nobody is left after it.
  test('without Signalbox every request is 503', () =>
    probing(async (probe) => {
      process.kill(running.signalbox.pid, 'SIGKILL')
      await running.signalbox.ended
      await expect.poll(async () => (await probe.chat('qwen')).status).toBe(503)
      expect(await probe.chat('no-such-model')).toMatchObject({ status: 503, body: Buffer.alloc(0) })
    }))
})
