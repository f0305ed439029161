import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { demandChatAnswer, demandError } from '../../src/demo/demand.ts'
import { kinds } from '../../src/kubernetes/kinds.ts'
import { eventually, read } from '../kube/controller.ts'
import type { KubeObject } from '../real/kube-api.ts'
import { startBodyRouter } from './body-router.ts'
import {
  asking,
  basic,
  byModel,
  hasty,
  hostOf,
  htpasswd,
  inferenceService,
  omeConfig,
  secret,
  server,
  sharedHost,
} from './inference-services.ts'
import { hasCluster } from './parts.ts'
import {
  gateway,
  namespace,
  type RunningServiceCluster,
  type ServiceCluster,
  startServiceCluster,
} from './service-cluster.ts'

describe.skipIf(!hasCluster)('routes of InferenceServices on a real Envoy Gateway', () => {
  let running: RunningServiceCluster
  let cluster: ServiceCluster

  beforeAll(async () => {
    running = await startServiceCluster({
      services: [
        server('llama-engine', 'llama', 8080, 50),
        server('llama-router', 'llama', 80, 51),
        server('llama-decoder', 'llama', 9000, 52),
        server('embedder-engine', 'embedder', 8080, 53),
        server('keyed-engine', 'keyed', 8080, 54),
        server('keyed-router', 'keyed', 8080, 55),
        server('named-engine', 'named', 8080, 56),
        server('closed-engine', 'closed', 8080, 57),
        server('late-engine', 'late', 8080, 58),
        server('qwen-chat-a04542d9-predictor', 'qwen3-32b', 80, 59),
      ],
      objects: [
        omeConfig,
        secret('keys', { anna: 'the-key' }),
        secret('users', { '.htpasswd': htpasswd('anna', 'a-password') }),
        inferenceService('llama', byModel, { router: { minReplicas: 1 }, decoder: { minReplicas: 1 } }),
        inferenceService('embedder', byModel, hasty),
        inferenceService('keyed', { ...byModel, ...asking('apikey', 'keys') }, { router: { minReplicas: 1 } }),
        inferenceService('named', asking('basic', 'users')),
        inferenceService('closed', asking('apikey', 'no-such-secret')),
      ],
      isReady: async (cluster) => {
        const hosts = ['llama', 'llama-engine', 'embedder', 'keyed', 'keyed-engine', 'named', 'closed'].map(hostOf)
        const answers = await Promise.all(hosts.map((host) => cluster.ask('/', { host })))
        return answers.map(({ status }) => status).join() === '200,200,200,401,401,401,500'
      },
    })
    cluster = running.cluster
  })
  afterAll(() => running?.stop())

  const statusOf = async (host: string, path = '/', headers = {}) =>
    (await cluster.ask(path, { host, ...headers })).status

  test.each([
    [hostOf('llama'), '/', 'llama-router'],
    [hostOf('llama'), '/v1/chat/completions?verbose=1', 'llama-router'],
    [hostOf('llama'), '/v1/router', 'llama-router'],
    [hostOf('llama'), '/v1/router/status', 'llama-router'],
    [hostOf('llama'), '/v1/decoder/status?verbose=1', 'llama-decoder'],
    [hostOf('llama'), '/v1/decoders', 'llama-router'],
    ['llama.ml-team.ai.example.net', '/v1/models', 'llama-router'],
    ['llama.ml-team.ai.example.net', '/v1/decoder', 'llama-decoder'],
    [hostOf('llama-engine'), '/v1/decoder', 'llama-engine'],
    [hostOf('llama-router'), '/v1/decoder', 'llama-router'],
    [hostOf('llama-decoder'), '/v1/models', 'llama-decoder'],
    [hostOf('embedder'), '/v1/router', 'embedder-engine'],
  ])('%s %s reaches %s, path untouched', async (host, path, server) => {
    expect(await cluster.ask(path, { host })).toMatchObject({ status: 200, server, path })
  })

  test.each([
    ['/serving/ml-team/llama/v1/chat/completions', 'llama-router', '/v1/chat/completions'],
    ['/serving/ml-team/llama/v1/router/x?verbose=1', 'llama-router', '/v1/router/x?verbose=1'],
    ['/serving/ml-team/llama/v1/decoder', 'llama-decoder', '/v1/decoder'],
    ['/serving/ml-team/llama/v1/decoders', 'llama-router', '/v1/decoders'],
    ['/serving/ml-team/llama', 'llama-router', '/'],
    ['/serving/ml-team/llama/', 'llama-router', '/'],
    ['/serving/ml-team/embedder/v1/models', 'embedder-engine', '/v1/models'],
  ])('the path template: %s reaches %s as %s', async (path, server, arrived) => {
    expect(await cluster.ask(path, { host: sharedHost })).toMatchObject({ status: 200, server, path: arrived })
  })

  test('no other host or path leads anywhere', async () => {
    expect(await statusOf(sharedHost, '/serving/ml-team/llama-2')).toBe(404)
    expect(await statusOf(sharedHost, '/v1/models')).toBe(404)
    expect(await statusOf(hostOf('embedder-engine'))).toBe(404)
    expect(await statusOf('embedder.example.com')).toBe(404)
  })

  test('a server is told the service; what a client says of it does not count', async () => {
    const said = { 'OMe-Isvc-Name': 'another', 'OME-Isvc-Namespace': 'elsewhere' }
    for (const [host, path] of [
      [hostOf('llama'), '/v1/decoder'],
      [hostOf('llama-engine'), '/'],
      [sharedHost, '/serving/ml-team/llama'],
    ]) {
      const { headers } = await cluster.ask(path, { host, ...said })
      expect(headers).toMatchObject({ 'ome-isvc-name': 'llama', 'ome-isvc-namespace': 'ml-team' })
    }
  })

  test('timeoutSeconds of a component ends a request that hangs', async () => {
    const ask = (name: string) =>
      cluster.chat('/v1/chat/completions', name, { host: hostOf(name), 'x-sim-fault': 'stall=2500' })
    const answers = await Promise.all([ask('embedder'), ask('llama')])
    expect(answers.map(({ status }) => status)).toEqual([504, 200])
  })

  /** Every way to a service that asks for something, host and path. */
  const waysTo = (name: string): [string, string][] => [
    [hostOf(name), '/v1/chat/completions'],
    [hostOf(name), '/v1/router'],
    [`${name}.ml-team.ai.example.net`, '/'],
    [sharedHost, `/serving/ml-team/${name}/v1/models`],
  ]

  test.each([...waysTo('keyed'), [hostOf('keyed-engine'), '/'], [hostOf('keyed-router'), '/']])(
    'only who has a key of the Secret comes in at %s %s',
    async (host, path) => {
      for (const authorization of ['the-key', 'Bearer the-key'])
        expect(await statusOf(host, path, { authorization })).toBe(200)
      expect(await statusOf(host, path)).toBe(401)
      for (const authorization of ['anna', 'the-key-2', 'Bearer', basic('anna', 'the-key')]) {
        expect(await statusOf(host, path, { authorization })).toBe(401)
      }
    },
  )

  test.each(waysTo('named'))('only who has a password of the Secret comes in at %s %s', async (host, path) => {
    expect(await statusOf(host, path, { authorization: basic('anna', 'a-password') })).toBe(200)
    expect(await statusOf(host, path)).toBe(401)
    for (const authorization of [
      basic('anna', 'another'),
      basic('berta', 'a-password'),
      'Bearer the-key',
      'a-password',
    ]) {
      expect(await statusOf(host, path, { authorization })).toBe(401)
    }
  })

  test('while the Secret is not there nobody comes in', async () => {
    for (const [host, path] of waysTo('closed')) {
      expect(await statusOf(host, path, { authorization: 'Bearer the-key' })).toBe(500)
    }
  })

  // Only with keys, and where the Gateway knows keys already: a listener that has to get a filter first lags behind its routes.
  test('a way that is guarded by keys is not open for a moment, whether it comes or goes', async () => {
    const ways = waysTo('late')
    const seen = new Set<number>()
    const becomes = async (expected: number) => {
      const look = async () => {
        const statuses = await Promise.all(ways.map(([host, path]) => statusOf(host, path)))
        for (const status of statuses) seen.add(status)
        return statuses
      }
      await expect.poll(look, { interval: 5 }).toEqual(ways.map(() => expected))
    }
    await cluster.apply(inferenceService('late', asking('apikey', 'keys')))
    await becomes(401)
    await cluster.apply(inferenceService('late', { ...asking('apikey', 'keys'), 'ome.io/disable-ingress': 'true' }))
    await becomes(404)
    expect([...seen]).not.toContain(200)
  })

  test('creation that is disabled takes the way away', async () => {
    const statuses = async () => [
      await statusOf(hostOf('embedder')),
      await statusOf(sharedHost, '/serving/ml-team/embedder'),
    ]
    await cluster.apply(inferenceService('embedder', { ...byModel, 'ome.io/disable-ingress': 'true' }))
    await expect.poll(statuses).toEqual([404, 404])
    await cluster.apply(inferenceService('embedder', byModel, hasty))
    await expect.poll(statuses).toEqual([200, 200])
  })

  describe('by the model alone', () => {
    const ends: (() => unknown)[] = []
    const ask = (model: string, headers = {}) => cluster.chat('/v1/chat/completions?verbose=1', model, headers)

    beforeAll(async () => {
      await cluster.apply({
        apiVersion: 'aim.eai.amd.com/v1alpha1',
        kind: 'AIMService',
        metadata: { name: 'qwen-chat', annotations: byModel } as KubeObject['metadata'],
        spec: { model: { name: 'qwen3-32b' }, routing: { enabled: true, gatewayRef: gateway } },
      })
      await startBodyRouter(cluster, ends)
      for (const model of ['qwen3-32b', 'embedder']) {
        await eventually(async () => demandChatAnswer(await ask(model), model))
      }
    })
    afterAll(async () => {
      for (const end of ends.reverse()) await end()
    })

    test('one address serves a service of either kind, path untouched', async () => {
      for (const [model, name] of [
        ['llama', 'llama-router'],
        ['qwen3-32b', 'qwen-chat-a04542d9-predictor'],
      ]) {
        const answer = await ask(model)
        demandChatAnswer(answer, model)
        expect(answer.headers['x-sim-server']).toBe(name)
        const journal = cluster.servers.find((server) => server.name === name)!.journal
        expect(journal.entries().at(-1)!.path).toBe('/v1/chat/completions?verbose=1')
      }
    })

    test('a model that no service has gets what the Gateway has for it', async () => {
      // A connection that was open before the Gateway had a body router has one request without it.
      await eventually(async () => expect(demandError(await ask('gpt-5'), 404).code).toBe('model_not_found'))
    })

    test('the header of a client does not count', async () => {
      demandChatAnswer(await ask('llama', { 'x-gateway-model-name': 'qwen3-32b' }), 'llama')
      expect((await ask('gpt-5', { 'x-gateway-model-name': 'llama' })).status).toBe(404)
    })

    test('timeoutSeconds holds there, too, and goes before what the Gateway has for all', async () => {
      const hang = async (model: string) => (await ask(model, { 'x-sim-fault': 'stall=2500' })).status
      expect(await Promise.all([hang('embedder'), hang('llama')])).toEqual([504, 200])
    })

    test('hosts and paths of services stay theirs', async () => {
      expect(await cluster.ask('/v1/decoder', { host: hostOf('llama') })).toMatchObject({ server: 'llama-decoder' })
      expect(await statusOf(hostOf('keyed'))).toBe(401)
      const { status } = await read(cluster.api, kinds.aimService, 'qwen-chat', namespace)
      const { path } = status!.routing as { path: string }
      expect(await cluster.ask(`${path}/v1/models`)).toMatchObject({ path: '/v1/models' })
    })

    test('a service that asks for keys has no way by its model: there nobody would ask for them', async () => {
      const { status } = await read(cluster.api, kinds.inferenceService, 'keyed', namespace)
      expect(status!.conditions).toContainEqual(
        expect.objectContaining({ type: 'ModelRouteReady', status: 'False', reason: 'AuthUnsupported' }),
      )
      for (const headers of [{}, { authorization: 'the-key' }]) expect((await ask('keyed', headers)).status).toBe(404)
    })
  })
})
