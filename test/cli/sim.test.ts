import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { Command } from 'commander'
import { afterEach, describe, expect, test } from 'vitest'
import { define } from '../../src/cli/sim.ts'

const program = `
  import { Command } from 'commander'
  import { define } from './src/cli/sim.ts'
  const command = new Command('sim')
  define(command)
  await command.parseAsync()
`

const running: ChildProcess[] = []
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL')
})

/** Runs the command in a process of its own, with the lines that it prints. */
function run(...flags: string[]) {
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program, '--', ...flags])
  running.push(child)
  const errors: Buffer[] = []
  child.stderr.on('data', (piece: Buffer) => errors.push(piece))
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  return {
    child,
    nextLine: async () => (await lines.next()).value as string,
    exitCode: async () => (await once(child, 'close'))[0] as number,
    stderr: () => Buffer.concat(errors).toString(),
  }
}

const chat = (url: string, headers: Record<string, string> = {}, model = 'travel-helper-v1', content = 'hi') =>
  fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ model, messages: [{ role: 'user', content }] }),
  })

const metrics = async (url: string) => (await fetch(`${url}/metrics`)).text()

const urlIn = (line: string) => `http://${/[\d.]+:\d+$/.exec(line)}`

test('prints one line when it listens, serves, logs, and ends on SIGTERM', async () => {
  const flags = ['--port', '0', '--model', 'qwen', '--lora', 'travel-helper-v1, travel-helper-v2', '--name', 'qwen-1']
  const sim = run(...flags, '--tokens=3', '--fault', 'status=503;first=1', '--log')
  const line = await sim.nextLine()
  const [, address] =
    /^signalbox sim: qwen-1 serves qwen, travel-helper-v1, travel-helper-v2 on (127\.0\.0\.1:\d+)$/.exec(line) ?? []
  expect(address, line).toBeDefined()

  expect((await chat(`http://${address}`)).status).toBe(503)
  const answer = await chat(`http://${address}`, { 'X-Gateway-Model-Name': 'qwen' })
  expect(await answer.json()).toMatchObject({ model: 'travel-helper-v1', usage: { completion_tokens: 3 } })
  expect(JSON.parse(await sim.nextLine())).toMatchObject({ number: 1, status: 503 })
  const logged = JSON.parse(await sim.nextLine())
  expect(logged).toMatchObject({ number: 2, status: 200, model: 'travel-helper-v1', path: '/v1/chat/completions' })
  expect(logged.headers['x-gateway-model-name']).toBe('qwen')
  expect(logged).not.toHaveProperty('body')

  sim.child.kill('SIGTERM')
  expect(await sim.exitCode()).toBe(0)
  expect(sim.stderr()).toBe('')
})

test('the first signal lets a request finish, the second does not wait', async () => {
  const sim = run('--port', '0', '--model', 'qwen', '--lora', 'travel-helper-v1', '--ttft-ms', '200')
  const url = urlIn(await sim.nextLine())
  const pending = chat(url)
  const stalled = expect(chat(url, { 'x-sim-fault': 'stall' })).rejects.toThrow()
  const isRunning = async () => (await metrics(url)).includes('num_requests_running{engine="0",model_name="qwen"} 2')
  await expect.poll(isRunning).toBe(true)
  sim.child.kill('SIGINT')
  expect((await pending).status).toBe(200)
  expect(sim.child.exitCode, 'it waits for the other request').toBeNull()
  sim.child.kill('SIGINT')
  expect(await sim.exitCode()).toBe(1)
  await stalled
})

describe('the KV cache', () => {
  const prompt = 'the signal box sets the points and the train takes its track '.repeat(8)

  /** Tokens of the prompt, and how many of them the cache had when it came for the second time. */
  async function askTwice(...flags: string[]) {
    const url = urlIn(await run('--port', '0', '--model', 'qwen', ...flags).nextLine())
    await (await chat(url, {}, 'qwen', prompt)).text()
    const { usage } = (await (await chat(url, {}, 'qwen', prompt)).json()) as { usage: { prompt_tokens: number } }
    const page = await metrics(url)
    const [, hits] = /^vllm:prefix_cache_hits_total\{.*\} (\d+)$/m.exec(page)!
    return { page, hits: Number(hits), promptTokens: usage.prompt_tokens }
  }

  test('is as large as the flags say, and keeps the whole blocks of a prompt', async () => {
    const { page, hits, promptTokens } = await askTwice('--kv-cache-blocks', '500', '--block-size', '4')
    expect(page).toContain('vllm:cache_config_info{block_size="4",engine="0",num_gpu_blocks="500"} 1')
    // The last token of a prompt is always processed.
    expect(hits).toBe(Math.floor((promptTokens - 1) / 4) * 4)
    expect(hits).toBeGreaterThan(0)
  })

  test('has no room for a prompt in one block', async () => {
    const { hits, promptTokens } = await askTwice('--kv-cache-blocks', '1', '--block-size', '4')
    expect(promptTokens).toBeGreaterThan(8)
    expect(hits).toBeLessThanOrEqual(4)
  })

  test('keeps nothing without prefix caching', async () => {
    expect((await askTwice('--no-prefix-caching')).hits).toBe(0)
  })
})

