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

const chat = (url: string, headers: Record<string, string> = {}) =>
  fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ model: 'travel-helper-v1', messages: [{ role: 'user', content: 'hi' }] }),
  })

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
  const url = `http://${/[\d.]+:\d+$/.exec(await sim.nextLine())}`
  const pending = chat(url)
  const stalled = expect(chat(url, { 'x-sim-fault': 'stall' })).rejects.toThrow()
  const isRunning = async () =>
    (await (await fetch(`${url}/metrics`)).text()).includes('num_requests_running{engine="0",model_name="qwen"} 2')
  await expect.poll(isRunning).toBe(true)
  sim.child.kill('SIGINT')
  expect((await pending).status).toBe(200)
  expect(sim.child.exitCode, 'it waits for the other request').toBeNull()
  sim.child.kill('SIGINT')
  expect(await sim.exitCode()).toBe(1)
  await stalled
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
