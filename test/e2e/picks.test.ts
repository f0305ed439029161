import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { freePorts } from '../../src/demo/free-ports.ts'
import { envoy } from './envoy.ts'
import { objective, type Scene, startScene } from './scene.ts'
import { servedBy, Upstream } from './upstream.ts'

/** A client's token decides; another server is named for Envoy to fall back to. */
const configuration = {
  plugins: [
    { type: 'session-affinity-scorer' },
    { type: 'max-score-picker', parameters: { maxNumOfEndpoints: 2 } },
    { type: 'single-profile-handler' },
  ],
  schedulingProfiles: [
    { name: 'default', plugins: [{ pluginRef: 'session-affinity-scorer' }, { pluginRef: 'max-score-picker' }] },
  ],
}

const sessionHeader = 'x-session-token'
const tokenOf = (server: string) => Buffer.from(`default/${server}`).toString('base64')
const destinationHeader = 'x-gateway-destination-endpoint'

/** As another part of the proxy would restrict the servers. */
const subsetHint = (value: unknown) => ({
  name: 'envoy.filters.http.set_metadata',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.filters.http.set_metadata.v3.Config',
    metadata: [
      { metadata_namespace: 'envoy.lb.subset_hint', value: { 'x-gateway-destination-endpoint-subset': value } },
    ],
  },
})