describe('LoRA adapters', () => {
  const adapters = ['--port', '0', '--model', 'qwen', '--lora', 'v1,v2']

  /** Whether a request for v2 runs beside one for v1 that does not end. */
  async function runningAndWaiting(...flags: string[]) {
    const url = urlIn(await run(...adapters, ...flags).nextLine())
    for (const model of ['v1', 'v2']) chat(url, { 'x-sim-fault': 'stall' }, model).catch(() => {})
    const counts = async () => {
      const page = await metrics(url)
      const count = (of: string) => Number(new RegExp(`^vllm:num_requests_${of}\\{.*\\} (\\d+)$`, 'm').exec(page)![1])
      return { running: count('running'), waiting: count('waiting'), page }
    }
    await expect.poll(async () => ((sum) => sum.running + sum.waiting)(await counts())).toBe(2)
    return counts()
  }

  test('are loaded all at once by default', async () => {
    const { running, waiting, page } = await runningAndWaiting()
    expect({ running, waiting }).toEqual({ running: 2, waiting: 0 })
    expect(page).toContain('{max_lora="2",running_lora_adapters="v1,v2",waiting_lora_adapters=""}')
  })

  test('wait for one of --max-loras slots', async () => {
    const { running, waiting, page } = await runningAndWaiting('--max-loras', '1')
    expect({ running, waiting }).toEqual({ running: 1, waiting: 1 })
    expect(page).toMatch(/\{max_lora="1",running_lora_adapters="v([12])",waiting_lora_adapters="v(?!\1)[12]"\}/)
  })

  test('take --lora-load-ms to load, and prompts --prompt-token-ms a token', async () => {
    const url = urlIn(await run(...adapters, '--lora-load-ms', '250', '--prompt-token-ms', '0.5').nextLine())
    const settings = await (await fetch(`${url}/sim/config`)).json()
    expect(settings).toMatchObject({ latency: { adapterLoadMs: 250, promptTokenMs: 0.5 } })
  })
})

test('a port in use is an error that says so', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as { port: number }
  const sim = run('--port', String(port), '--model', 'qwen')
  expect(await sim.exitCode()).toBe(1)
  expect(sim.stderr()).toBe(`error: 127.0.0.1 port ${port} is in use by another program\n`)
  other.close()
})

describe('flags', () => {
  /** What is written to stderr before the command gives up. */
  async function errorOf(...flags: string[]): Promise<string> {
    let text = ''
    const command = new Command('sim').exitOverride().configureOutput({ writeErr: (part) => (text += part) })
    define(command)
    await expect(command.parseAsync(flags, { from: 'user' })).rejects.toThrow()
    return text
  }

  test.each([
    [[], /--model <name>' not specified/],
    [['--model', 'm', '--port', 'http'], /--port .*'http' is invalid/],
    [['--model', 'm', '--port', '70000'], /--port .*<=65535/],
    [['--model', 'm', '--lora', 'a,,b'], /--lora .*separated by commas/],
    [['--model', 'm', '--max-num-seqs', '0'], /--max-num-seqs .*>=1/],
    [['--model', 'm', '--max-loras', '0'], /--max-loras .*>=1/],
    [['--model', 'm', '--kv-cache-blocks', '0'], /--kv-cache-blocks .*>=1/],
    [['--model', 'm', '--block-size', '1.5'], /--block-size .*int/],
    [['--model', 'm', '--lora-load-ms', '-1'], /--lora-load-ms .*>=0/],
    [['--model', 'm', '--prompt-token-ms', 'fast'], /--prompt-token-ms .*'fast' is invalid/],
    [['--model', 'm', '--prefix-caching'], /unknown option '--prefix-caching'/],
    [['--model', 'm', '--tokens', ''], /--tokens .*invalid/],
    [['--model', 'm', '--jitter', '2'], /--jitter .*<=1/],
    [['--model', 'm', '--profile', '9b'], /--profile .*8b-h100/],
    [['--model', 'm', '--fault', 'status=99'], /--fault .*code: .*>=400/],
    [['--model', 'm', '--fault', 'abort', '--fault', 'explode'], /--fault .*expected kind status/],
    [['--model', 'm', '--speed', '1'], /unknown option '--speed'/],
  ])('%j', async (flags, message) => {
    expect(await errorOf(...flags)).toMatch(message)
  })

  test('the help explains faults and pages, in lines that fit', () => {
    let help = ''
    const command = new Command('sim').configureOutput({
      writeOut: (part) => (help += part),
      getOutHelpWidth: () => 100,
    })
    define(command)
    command.outputHelp()
    for (const word of ['--port', '--lora', '8b-h100', 'slow-read', '/sim/config', 'x-sim-echo'])
      expect(help).toContain(word)
    expect(help.split('\n').filter((line) => line.length > 110)).toEqual([])
  })
})
