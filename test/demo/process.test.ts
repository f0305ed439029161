import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { GuardedProcess, untilReady } from '../../src/demo/process.ts'
import { runs, untilGone } from './proc.ts'

const started: GuardedProcess[] = []
afterEach(() => Promise.all(started.splice(0).map((program) => program.stop())))

function shell(script: string): GuardedProcess {
  const program = new GuardedProcess({ name: 'it', command: '/bin/sh', args: ['-c', script] })
  started.push(program)
  return program
}

describe.runIf(process.platform === 'linux')('GuardedProcess', () => {
  test('is the program itself, under its own process id', async () => {
    const program = shell('echo $$; exec sleep 60')
    await untilReady(program, async () => program.lastLines() !== '')
    expect(program.lastLines()).toBe(String(program.pid))
    await program.stop()
    expect(await program.ended).toBe('SIGTERM')
    expect(runs(program.pid)).toBe(false)
  })

  test('keeps the last lines of both outputs, and says how it ended', async () => {
    const program = shell('echo one; echo two >&2; sleep 0.1; echo three; exit 7')
    expect(await program.ended).toBe('exit code 7')
    await sleep(20)
    expect(program.lastLines(3).split('\n').sort()).toEqual(['one', 'three', 'two'])
    expect(program.stopping).toBe(false)
  })

  test('ends as soon as the process that started it is killed', async () => {
    const module = new URL('../../src/demo/process.ts', import.meta.url).href
    const parent = spawn(process.execPath, [
      '--input-type=module',
      '-e',
      `const { GuardedProcess } = await import(${JSON.stringify(module)})
       console.log(new GuardedProcess({ name: 'it', command: 'sleep', args: ['60'] }).pid)
       setInterval(() => {}, 1000)`,
    ])
    const [output] = await once(parent.stdout, 'data')
    const pid = Number(output)
    expect(runs(pid)).toBe(true)
    parent.kill('SIGKILL')
    await untilGone(pid)
  })

  test('a program that is not there is reported', async () => {
    const program = new GuardedProcess({ name: 'it', command: '/no/such/program', args: [] })
    await expect(untilReady(program, async () => false)).rejects.toThrow(
      /it ended: exit code 127[\s\S]*no\/such\/program/,
    )
  })
})

describe('untilReady', () => {
  test('tries again until it holds, errors included', async () => {
    let tries = 0
    await untilReady(shell('exec sleep 60'), async () => {
      tries += 1
      if (tries === 1) throw new Error('connection refused')
      return tries === 3
    })
    expect(tries).toBe(3)
  })

  test('gives up in time, with the last lines', async () => {
    const program = shell('echo thinking; exec sleep 60')
    await expect(untilReady(program, async () => false, 200)).rejects.toThrow(/not ready after 0.2 s\nthinking/)
  })
})