describe.skipIf(envoy === undefined)('the server that a request goes to', () => {
  const names = ['qwen-0', 'qwen-1', 'qwen-2']
  let upstreams: Upstream[]
  let closedPort: number
  let scene: Scene
  beforeAll(async () => {
    upstreams = await Promise.all(names.map((name) => new Upstream(name).listen()))
    ;[closedPort] = await freePorts(1)
    const [first, second] = upstreams
    scene = await startScene({
      servers: [...upstreams, { name: 'refuses', port: closedPort }],
      resources: [objective('urgent', 10)],
      configuration,
      listeners: {
        any: {},
        'a list of two': { filtersBefore: [subsetHint([first.address, second.address])] },
        'a text of two': { filtersBefore: [subsetHint(`${first.address}, ${second.address}`)] },
        'a list of one': { filtersBefore: [subsetHint([second.address])] },
        'all ports of an address': { filtersBefore: [subsetHint(['127.0.0.1'])] },
        'a server of another pool': { filtersBefore: [subsetHint(['127.0.0.1:1', '192.0.2.1'])] },
        'an empty list': { filtersBefore: [subsetHint([])] },
      },
      accessLog: {
        served: `%DYNAMIC_METADATA(envoy.lb:${destinationHeader}-served)%`,
        picked: `%DYNAMIC_METADATA(envoy.lb:${destinationHeader})%`,
        attempts: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
      },
    })
  })
  afterEach(() => {
    for (const { arrivals } of upstreams) arrivals.length = 0
  })
  afterAll(async () => {
    await scene?.stop()
    for (const upstream of upstreams ?? []) await upstream.close()
  })

  const arrivals = () => upstreams.flatMap((upstream) => upstream.arrivals)
  const ask = (listener: string, headers: Record<string, string> = {}) => scene.chat({}, { headers }, listener)

  describe('session affinity', () => {
    test.each(names)('a token of %s leads there, and is told again', async (name) => {
      const { status, headers } = await ask('any', { [sessionHeader]: tokenOf(name) })
      expect({ status, server: headers[servedBy], token: headers[sessionHeader] }).toEqual({
        status: 200,
        server: name,
        token: tokenOf(name),
      })
    })

    test('a session begins without a token, and stays where it began', async () => {
      const { headers } = await ask('any')
      const token = headers[sessionHeader] as string
      expect(token).toBe(tokenOf(headers[servedBy] as string))
      for (let i = 0; i < 10; i++) {
        const next = await ask('any', { [sessionHeader]: token })
        expect(next.headers[servedBy]).toBe(headers[servedBy])
      }
    })

    test.each(['not base64!', tokenOf('qwen-9'), ''])(
      'a token of no server of the pool counts as none: %j',
      async (token) => {
        const { status, headers } = await ask('any', { [sessionHeader]: token })
        expect(status).toBe(200)
        expect(headers[sessionHeader]).toBe(tokenOf(headers[servedBy] as string))
      },
    )
  })

  test('when the picked server refuses connections, the next one answers, and Signalbox is told which', async () => {
    const sent = { 'x-case': 'fallback', [sessionHeader]: tokenOf('refuses') }
    const { status, headers } = await ask('any', sent)
    expect(status).toBe(200)
    const served = upstreams.find(({ name }) => name === headers[servedBy])!
    expect(served.onlyArrival.headers[destinationHeader]).toBe(`127.0.0.1:${closedPort},${served.address}`)
    // The token of the server that has answered: only Envoy could tell.
    expect(headers[sessionHeader]).toBe(tokenOf(served.name))
    await expect
      .poll(() => scene.logged('fallback'))
      .toEqual([
        {
          case: 'fallback',
          picked: `127.0.0.1:${closedPort},${served.address}`,
          served: served.address,
          attempts: 2,
        },
      ])
  })

  describe("the proxy's subset hint", () => {
    const allowed: readonly [listener: string, servers: readonly string[]][] = [
      ['a list of two', ['qwen-0', 'qwen-1']],
      ['a text of two', ['qwen-0', 'qwen-1']],
      ['a list of one', ['qwen-1']],
      ['all ports of an address', names],
    ]
    test.each(allowed)('%s', async (listener, servers) => {
      for (const name of names) {
        const { status, headers } = await ask(listener, { [sessionHeader]: tokenOf(name) })
        expect(status).toBe(200)
        if (servers.includes(name)) expect(headers[servedBy]).toBe(name)
        else expect(servers).toContain(headers[servedBy])
      }
      const addresses = upstreams.filter(({ name }) => servers.includes(name)).map(({ address }) => address)
      const picked = new Set(arrivals().flatMap(({ headers }) => (headers[destinationHeader] as string).split(',')))
      if (servers.length < names.length) expect(picked).toEqual(new Set(addresses))
    })

    test.each(['a server of another pool', 'an empty list'])('%s: 503, and no server is asked', async (listener) => {
      const { status, body } = await ask(listener, { [sessionHeader]: tokenOf('qwen-0') })
      expect(status).toBe(503)
      expect(JSON.parse(body.toString()).error).toMatchObject({ type: 'server_error', code: 'no_endpoint' })
      expect(arrivals()).toEqual([])
    })

    test('a hint in a header does not count', async () => {
      const { headers } = await ask('any', {
        [sessionHeader]: tokenOf('qwen-2'),
        [`${destinationHeader}-subset`]: upstreams[0].address,
      })
      expect(headers[servedBy]).toBe('qwen-2')
    })
  })

  test('what a client asks Signalbox for in headers does not reach the server', async () => {
    const hints = {
      'x-gateway-inference-objective': 'urgent',
      'x-llm-d-inference-objective': 'urgent',
      'x-gateway-inference-fairness-id': 'team-a',
      'x-llm-d-inference-fairness-id': 'team-a',
      'x-gateway-model-name-rewrite': 'qwen',
      'x-llm-d-inference-ttl': '10s',
      'x-slo-ttft-ms': '500',
      'x-slo-tpot-ms': '50',
    }
    const { status } = await ask('any', { ...hints, 'x-tenant': 'kept', [sessionHeader]: tokenOf('qwen-0') })
    expect(status).toBe(200)
    const { headers } = upstreams[0].onlyArrival
    expect(Object.keys(headers).filter((name) => name in hints)).toEqual([])
    expect(headers['x-gateway-model-name']).toBe('qwen')
    expect(headers['x-tenant']).toBe('kept')
  })
})
