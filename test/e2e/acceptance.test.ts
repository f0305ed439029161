import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checks, runCheck } from '../../src/demo/acceptance.ts'
import { type Mode, modes } from '../../src/demo/envoy-file.ts'
import { type Gateway, startGateway } from '../../src/demo/gateway.ts'
import { type Ground, Probe } from '../../src/demo/probe.ts'
import { envoy } from './envoy.ts'

/** Longer than the defaults of 15 s and 60 s that proxies have. */
const pauseMs = 90_000

describe.skipIf(envoy === undefined)('the acceptance scenario', () => {
  let gateway: Gateway
  const patience = new Map<Mode, Promise<unknown>>()
  const ground = (mode: Mode): Ground => ({
    mode,
    url: gateway.urls.get(mode)!,
    servers: gateway.servers,
    modelsFile: gateway.modelsFile,
  })

  beforeAll(async () => {
    gateway = await startGateway({ envoy: envoy!, modes })
    // B14 takes its time beside the other checks.
    for (const mode of modes)
      patience.set(mode, Promise.allSettled([pausedStream(ground(mode)), lateAnswer(ground(mode))]))
  })
  afterAll(() => gateway?.stop())

  describe.each(modes)('%s', (mode) => {
    test.each(checks)('$id $title', async (check) => {
      expect(await runCheck(check, ground(mode))).toEqual({ ok: true })
    })
  })

  describe('weights hold over 2,000 requests, within 4.5 standard deviations', () => {
    test.each([
      { model: 'travel-helper', target: 'travel-helper-v1', share: 0.9 },
      { model: 'assistant', target: 'qwen', share: 0.8 },
    ])('$model: $share to $target', async ({ model, target, share }) => {
      const probe = new Probe(ground('full-duplex'))
      const answers = await probe.many(2000, () => probe.chat(model))
      probe.close()
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
      const hits = answers.filter(({ body }) => JSON.parse(body.toString()).model === target).length
      const deviation = Math.sqrt(2000 * share * (1 - share))
      expect(Math.abs(hits - 2000 * share)).toBeLessThan(4.5 * deviation)
    })
  })

  test.each(modes)('%s: B14 no default cuts a slow answer', async (mode) => {
    const outcomes = await patience.get(mode)
    expect(outcomes).toEqual([
      { status: 'fulfilled', value: 'data: [DONE]' },
      { status: 'fulfilled', value: 200 },
    ])
  })
})

/** A stream that pauses between two chunks. @returns its last event. */
async function pausedStream(ground: Ground): Promise<string | undefined> {
  const probe = new Probe(ground)
  const headers = { 'x-sim-fault': `stall=${pauseMs};afterChunks=3` }
  const { body, arrivalsMs } = await probe.chat('qwen', { fields: { stream: true }, headers })
  probe.close()
  expect(arrivalsMs.at(-1)! - arrivalsMs[0]).toBeGreaterThan(0.99 * pauseMs)
  return body.toString().trimEnd().split('\n\n').at(-1)
}

/** An answer that starts late. @returns its status. */
async function lateAnswer(ground: Ground): Promise<number> {
  const probe = new Probe(ground)
  const { status, arrivalsMs } = await probe.chat('qwen', { headers: { 'x-sim-fault': `stall=${pauseMs}` } })
  probe.close()
  expect(arrivalsMs[0]).toBeGreaterThan(0.99 * pauseMs)
  return status
}
