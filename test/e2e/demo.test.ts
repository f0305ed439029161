import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { Client } from '../../src/demo/client.ts'
import { freePorts } from '../../src/demo/free-ports.ts'
import { GuardedProcess, untilReady } from '../../src/demo/process.ts'
import { childrenOf, runs, untilGone } from '../demo/proc.ts'
import { envoy } from './envoy.ts'

const signalbox = join(import.meta.dirname, '..', '..', 'bin', 'signalbox')

describe.skipIf(envoy === undefined)('signalbox demo', () => {
  const started: GuardedProcess[] = []
  afterEach(() => Promise.all(started.splice(0).map((demo) => demo.stop())))

  /** Starts the demo; resolves when it serves. */
  async function startDemo(port: number): Promise<GuardedProcess> {
    const demo = new GuardedProcess({ name: 'demo', command: signalbox, args: ['demo', `--gateway-port=${port}`] })
    started.push(demo)
    await untilReady(demo, async () => demo.lastLines().includes('Ctrl-C ends it.'))
    return demo
  }

  /** Signalbox and Envoy; the demo is guarded itself here, so it has a watcher too. */
  const programsOf = (demo: GuardedProcess) =>
    childrenOf(demo.pid).filter(
      ({ commandLine }) => /signalbox|main\.ts|envoy/.test(commandLine) && !commandLine.startsWith('/bin/sh'),
    )

  test('shows a table of its traffic, and ends with ctrl-C, and everything with it', async () => {
    const [port] = await freePorts(1)
    const demo = await startDemo(port)
    const client = new Client(`http://127.0.0.1:${port}`)
    const { status } = await client.send({ path: '/v1/completions', body: '{"model":"qwen","prompt":"hi"}' })
    expect(status).toBe(200)
    client.close()
    const row = /^travel-helper +travel-helper-v1 +qwen-\d +\d+ +[\d.]+ % +\d+ +\d+ +0$/m
    await untilReady(demo, async () => row.test(demo.lastLines(100)))

    const children = programsOf(demo)
    expect(children).toHaveLength(2)
    process.kill(demo.pid, 'SIGINT')
    expect(await demo.ended).toBe('exit code 0')
    expect(children.filter(({ pid }) => runs(pid))).toEqual([])
  })

  test('leaves nothing behind when it is killed', async () => {
    const [port] = await freePorts(1)
    const demo = await startDemo(port)
    const children = programsOf(demo)
    expect(children).toHaveLength(2)
    process.kill(demo.pid, 'SIGKILL')
    await Promise.all(children.map(({ pid }) => untilGone(pid)))
  })

  test('says which program died, with its last lines', async () => {
    const [port] = await freePorts(1)
    const demo = await startDemo(port)
    const child = programsOf(demo).find(({ commandLine }) => commandLine.includes('full-duplex.yaml'))!
    process.kill(child.pid, 'SIGABRT')
    expect(await demo.ended).toBe('exit code 1')
    expect(demo.lastLines(100)).toMatch(/envoy \(full-duplex\) ended: SIGABRT. Its last lines:\n.*\w/)
  })

  test('says that its port is taken, and what to do', async () => {
    const [port] = await freePorts(1)
    await startDemo(port)
    await expect(startDemo(port)).rejects.toThrow(
      `exit code 1\nsignalbox demo: port ${port} of 127.0.0.1 is taken; choose another with --gateway-port`,
    )
  })
})
