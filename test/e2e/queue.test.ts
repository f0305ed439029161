import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { envoy } from './envoy.ts'
import { type Listener, objective, requestModes, type Scene, startScene } from './scene.ts'
import { streamUntilToldTo, Upstream } from './upstream.ts'

/** One request at a time makes the server full. */
const detector = { type: 'concurrency-detector', parameters: { maxConcurrency: 1 } }
const schedulingProfiles = [{ name: 'default', plugins: [{ pluginRef: 'active-request-scorer' }] }]
const plugins = [detector, { type: 'active-request-scorer' }]

const withQueue = {
  featureGates: ['flowControl'],
  plugins,
  schedulingProfiles,
  flowControl: { saturationDetector: { pluginRef: detector.type }, defaultRequestTTL: '20s' },
}
const withoutQueue = { plugins, schedulingProfiles, saturationDetector: { pluginRef: detector.type } }

/** Signalbox sees answers to their end. */
const listeners = Object.fromEntries(
  Object.entries<Listener>(requestModes).map(([mode, listener]) => {
    const response = { response_body_mode: 'STREAMED', response_trailer_mode: 'SKIP' }
    return [mode, { ...listener, processingMode: { ...listener.processingMode, ...response } }]
  }),
)
const resources = [objective('urgent', 10), objective('batch', -1)]

/** Long enough for a request that nobody holds back to have arrived. */
const whileMs = 100

