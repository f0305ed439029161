import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { envoy } from './envoy.ts'
import { type Scene, startScene } from './scene.ts'
import { servedBy, streamUntilToldTo, Upstream } from './upstream.ts'

/** The server with the fewest requests in flight, but for sessions; another one is named for Envoy to fall back to. */
const configuration = {
  plugins: [
    { type: 'active-request-scorer' },
    { type: 'session-affinity-scorer' },
    { type: 'max-score-picker', parameters: { maxNumOfEndpoints: 2 } },
  ],
  schedulingProfiles: [
    {
      name: 'default',
      plugins: [
        { pluginRef: 'active-request-scorer' },
        { pluginRef: 'session-affinity-scorer', weight: 9 },
        { pluginRef: 'max-score-picker' },
      ],
    },
  ],
}

/** The modes in which Signalbox sees the end of an answer. */
const listeners = {
  'body streamed': { processingMode: { response_body_mode: 'STREAMED', response_trailer_mode: 'SKIP' } },
  'body full duplex': { processingMode: { response_body_mode: 'FULL_DUPLEX_STREAMED', response_trailer_mode: 'SEND' } },
  'no body, trailers': { processingMode: { response_body_mode: 'NONE', response_trailer_mode: 'SEND' } },
}

describe.skipIf(envoy === undefined)('a stream counts at its server until it ends', () => {
  let upstreams: Upstream[]
  let scene: Scene
  beforeAll(async () => {
    upstreams = await Promise.all(['qwen-0', 'qwen-1'].map((name) => new Upstream(name, streamUntilToldTo).listen()))
    scene = await startScene({ servers: upstreams, configuration, listeners })
  })
  afterEach(async () => {
    for (const upstream of upstreams) while (upstream.open.length > 0) upstream.finish()
    await expect.poll(() => scene.metric('signalbox_open_exchanges')).toBe(0)
  })
  afterAll(async () => {
    await scene?.stop()
    for (const upstream of upstreams ?? []) await upstream.close()
  })

  const openStreams = () => upstreams.map(({ open }) => open.length)

  /** Begins a stream. Resolves when its server has sent the first event, with what ends it and what the client may do. */
  async function stream(mode: string, headers: Record<string, string> = {}) {
    const before = openStreams()
    const client = new AbortController()
    const answer = scene.chat({ stream: true }, { headers, signal: client.signal }, mode)
    answer.catch(() => {}) // a client that goes away
    const find = () => upstreams.find(({ open }, index) => open.length > before[index])
    await expect.poll(find, { interval: 5 }).toBeDefined()
    return { server: find()!, answer, client }
  }

  async function whoServes(count: number, mode: string): Promise<Set<unknown>> {
    const servers = new Set<unknown>()
    for (let i = 0; i < count; i++) servers.add((await scene.chat({}, {}, mode)).headers[servedBy])
    return servers
  }

  describe.each(Object.keys(listeners))('%s', (mode) => {
    test('while it runs, others go elsewhere; when it has ended, they come back', async () => {
      const first = await stream(mode)
      const other = upstreams.find((upstream) => upstream !== first.server)!
      expect(await whoServes(10, mode)).toEqual(new Set([other.name]))

      const second = await stream(mode)
      expect(second.server.name).toBe(other.name)
      first.server.finish()
      expect((await first.answer).body.toString()).toMatch(/data: \[DONE\]\n\n$/)
      await expect.poll(() => whoServes(10, mode)).toEqual(new Set([first.server.name]))
      expect(openStreams().reduce((sum, count) => sum + count)).toBe(1)
    })

    test('when its client goes away it counts no longer', async () => {
      const first = await stream(mode)
      const second = await stream(mode)
      expect(second.server.name).not.toBe(first.server.name)
      first.client.abort()
      await expect.poll(() => whoServes(10, mode)).toEqual(new Set([first.server.name]))
    })

    test('where Envoy fell back to, when the picked server is unavailable', async () => {
      const [first, second] = upstreams
      first.isUnavailable = true
      const toFirst = { 'x-session-token': Buffer.from('default/qwen-0').toString('base64') }
      const { server } = await stream(mode, toFirst).finally(() => {
        first.isUnavailable = false
      })
      expect(server.name).toBe(second.name)
      expect(await whoServes(10, mode)).toEqual(new Set([first.name]))
    })
  })
})
