import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { OtlpReceiver, type ReceivedSpan } from '../telemetry/otlp-receiver.ts'
import { envoy } from './envoy.ts'
import { modelAlias, requestModes, type Scene, startScene } from './scene.ts'
import { streamUntilToldTo, Upstream } from './upstream.ts'

/** One request at a time makes the server full. */
const configuration = {
  featureGates: ['flowControl'],
  plugins: [{ type: 'concurrency-detector', parameters: { maxConcurrency: 1 } }, { type: 'active-request-scorer' }],
  schedulingProfiles: [{ name: 'default', plugins: [{ pluginRef: 'active-request-scorer' }] }],
  flowControl: { saturationDetector: { pluginRef: 'concurrency-detector' }, defaultRequestTTL: '20s' },
}

/** Signalbox sees answers to their end. */
const listeners = Object.fromEntries(
  Object.entries(requestModes).map(([mode, listener]) => {
    const response = { response_body_mode: 'STREAMED', response_trailer_mode: 'SKIP' }
    return [
      mode,
      { ...listener, processingMode: { ...('processingMode' in listener && listener.processingMode), ...response } },
    ]
  }),
)

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const clientSpan = '00f067aa0ba902b7'
const secret = 'sk-secret-of-the-client'
const sampled = {
  traceparent: `00-${traceId}-${clientSpan}-01`,
  tracestate: 'vendor=value',
  authorization: `Bearer ${secret}`,
}

