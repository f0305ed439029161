import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Explanation } from '../../src/explain/explanation.ts'
import { runExplain } from '../explain/run-explain.ts'
import { makeTempDirectory } from '../sources/temp-directory.ts'

const examples = join(import.meta.dirname, '../../examples')
const models = join(examples, 'two-models')
const request = JSON.stringify({ model: 'qwen', messages: [] })

async function explainJson(...args: string[]): Promise<Explanation> {
  const { text, error } = await runExplain('-f', models, '-o', 'json', ...args)
  expect(error).toBe('')
  return JSON.parse(text) as Explanation
}

async function fileOf(text: string): Promise<string> {
  const path = join(await makeTempDirectory(), 'file')
  await writeFile(path, text)
  return path
}

describe('signalbox explain takes a request', () => {
  test('of a body, with method, path, headers and metadata beside it', async () => {
    const body = await fileOf(request)
    const { request: told } = await explainJson(
      ...['--body', body, '--path', '/v1/completions', '--method', 'put', '--header', 'Host=ai.example.com'],
      ...['--header', 'X-LLM-D-Inference-Objective: urgent', '--metadata', 'x-inference-pool=default/deepseek-pool'],
    )
    expect(told).toMatchObject({
      method: 'PUT',
      path: '/v1/completions',
      host: 'ai.example.com',
      poolHint: 'default/deepseek-pool',
      hints: [{ name: 'x-llm-d-inference-objective', isTrusted: true }],
    })
  })

  test('of a curl line, whose @file it reads', async () => {
    const body = await fileOf(request)
    const curl = `curl http://gateway/v1/chat/completions -H 'content-type: application/json' --data-binary @${body}`
    expect((await explainJson('--curl', curl)).model).toMatchObject({ asked: 'qwen' })
  })

  test('of a HAR', async () => {
    const entry = {
      request: { method: 'POST', url: 'http://gateway/v1/completions', headers: [], postData: { text: request } },
    }
    const har = await fileOf(JSON.stringify({ log: { entries: [entry] } }))
    expect(await explainJson('--har', har)).toMatchObject({ request: { host: 'gateway' }, model: { asked: 'qwen' } })
  })

  test('without a body', async () => {
    expect(await explainJson('--path', '/v1/models')).toMatchObject({
      outcome: 'answered',
      summary: '200: answered by Signalbox itself, no model server is asked',
    })
  })

  test('whose body is no JSON, and says that nobody reads it', async () => {
    const curl = `curl http://gateway/notes -H 'content-type: text/plain' -d 'a note'`
    const { outcome, findings } = await explainJson('--curl', curl)
    expect(outcome).toBe('route')
    expect(findings.map(({ id }) => id)).toContain('body-not-read')
  })
})

describe('its places are those of the files', () => {
  test('of the rule, the target and the pool', async () => {
    const body = await fileOf(JSON.stringify({ model: 'travel-helper', messages: [] }))
    const { model, pool } = await explainJson('--body', body)
    expect(model!.source!.place).toMatch(/two-models\/models\.yaml:\d+:6$/)
    expect(pool!.place).toMatch(/two-models\/pools\.yaml:\d+:3$/)
    expect(model!.targets.map(({ name, share }) => [name, share])).toEqual([
      ['travel-helper-v1', 0.9],
      ['travel-helper-v2', 0.1],
    ])
  })

  test('endpoints that were not scraped have no metrics, and it says so', async () => {
    const { endpoints, notes } = await explainJson('--body', await fileOf(request))
    expect(endpoints).toHaveLength(3)
    expect(endpoints.every(({ metrics }) => metrics === undefined)).toBe(true)
    expect(notes[0]).toMatch(/^The endpoints were not scraped: it is decided as if all were idle/)
  })
})

