import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Explanation } from '../../src/explain/explanation.ts'
import { check } from '../cli/run-check.ts'
import { makeTempDirectory } from '../sources/temp-directory.ts'
import { runExplain } from './run-explain.ts'

const folder = join(import.meta.dirname, '../../examples/broken')

/** Serves the files of an example as its model servers would; returns the endpoints file that names them. */
async function serveFiles(name: string): Promise<string> {
  const text = await readFile(join(folder, name, 'endpoints.yaml'), 'utf8')
  const server = createServer(async (request, response) => {
    const content = await readFile(join(folder, name, 'server', request.url!)).catch(() => undefined)
    response.writeHead(content === undefined ? 404 : 200).end(content)
  })
  // 127.0.0.1 and 127.0.0.2 are two servers behind one port.
  await new Promise<void>((done) => server.listen(0, done))
  onTestFinished(() => void server.close().closeAllConnections())
  const { port } = server.address() as AddressInfo
  const file = join(await makeTempDirectory(), 'endpoints.yaml')
  let servers = 0
  await writeFile(
    file,
    text.replaceAll(/127\.0\.0\.1, port: \d+/g, () => `127.0.0.${++servers}, port: ${port}`),
  )
  expect(servers).toBe(2)
  return file
}

async function explainExample(name: string, ...more: string[]): Promise<{ text: string; exitCode: unknown }> {
  const at = (file: string) => join(folder, name, file)
  const endpoints = more.includes('--scrape') ? await serveFiles(name) : at('endpoints.yaml')
  const request =
    name === 'spoofed-header' ? ['--curl', await readFile(at('request.sh'), 'utf8')] : ['--body', at('request.json')]
  return runExplain('-f', at('manifests.yaml'), '--endpoints', endpoints, ...request, ...more)
}

/** Words as they read, without the line breaks of a terminal. */
const flat = (text: string): string => text.replaceAll(/\s+/g, ' ')
/** What stands above the way of the request. */
const answerIn = (text: string): string => flat(text.split('\nrequest ')[0])

describe('someone who knows Kubernetes but not Signalbox reads what is wrong and what to do', () => {
  test('no catch-all: Envoy has answered 404 before a model could be read', async () => {
    const { text, exitCode } = await explainExample('missing-catch-all')
    expect(exitCode).toBe(1)
    const answer = answerIn(text)
    expect(answer).toMatch(
      /^404 by Envoy: no HTTPRoute takes the request before its body is read, so Signalbox never sees it/,
    )
    expect(answer).toContain('wrong: HTTPRoute default/models, spec.rules: matches on the model header alone')
    expect(answer).toContain('do: add a rule for the path prefix / without headers')
    expect(answer).toMatch(/missing-catch-all\/manifests\.yaml:\d+:3 \[missing-catch-all\]/)
    expect(flat(text)).toContain(
      'route before the body is read: none, 404 by Envoy then: HTTPRoute default/models rule 1',
    )
  })

  test('no catch-all: in the words of check', async () => {
    const { text } = await explainExample('missing-catch-all')
    const { lines } = await check('-f', join(folder, 'missing-catch-all/manifests.yaml'))
    const line = lines.find((each) => each.endsWith('[missing-catch-all]'))!
    const [, words] = /spec\.rules: (.*?): add a rule/.exec(line)!
    expect(flat(text)).toContain(words)
  })

  test('wrong selector: which labels the pool asks for, which the servers have', async () => {
    const { text, exitCode } = await explainExample('wrong-selector')
    expect(exitCode).toBe(1)
    const answer = answerIn(text)
    expect(answer).toMatch(/^503: InferencePool default\/qwen-pool has no ready endpoint wrong: /)
    expect(answer).toContain(
      'none in default has the labels app=qwen (qwen-0 has app=qwen-server; qwen-1 has app=qwen-server)',
    )
    expect(answer).toContain('do: make spec.selector of the pool and the labels of the ready Pods the same')
    expect(answer).toMatch(/at: \S+wrong-selector\/manifests\.yaml:\d+:3 \[pool-without-endpoints\]/)
  })

  test('saturated: which servers are how full, and why this request is refused', async () => {
    const { text, exitCode } = await explainExample('saturated', '--scrape')
    expect(exitCode).toBe(1)
    const answer = answerIn(text)
    expect(answer).toMatch(/^429: the model servers are busy, and requests of a negative priority do not wait wrong: /)
    expect(answer).toContain(
      'InferencePool default/qwen-pool is full (saturation 7.4, full is 1), so the request is refused',
    )
    expect(answer).toContain('qwen-0 has 37 waiting and 98 % of its KV cache in use')
    expect(answer).toContain('do: add model servers, or send less; requests of this priority are the first to be shed')
    expect(flat(text)).toContain('priority -1 by InferenceModel default/qwen at')
  })

  test('adapter not loaded: what the servers have, and where the name stands that they lack', async () => {
    const { text, exitCode } = await explainExample('adapter-not-loaded', '--scrape')
    expect(exitCode).toBe(0)
    const answer = answerIn(text)
    expect(answer).toContain('has "travel-helper-v2" loaded, only qwen, travel-helper-v1: the model server answers 404')
    expect(answer).toContain(
      'do: load it there (vLLM: --lora-modules, or POST /v1/load_lora_adapter), or name a target that is loaded',
    )
    expect(answer).toMatch(/at: \S+adapter-not-loaded\/manifests\.yaml:22:5 \[adapter-not-loaded\]/)
  })

  test('spoofed header: that it does not count, what it does all the same, and who names the model', async () => {
    const { text, exitCode } = await explainExample('spoofed-header')
    expect(exitCode).toBe(0)
    const answer = answerIn(text)
    expect(answer).toContain(
      'the client sends x-gateway-model-name, a name that only Signalbox and Envoy set: it is removed, without effect',
    )
    expect(answer).toContain('do: a client names its model in the body; have the Gateway drop such headers')
    expect(answer).toContain('Envoy takes the request for HTTPRoute default/models rule 2')
    expect(flat(text)).toContain('X-Gateway-Model-Name: qwen) at')
  })
})

test.each(['missing-catch-all', 'wrong-selector', 'spoofed-header'])(
  '%s fits a terminal of 80 columns',
  async (name) => {
    const { text } = await explainExample(name)
    const isPlace = (line: string) => /\S+\.yaml:\d+/.test(line)
    expect(text.split('\n').filter((line) => line.length > 80 && !isPlace(line))).toEqual([])
  },
)

test('the same as JSON has the findings with their places and remedies', async () => {
  const { text } = await explainExample('wrong-selector', '-o', 'json')
  const { outcome, findings, answer } = JSON.parse(text) as Explanation
  expect(outcome).toBe('refused')
  expect(answer).toMatchObject({ status: 503, code: 'no_endpoint' })
  expect(findings).toEqual([
    {
      id: 'pool-without-endpoints',
      severity: 'error',
      place: expect.stringMatching(/manifests\.yaml:\d+:3$/),
      path: '',
      message: expect.stringContaining('selects no endpoint'),
      remedy: expect.stringContaining('spec.selector'),
    },
  ])
})
