import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { driveTrace, readAnswer } from '../../../bench/traces/drive.ts'
import type { Trace } from '../../../bench/traces/trace.ts'
import { type Sim, startSim } from '../../../src/sim/sim.ts'

let sim: Sim | undefined
afterEach(() => sim?.close())

const trace: Trace = {
  name: 'small',
  adapters: [],
  prefixes: ['x'.repeat(4 * 64)],
  answerTokens: 3,
  servers: { maxRunning: 5, tokenMs: 0 },
  requests: [0, 30, 60].map((atMs) => ({ atMs, model: 'qwen', prefix: 0, suffix: `y${atMs}`.padEnd(4 * 16, 'z') })),
}

test('what follows the warm-up is measured: first tokens, tokens from the cache, failures', async () => {
  sim = await startSim({ model: 'qwen' })
  const result = await driveTrace(sim.url, trace, 20)
  expect(result.firstTokensMs).toHaveLength(2)
  for (const each of result.firstTokensMs) expect(each).toBeGreaterThan(0)
  expect(result).toMatchObject({ promptTokens: 160, cachedTokens: 128, failures: {} })
  expect(result.machineBusy).toBeLessThanOrEqual(1)
})

test('failures count by their reason, those of the warm-up too', async () => {
  sim = await startSim({ model: 'qwen', settings: { faults: [{ kind: 'status', code: 503, first: 2 }] } })
  const result = await driveTrace(sim.url, trace, 20)
  expect(result.failures).toEqual({ 'HTTP 503': 2 })
  expect(result.firstTokensMs).toHaveLength(1)
})

test('a request that is refused its connection is a failure', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  const { failures } = await driveTrace(`http://127.0.0.1:${port}`, trace, 0)
  expect(Object.values(failures)).toEqual([3])
})

const role = { choices: [{ delta: { role: 'assistant', content: '' } }], usage: null }
const token = { choices: [{ delta: { content: 'Grüße' } }], usage: null }
const usage = { choices: [], usage: { prompt_tokens: 7, prompt_tokens_details: { cached_tokens: 4 } } }
const stream = (...events: object[]) =>
  Buffer.from([...events.map((each) => `data: ${JSON.stringify(each)}\n\n`), 'data: [DONE]\n\n'].join(''))

async function* pieces(bytes: Buffer, at: number) {
  yield bytes.subarray(0, at)
  yield bytes.subarray(at)
}

test('a stream reads the same wherever it is cut', async () => {
  const bytes = stream(role, token, usage)
  for (let at = 0; at <= bytes.length; at++) {
    const answer = await readAnswer(pieces(bytes, at))
    expect(answer).toMatchObject({ promptTokens: 7, cachedTokens: 4 })
    expect(answer.firstTokenMs).toBeGreaterThan(0)
  }
})

test('the event with the role alone is no token', async () => {
  let betweenMs = 0
  async function* slowly() {
    yield stream(role).subarray(0, -'data: [DONE]\n\n'.length)
    betweenMs = performance.now()
    yield stream(token, usage)
  }
  expect((await readAnswer(slowly())).firstTokenMs).toBeGreaterThanOrEqual(betweenMs)
})

test('an answer without tokens or without usage is a failure', async () => {
  await expect(readAnswer(pieces(stream(role, usage), 0))).rejects.toThrow('without tokens')
  await expect(readAnswer(pieces(stream(role, token), 0))).rejects.toThrow('without usage')
})