describe.skipIf(envoy === undefined)('traces, metrics and access lines of real requests', () => {
  const receiver = new OtlpReceiver()
  let upstream: Upstream
  let scene: Scene
  const variables = {
    OTEL_BSP_SCHEDULE_DELAY: '50',
    OTEL_METRIC_EXPORT_INTERVAL: '100',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    OTEL_EXPORTER_OTLP_HEADERS: 'x-collector-key=of-the-collector',
  }
  beforeAll(async () => {
    Object.assign(process.env, variables, { OTEL_EXPORTER_OTLP_ENDPOINT: await receiver.listen() })
    upstream = await new Upstream('qwen-0', streamUntilToldTo).listen()
    scene = await startScene({
      servers: [upstream],
      resources: [modelAlias('chat', 'qwen')],
      configuration,
      listeners,
      serveFlags: ['--access-log=1', '--drain-timeout=10s'],
    })
  })
  afterEach(() => {
    receiver.spans.length = 0
    upstream.arrivals.length = 0
  })
  afterAll(async () => {
    await scene?.stop()
    await upstream?.close()
    await receiver.close()
    for (const name of [...Object.keys(variables), 'OTEL_EXPORTER_OTLP_ENDPOINT']) delete process.env[name]
  })

  /** Resolves when so many spans have come, the request's first. */
  async function spans(count: number): Promise<ReceivedSpan[]> {
    await expect.poll(() => receiver.spans.length, { interval: 10, timeout: 5000 }).toBe(count)
    return receiver.spans
  }
  const named = (name: string, of = receiver.spans) => of.find((span) => span.name === name)!
  const lines = () =>
    scene.signalbox
      .lastLines(1000)
      .split('\n')
      .filter((line) => line.startsWith('{"time"') && line.includes('"outcome"'))

  test.each(Object.keys(listeners))('%s: the trace of the client goes through to the model server', async (mode) => {
    const { status } = await scene.chat({ model: 'chat', max_tokens: 7 }, { headers: sampled }, mode)
    expect(status).toBe(200)
    const [request, decision] = await spans(2)
    const { headers } = upstream.onlyArrival
    expect(request).toMatchObject({
      name: 'chat chat',
      kind: 'SERVER',
      traceId,
      parentSpanId: clientSpan,
      traceState: 'vendor=value',
    })
    expect(headers.traceparent).toBe(`00-${traceId}-${request.spanId}-01`)
    expect(headers.tracestate).toBe('vendor=value')
    expect(decision).toMatchObject({ name: 'signalbox.decide', traceId, parentSpanId: request.spanId })
    expect(request.attributes).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'gen_ai.request.model': 'chat',
      'gen_ai.request.max_tokens': 7,
      'http.response.status_code': 200,
      'server.address': '127.0.0.1',
      'server.port': upstream.port,
      'signalbox.outcome': 'answered',
    })
    expect(decision.attributes).toMatchObject({
      'signalbox.pool': 'default/pool',
      'signalbox.target.model': 'qwen',
      'signalbox.target.chosen_by': 'InferenceModel default/chat',
      'signalbox.endpoint.address': upstream.address,
      'signalbox.endpoint.candidates': 1,
    })
    expect(request.resource).toMatchObject({ 'service.name': 'signalbox', 'deployment.environment.name': 'test' })
  })

  test('a client that traces nothing: the trace begins here, and its strange tracestate ends here', async () => {
    await scene.chat({}, { headers: { tracestate: 'of=nothing' } }, 'full-duplex')
    const [request] = await spans(2)
    expect(request.parentSpanId).toBe('')
    expect(upstream.onlyArrival.headers.traceparent).toBe(`00-${request.traceId}-${request.spanId}-01`)
    expect(upstream.onlyArrival.headers.tracestate).toBeUndefined()
  })

  test('a client whose trace is not recorded: its own header goes on, and nothing is exported', async () => {
    const traceparent = `00-${traceId}-${clientSpan}-00`
    await scene.chat({}, { headers: { traceparent } }, 'full-duplex')
    await scene.chat({}, { headers: sampled }, 'full-duplex')
    await spans(2)
    expect(upstream.arrivals[0].headers.traceparent).toBe(traceparent)
  })

  test('a request that waits has a span of its wait below that of its decision', async () => {
    const first = scene.chat({ stream: true }, { headers: sampled }, 'full-duplex')
    await expect.poll(() => upstream.open.length, { interval: 5 }).toBe(1)
    const second = scene.chat({ model: 'chat' }, { headers: sampled }, 'full-duplex')
    await expect.poll(() => scene.metric('signalbox_open_exchanges'), { interval: 5 }).toBe(2)
    upstream.finish()
    await Promise.all([first, second])
    await spans(5)
    const queue = named('signalbox.queue')
    const decision = receiver.spans.find(({ spanId }) => spanId === queue.parentSpanId)!
    const request = receiver.spans.find(({ spanId }) => spanId === decision.parentSpanId)!
    expect([decision.name, request.name]).toEqual(['signalbox.decide', 'chat chat'])
    expect(queue.endMs).toBe(decision.endMs)
    expect(queue.startMs).toBeGreaterThanOrEqual(decision.startMs)
    expect(request.endMs).toBeGreaterThanOrEqual(decision.endMs)
  })

  test('a refusal is an error with its code', async () => {
    const sent = { path: '/v1/chat/completions', body: '{"messages":[]}', headers: sampled }
    expect((await scene.send(sent, 'full-duplex')).status).toBe(400)
    const [request, decision] = await spans(2)
    expect(request.status).toEqual({ code: 'ERROR', message: 'model_missing' })
    expect(request.attributes).toMatchObject({ 'error.type': 'model_missing', 'http.response.status_code': 400 })
    expect(decision.status.code).toBe('ERROR')
  })

  test('the GenAI metrics that the page shows arrive, too', async () => {
    const durations = () => receiver.points.filter(({ name }) => name === 'gen_ai.server.request.duration')
    await expect.poll(() => durations().length, { interval: 20, timeout: 5000 }).toBeGreaterThan(0)
    expect(durations()[0]).toMatchObject({ unit: 's', temporality: 'CUMULATIVE' })
    expect(durations().map(({ attributes }) => attributes['gen_ai.request.model'])).toContain('chat')
  })

  test('the collector gets its own headers', () => {
    expect(receiver.headers.every(({ headers }) => headers['x-collector-key'] === 'of-the-collector')).toBe(true)
    expect(new Set(receiver.headers.map(({ path }) => path))).toEqual(new Set(['/v1/traces', '/v1/metrics']))
  })

  test('each request has its line, with its trace, its endpoint and why, and no secret', async () => {
    const { length } = lines()
    const headers = { ...sampled, 'x-request-id': '3d5f1f64-0000-4000-8000-1f2f3f4f5f6f' }
    await scene.chat({ model: 'chat' }, { headers }, 'full-duplex')
    await expect.poll(() => lines().length, { interval: 20 }).toBe(length + 1)
    await spans(2)
    expect(JSON.parse(lines().at(-1)!)).toMatchObject({
      traceId,
      method: 'POST',
      path: '/v1/chat/completions',
      outcome: 'answered',
      status: 200,
      model: 'chat',
      target: 'qwen',
      pool: 'default/pool',
      endpoint: upstream.address,
      why: { targetBy: 'InferenceModel default/chat', candidates: 1 },
    })
    const all = lines().join('\n')
    expect(all).not.toContain(secret)
    expect(all).not.toContain('who are you')
  })

  test('what is left is sent before the process ends', async () => {
    await scene.chat({}, { headers: sampled }, 'full-duplex')
    await scene.replicas[0].part.end('SIGTERM')
    await spans(2)
  })
})