describe('its exit status', () => {
  test('is 0 for a request that goes somewhere, 1 for one that is refused', async () => {
    const known = await fileOf(request)
    const unknown = await fileOf(JSON.stringify({ model: 'qwem' }))
    expect((await runExplain('-f', models, '--body', known)).exitCode).toBe(0)
    const refused = await runExplain('-f', models, '--body', unknown, '--unknown-model', 'reject')
    expect(refused.exitCode).toBe(1)
    expect(refused.text).toMatch(/^404: the model "qwem" is not served here; did you mean "qwen"\?\n/)
    expect(refused.text).toContain('do: ask for "qwen", or add an InferenceModel with modelName: qwem')
  })

  test.each([
    [['--body', '/nonexistent'], /\/nonexistent: ENOENT/],
    [['--curl', 'wget x'], /begins with curl/],
    [['--har', join(models, 'pools.yaml')], /is no JSON/],
    [
      ['--body', join(models, 'pools.yaml'), '--curl', 'curl x'],
      /--body, --curl, --har or standard input: one of them/,
    ],
    [['--endpoints', join(models, 'pools.yaml')], /endpoints/],
    [['--config-file', join(models, 'pools.yaml')], /pools\.yaml/],
    [['other.json'], /other\.json: - is standard input/],
    [['-f', '/nonexistent.yaml'], /nonexistent\.yaml/],
    [['--metadata', 'x=y'], /It is x-inference-pool or/],
  ])('is 2 when something cannot be read: %s', async (args, why) => {
    const { exitCode, error } = await runExplain(...args, '-f', models)
    expect(error).toMatch(why)
    expect(exitCode === 2 || args[0] === '--metadata').toBe(true)
  })

  test('is 2 without anything to explain by', async () => {
    const { exitCode, error } = await runExplain('--body', await fileOf(request))
    expect([exitCode, error]).toEqual([
      2,
      expect.stringContaining('name manifests (-f), a cluster (--kubernetes) or a running Signalbox'),
    ])
  })
})

describe('--server', () => {
  type Answer = { status: number; body: string }

  async function serverOf(answer: (body: string, token: string | undefined) => Answer): Promise<string> {
    const server = createServer(async (request, response) => {
      let body = ''
      for await (const piece of request) body += piece
      const { status, body: text } =
        request.url === '/explain' ? answer(body, request.headers.authorization) : { status: 404, body: '' }
      response.writeHead(status).end(text)
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    onTestFinished(() => void server.close().closeAllConnections())
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  }

  test('asks a running Signalbox, and prints what it answers', async () => {
    const body = await fileOf(request)
    const explanation = await explainJson('--body', body)
    let asked: unknown
    const url = await serverOf((text) => {
      asked = JSON.parse(text)
      return { status: 200, body: JSON.stringify(explanation) }
    })
    const { text, exitCode } = await runExplain('--server', url, '--body', body, '--metadata', 'x-inference-pool=a/b')
    expect(asked).toMatchObject({
      method: 'POST',
      path: '/v1/chat/completions',
      headers: { 'content-type': 'application/json' },
      bodyBase64: Buffer.from(request).toString('base64'),
      metadata: { 'x-inference-pool': 'a/b' },
    })
    expect(text.startsWith(`${explanation.summary.split(',')[0]},`)).toBe(true)
    expect(exitCode).toBe(0)
  })

  test.each([
    [404, '', /is it the metrics port of a Signalbox that serves with --admin-page\?/],
    [401, 'no token', /401: no token/],
  ])('says what is wrong with %d', async (status, body, why) => {
    const url = await serverOf(() => ({ status, body }))
    const { exitCode, error } = await runExplain('--server', url, '--body', await fileOf(request))
    expect([exitCode, error]).toEqual([2, expect.stringMatching(why)])
  })

  test('shows it the token of a file, and says how where it has none', async () => {
    const body = await fileOf(request)
    const explanation = JSON.stringify(await explainJson('--body', body))
    const url = await serverOf((_, token) =>
      token === 'Bearer secret' ? { status: 200, body: explanation } : { status: 401, body: 'no token' },
    )
    const { exitCode } = await runExplain('--server', url, '--body', body, '--token-file', await fileOf('secret\n'))
    expect(exitCode).toBe(0)
    const { error } = await runExplain('--server', url, '--body', body)
    expect(error).toContain('401: no token (--token-file names a file with a token)')
    const wrong = await runExplain('--server', url, '--body', body, '--token-file', await fileOf('wrong'))
    expect([wrong.exitCode, wrong.error]).toEqual([2, expect.stringMatching(/401: no token$/m)])
    const missing = await runExplain('--server', url, '--body', body, '--token-file', '/nowhere')
    expect([missing.exitCode, missing.error]).toEqual([2, expect.stringContaining('/nowhere: ENOENT')])
  })

  test('says that nobody listens', async () => {
    const { exitCode, error } = await runExplain('--server', 'http://127.0.0.1:1', '--body', await fileOf(request))
    expect([exitCode, error]).toEqual([2, expect.stringContaining('127.0.0.1:1')])
  })
})
