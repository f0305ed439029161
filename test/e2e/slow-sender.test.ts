import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Mode, modes } from '../../src/demo/envoy-file.ts'
import { type Gateway, startGateway } from '../../src/demo/gateway.ts'
import { Probe } from '../../src/demo/probe.ts'
import { envoy } from './envoy.ts'

const pauseMs = 100

/** Chunks with a pause before each but the first; `onChunk` is told which one comes next. */
async function* slowly(chunks: readonly string[], onChunk: (index: number) => void = () => {}) {
  for (const [index, chunk] of chunks.entries()) {
    if (index > 0) await sleep(pauseMs)
    onChunk(index)
    yield chunk
  }
}

const words = 'one word after the other '
const modelFirst = ['{"model":"travel-helper","messages":[{"role":"user","content":"', ...Array(8).fill(words), '"}]}']
const modelLast = [
  '{"messages":[{"role":"user","content":"',
  ...Array(8).fill(words),
  '"}],"mod',
  'el":"deepse',
  'ek-r1"}',
]

describe.skipIf(envoy === undefined)('a client that sends slowly', () => {
  let gateway: Gateway
  let probe: Probe
  beforeAll(async () => {
    gateway = await startGateway({
      envoy: envoy!,
      modes,
      serveFlags: ['--max-body-bytes=1Mi', '--max-held-bytes=512Ki'],
    })
  })
  afterAll(() => gateway?.stop())
  const probeOf = (mode: Mode) => {
    probe = new Probe({ ...gateway, mode, url: gateway.urls.get(mode)! })
    return probe
  }

  test.each(['full-duplex', 'streamed'] as const)(
    '%s: the server has bytes before the third chunk is sent',
    async (mode) => {
      const probe = probeOf(mode)
      let bytesBeforeThird: number | undefined
      const body = slowly(modelFirst, (index) => {
        if (index === 2) bytesBeforeThird = probe.arrived('qwen')[0]?.bodyBytes
      })
      const { status } = await probe.chat('', { body })
      expect(status).toBe(200)
      expect(bytesBeforeThird).toBeGreaterThan(0)
      expect(probe.onlyArrival('qwen').model).toMatch(/^travel-helper-v[12]$/)
    },
  )

  test.each(modes)('%s: a model at the end routes right', async (mode) => {
    const probe = probeOf(mode)
    const { status } = await probe.chat('', { body: slowly(modelLast) })
    expect(status).toBe(200)
    expect(probe.onlyArrival('deepseek-r1').body.toString()).toBe(modelLast.join(''))
  })

  const chunk = 'x'.repeat(200 * 1024)

  test.each(modes)('%s: over --max-body-bytes is 413', async (mode) => {
    const probe = probeOf(mode)
    const head = '{"model":"qwen","messages":[{"role":"user","content":"'
    const answer = await probe.chat('', { body: slowly([head, ...Array(8).fill(chunk), '"}]}']) })
    expect(answer.status).toBe(413)
    expect(JSON.parse(answer.body.toString()).error).toMatchObject({ code: 'body_too_large' })
  })

  test.each(['full-duplex', 'streamed'] as const)('%s: over what is held without a model is 413', async (mode) => {
    const probe = probeOf(mode)
    const head = '{"messages":[{"role":"user","content":"'
    const answer = await probe.chat('', { body: slowly([head, chunk, chunk, chunk, chunk, '"}],"model":"qwen"}']) })
    expect(answer.status).toBe(413)
    expect(JSON.parse(answer.body.toString()).error).toMatchObject({ code: 'model_too_late' })
    probe.noArrival()
  })
})