describe.skipIf(envoy === undefined)('when the servers are full', () => {
  let upstream: Upstream
  let scene: Scene
  let mode = 'full-duplex'
  afterEach(async () => {
    while (upstream.open.length > 0) upstream.finish()
    if (scene.signalbox.running) await expect.poll(() => scene.metric('signalbox_open_exchanges')).toBe(0)
    upstream.arrivals.length = 0
  })
  const close = async () => {
    await scene?.stop()
    await upstream?.close()
  }

  type Hints = { readonly objective?: string; readonly ttl?: string; readonly signal?: AbortSignal }
  function ask(name: string, { objective, ttl, signal }: Hints = {}, isStream = false) {
    const headers = {
      'x-case': name,
      ...(objective && { 'x-llm-d-inference-objective': objective }),
      ...(ttl && { 'x-llm-d-inference-ttl': ttl }),
    }
    return scene.chat({ stream: isStream }, { headers, ...(signal && { signal }) }, mode)
  }
  const arrived = () => upstream.arrivals.map(({ headers }) => headers['x-case'])

  /** Fills the server with a stream. Resolves when it has begun, with what brings its end. */
  async function fill() {
    const answer = ask('first', {}, true)
    await expect.poll(() => upstream.open.length, { interval: 5 }).toBe(1)
    return { answer }
  }

  /** Waits until Signalbox has this many requests, and none has got further than it may. */
  async function untilWaiting(count: number) {
    await expect.poll(() => scene.metric('signalbox_open_exchanges'), { interval: 5 }).toBe(1 + count)
    await sleep(whileMs)
    expect(arrived()).toEqual(['first'])
  }

  describe('with flow control', () => {
    beforeAll(async () => {
      upstream = await new Upstream('qwen-0', streamUntilToldTo).listen()
      const serveFlags = ['--emit-llm-d-metrics']
      scene = await startScene({ servers: [upstream], resources, configuration: withQueue, listeners, serveFlags })
    })
    afterAll(close)

    test('what waits is in the metrics, under the names of llm-d too where they are asked for', async () => {
      const { answer } = await fill()
      const second = ask('second')
      await untilWaiting(1)
      const page = await (await fetch(scene.metricsUrl)).text()
      for (const prefix of ['inference_extension', 'llm_d_epp']) {
        expect(page).toMatch(new RegExp(`^${prefix}_flow_control_queue_size\\{.*\\} 1$`, 'm'))
      }
      upstream.finish()
      expect((await second).status).toBe(200)
      await answer
    })

    describe.each(Object.keys(listeners))('request body mode: %s', (name) => {
      beforeAll(() => {
        mode = name
      })

      test('a request waits until the stream before it has ended', async () => {
        const { answer } = await fill()
        const second = ask('second')
        await untilWaiting(1)
        upstream.finish()
        expect((await second).status).toBe(200)
        expect(arrived()).toEqual(['first', 'second'])
        expect((await answer).body.toString()).toMatch(/data: \[DONE\]\n\n$/)
      })

      test('those that wait go one by one, and the higher priority before the lower', async () => {
        await fill()
        const batch = ask('batch', { objective: 'batch' })
        await untilWaiting(1)
        const plain = ask('plain')
        await untilWaiting(2)
        const urgent = ask('urgent', { objective: 'urgent' })
        await untilWaiting(3)
        upstream.finish()
        for (const answer of [batch, plain, urgent]) expect((await answer).status).toBe(200)
        expect(arrived()).toEqual(['first', 'urgent', 'plain', 'batch'])
        for (const { headers } of upstream.arrivals) {
          expect(Object.keys(headers).filter((name) => name.startsWith('x-llm-d-'))).toEqual([])
        }
      })

      test('a request that has waited too long is 429, with why and when to come again', async () => {
        await fill()
        const beganMs = performance.now()
        const { status, headers, body } = await ask('late', { ttl: '300ms' })
        expect(performance.now() - beganMs).toBeGreaterThanOrEqual(300)
        expect(status).toBe(429)
        expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(1)
        expect(headers['x-llm-d-request-dropped-reason']).toBe('rejected-ttl-expired')
        expect(JSON.parse(body.toString()).error).toMatchObject({ type: 'rate_limit_error', code: 'queue_timeout' })
        upstream.finish()
        expect(arrived()).toEqual(['first'])
      })

      test.runIf(name !== 'buffered')('a body that is still being sent does not make the wait longer', async () => {
        await fill()
        const beganMs = performance.now()
        async function* slowly() {
          yield '{"model":"qwen","messages":['
          while (performance.now() - beganMs < 2_000) {
            await sleep(100)
            yield ' '
          }
          yield ']}'
        }
        const headers = { 'x-case': 'slow', 'x-llm-d-inference-ttl': '300ms' }
        const { status } = await scene.send({ path: '/v1/chat/completions', headers, body: slowly() }, mode)
        expect(status).toBe(429)
        expect(performance.now() - beganMs).toBeLessThan(1_500)
      })

      test('a client that goes away leaves the queue', async () => {
        await fill()
        const client = new AbortController()
        const gone = ask('gone', { signal: client.signal })
        const stays = ask('stays', {})
        await untilWaiting(2)
        client.abort()
        await expect(gone).rejects.toThrow()
        await expect.poll(() => scene.metric('signalbox_open_exchanges')).toBe(2)
        upstream.finish()
        expect((await stays).status).toBe(200)
        expect(arrived()).toEqual(['first', 'stays'])
      })

      test('a place is free again when the client of a running stream goes away', async () => {
        const client = new AbortController()
        const running = ask('first', { signal: client.signal }, true)
        await expect.poll(() => upstream.open.length, { interval: 5 }).toBe(1)
        const second = ask('second')
        await untilWaiting(1)
        client.abort()
        await expect(running).rejects.toThrow()
        expect((await second).status).toBe(200)
      })

      test('a place is free again when the server breaks off', async () => {
        const { answer } = await fill()
        // Envoy closes the client's connection a second later (delayed_close_timeout); that is not waited for.
        answer.catch(() => {})
        const second = ask('second')
        await untilWaiting(1)
        upstream.breakOff()
        expect((await second).status).toBe(200)
      })

      test('a body that is still being sent keeps the place in the queue', async () => {
        await fill()
        let goOn!: () => void
        const gate = new Promise<void>((resolve) => {
          goOn = resolve
        })
        async function* slowly() {
          yield '{"model":"qwen","messages":[{"role":"user","content":"'
          await gate
          yield 'who are '
          yield 'you?"}]}'
        }
        const headers = { 'x-case': 'slow' }
        const slow = scene.send({ path: '/v1/chat/completions', headers, body: slowly() }, mode)
        // In buffered mode a request is in the queue when its body has come.
        if (mode !== 'buffered') await untilWaiting(1)
        const second = ask('second')
        await untilWaiting(2)
        goOn()
        await sleep(whileMs)
        upstream.finish()
        expect((await slow).status).toBe(200)
        expect((await second).status).toBe(200)
        expect(arrived()).toEqual(mode === 'buffered' ? ['first', 'second', 'slow'] : ['first', 'slow', 'second'])
        const body = '{"model":"qwen","messages":[{"role":"user","content":"who are you?"}]}'
        expect(upstream.arrivals.find(({ headers }) => headers['x-case'] === 'slow')?.body.toString()).toBe(body)
      })

      test('a large body waits, and arrives whole', async () => {
        await fill()
        const content = 'who are you? '.repeat(mode === 'full-duplex' ? 400_000 : 30_000)
        const body = JSON.stringify({ model: 'qwen', messages: [{ role: 'user', content }] })
        const headers = { 'x-case': 'large' }
        const large = scene.send({ path: '/v1/chat/completions', headers, body }, mode)
        await untilWaiting(1)
        upstream.finish()
        expect((await large).status).toBe(200)
        expect(upstream.arrivals[1].body.toString() === body).toBe(true)
      })

      test('of very many at once the server never gets more than it takes, and all are answered', async () => {
        upstream.mostRunning = 0
        const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => ask(`one of many ${i}`, {}, false)))
        expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
        expect(upstream.mostRunning).toBe(1)
        expect(new Set(arrived()).size).toBe(100)
      })
    })

    test('a request with a header of a bad duration has the default', async () => {
      const { answer } = await fill()
      const second = ask('second', { ttl: 'soon' })
      await untilWaiting(1)
      upstream.finish()
      expect((await second).status).toBe(200)
      await answer
    })
  })

  describe('without flow control', () => {
    beforeAll(async () => {
      upstream = await new Upstream('qwen-0', streamUntilToldTo).listen()
      scene = await startScene({ servers: [upstream], resources, configuration: withoutQueue, listeners })
    })
    afterAll(close)

    test('requests of a negative priority are 429, all others go on', async () => {
      await fill()
      const { status, headers, body } = await ask('batch', { objective: 'batch' })
      expect(status).toBe(429)
      expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(1)
      expect(headers['x-llm-d-request-dropped-reason']).toBe('rejected-saturated')
      expect(JSON.parse(body.toString()).error).toMatchObject({ type: 'rate_limit_error', code: 'saturated' })
      expect((await ask('plain')).status).toBe(200)
      expect((await ask('urgent', { objective: 'urgent' })).status).toBe(200)
      expect(arrived()).toEqual(['first', 'plain', 'urgent'])
    })

    test('a server with room takes them too', async () => {
      expect((await ask('batch', { objective: 'batch' })).status).toBe(200)
      expect(arrived()).toEqual(['batch'])
    })
  })

  describe('when Signalbox is stopped', () => {
    beforeAll(async () => {
      upstream = await new Upstream('qwen-0', streamUntilToldTo).listen()
      const serveFlags = ['--drain-timeout=10s']
      scene = await startScene({ servers: [upstream], resources, configuration: withQueue, listeners, serveFlags })
    })
    afterAll(close)

    test('those that wait are 503 with why, and a stream under way reaches its end', async () => {
      const { answer } = await fill()
      const waiting = ask('waiting')
      await untilWaiting(1)
      process.kill(scene.signalbox.pid, 'SIGTERM')
      const { status, headers, body } = await waiting
      expect(status).toBe(503)
      expect(headers['x-llm-d-request-dropped-reason']).toBe('rejected-shutting-down')
      expect(JSON.parse(body.toString()).error.code).toBe('shutting_down')
      await scene.signalbox.ended
      upstream.finish()
      expect((await answer).body.toString()).toMatch(/data: \[DONE\]\n\n$/)
    })
  })
})
