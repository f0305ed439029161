import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { diag } from '@opentelemetry/api'
import type { Logger } from 'pino'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { observeEnds } from '../../src/telemetry/exchange-ends.ts'
import { maxCauseLength, type Otlp, startOtlp } from '../../src/telemetry/otlp.ts'
import { readOtlpSettings } from '../../src/telemetry/otlp-environment.ts'
import { createOtlpExport } from '../../src/telemetry/otlp-export.ts'
import { createWorld, onePool } from '../extproc/world.ts'
import { exchange, playStream } from './exchange.ts'
import { OtlpReceiver } from './otlp-receiver.ts'

const receiver = new OtlpReceiver()
let endpoint = ''
let otlp: Otlp | undefined
beforeAll(async () => {
  endpoint = await receiver.listen()
})
afterEach(async () => {
  await otlp?.close()
  diag.disable()
  vi.unstubAllEnvs()
  receiver.spans.length = 0
  receiver.headers.length = 0
  receiver.status = 200
})
afterAll(() => receiver.close())

function start(env: Readonly<Record<string, string>>, workerId?: number) {
  const all = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_METRICS_EXPORTER: 'none', ...env }
  for (const [name, value] of Object.entries(all)) vi.stubEnv(name, value)
  const warnings: unknown[] = []
  const log = { warn: (...parts: unknown[]) => void warnings.push(parts) } as unknown as Logger
  const settings = readOtlpSettings(all)
  otlp = startOtlp({ settings, clock: systemClock, workerId, pairs: () => [], log })
  return { tracer: otlp.tracer!, close: otlp.close, warnings }
}

async function play(tracer: NonNullable<Otlp['tracer']>) {
  const shared = createWorld(onePool)
  const observer = observeEnds(
    () => shared.clock.nowMs(),
    (ended) => tracer.end(ended),
  )
  await playStream(exchange({ shared, observer, headerNames: ['traceparent', 'tracestate'] }))
}

test('what is left goes out when it is closed, with the headers that the environment names', async () => {
  const { tracer, close, warnings } = start({ OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-key=secret' })
  await play(tracer)
  await close()
  expect(receiver.spans.map(({ name }) => name)).toEqual(['chat chat', 'signalbox.decide'])
  expect(receiver.headers).toMatchObject([{ path: '/v1/traces', headers: { 'x-key': 'secret' } }])
  expect(warnings).toEqual([])
})

test.each([
  [{}, undefined, { 'service.name': 'signalbox', 'service.instance.id': expect.stringMatching(/^[0-9a-f-]{36}$/) }],
  [{ OTEL_SERVICE_NAME: 'router' }, undefined, { 'service.name': 'router' }],
  [
    { OTEL_RESOURCE_ATTRIBUTES: 'service.name=of-the-resource,service.instance.id=pod-1' },
    undefined,
    { 'service.name': 'of-the-resource', 'service.instance.id': 'pod-1' },
  ],
  [{ OTEL_RESOURCE_ATTRIBUTES: 'service.instance.id=pod-1' }, 2, { 'service.instance.id': 'pod-1/2' }],
])('with %j, worker %s, the resource is %j', async (env, workerId, resource) => {
  const { tracer, close } = start(env, workerId)
  await play(tracer)
  await close()
  expect(receiver.spans[0].resource).toMatchObject(resource)
})

test.each([
  ['always_off', '1', 0],
  ['traceidratio', '0', 0],
  ['parentbased_traceidratio', '1', 2],
  ['always_on', '0', 2],
])('the sampler %s with %s', async (name, share, count) => {
  const { tracer, close } = start({ OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: share })
  await play(tracer)
  await close()
  expect(receiver.spans.length).toBe(count)
})

test('a collector that refuses is said once, as far as a log has room for it, and nothing fails by it', async () => {
  receiver.status = 400
  receiver.refusal = 'no, '.repeat(10_000)
  const { tracer, warnings } = start({ OTEL_BSP_SCHEDULE_DELAY: '1' })
  await play(tracer)
  await expect.poll(() => warnings.length, { interval: 5 }).toBe(1)
  await play(tracer)
  await expect.poll(() => receiver.headers.length, { interval: 5 }).toBe(2)
  await otlp!.close()
  const cause = `400 Bad Request ${receiver.refusal}`.slice(0, maxCauseLength)
  expect(warnings).toEqual([[{ cause, count: 1 }, 'telemetry could not be sent over OTLP']])
})

test('a collector that refuses what is left at the end is said, too', async () => {
  receiver.status = 400
  const { tracer, close, warnings } = start({})
  await play(tracer)
  await close()
  expect(warnings).toEqual([[{ cause: 'Bad Request', count: 1 }, 'telemetry could not be sent over OTLP']])
})

test('no more spans wait than there may, and it is said that some are lost', async () => {
  const { tracer, close, warnings } = start({ OTEL_BSP_MAX_QUEUE_SIZE: '4', OTEL_BSP_SCHEDULE_DELAY: '60000' })
  let played = 0
  const playOne = () => {
    played += 1
    return play(tracer)
  }
  for (let i = 0; i < 10; i += 1) await playOne()
  // It is said with the next span that there is room for.
  const cause = expect.stringMatching(/^Dropped \d+ spans/)
  await vi.waitFor(async () => {
    await playOne()
    expect(warnings).toEqual([[{ cause, count: 1 }, 'telemetry could not be sent over OTLP']])
  })
  await close()
  expect(receiver.spans.length).toBeLessThan(2 * played)
})

test('without a place to send to there is nothing', () => {
  const log = { warn: vi.fn() } as unknown as Logger
  expect(createOtlpExport({}, true, log)).toBeUndefined()
  const env = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector:4318/v1/traces' }
  expect(createOtlpExport(env, false, log)).toBeUndefined()
  expect(createOtlpExport(env, true, log)?.headerNames).toEqual(['traceparent', 'tracestate'])
  expect(createOtlpExport({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }, false, log)?.headerNames).toEqual([])
  expect(log.warn).not.toHaveBeenCalled()
})

test('who sends nothing loads nothing of OpenTelemetry', () => {
  const src = join(import.meta.dirname, '../../src')
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  /** What a file loads with itself: neither types nor import(). */
  const loadedBy = (file: string): string[] => {
    const text = readFileSync(join(src, file), 'utf8')
    return [...text.matchAll(/^(?:import|export) (?!type )[^;]*? from '([^']+)'|^import '([^']+)'/gm)].map(
      ([, from, bare]) => (from?.startsWith('.') ? relative(src, join(src, dirname(file), from)) : (from ?? bare)),
    )
  }
  const reached = new Set(['telemetry/otlp-export.ts', 'serving.ts', 'service.ts'])
  for (const file of reached) {
    if (files.includes(file)) for (const loaded of loadedBy(file)) reached.add(loaded)
  }
  expect(reached.size).toBeGreaterThan(100)
  expect([...reached].filter((name) => name.startsWith('@opentelemetry'))).toEqual([])
  expect(loadedBy('telemetry/otlp.ts').some((name) => name.startsWith('@opentelemetry'))).toBe(true)
})
