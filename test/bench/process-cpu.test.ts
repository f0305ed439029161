import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { cpuSeconds, descendantNamed, parseProcessStat } from '../../bench/process-cpu.ts'

describe('parseProcessStat', () => {
  test('reads parent and CPU ticks after a name with spaces and parentheses', () => {
    // user 250, system 50, of children 30 and 20: ticks of 10 ms
    const line = '4711 (a) (b) S 42 4711 4711 0 -1 4194304 900 0 3 0 250 50 30 20 20 0 11 0 12345 1000000 500'
    expect(parseProcessStat(line)).toEqual({ name: 'a) (b', parentPid: 42, cpuSeconds: 3, childCpuSeconds: 0.5 })
  })
})

describe.skipIf(process.platform !== 'linux')('cpuSeconds', () => {
  test('counts the children that a process waits for', async () => {
    // The shell itself does nothing; its child burns CPU time, then both stay until their input ends.
    const burn = 'while (process.cpuUsage().user < 200_000); console.log("burnt"); process.stdin.resume()'
    const shell = spawn('/bin/sh', ['-c', '"$0" -e "$1"; exit 0', process.execPath, burn])
    await once(shell.stdout, 'data')
    expect(cpuSeconds([shell.pid!])).toBeGreaterThan(0.1)
    shell.stdin.end()
    await once(shell, 'exit')
  })

  test('counts finer than the 10 ms of the ticks', () => {
    const seconds = new Set(Array.from({ length: 20 }, () => cpuSeconds([process.pid])))
    expect(Array.from(seconds).filter((each) => Math.abs(each * 100 - Math.round(each * 100)) > 1e-6)).not.toEqual([])
  })

  test('names a process that is not there', () => {
    expect(() => cpuSeconds([2 ** 30])).toThrow('no process 1073741824')
  })
})

describe.skipIf(process.platform !== 'linux')('descendantNamed', () => {
  test('finds the one process of that name, however deep', async () => {
    const shell = spawn('/bin/sh', ['-c', '/bin/sh -c "cat; exit 0"; exit 0'])
    shell.stdin.write('x')
    await once(shell.stdout, 'data')
    const pid = descendantNamed(shell.pid!, 'cat')
    expect(pid).not.toBe(shell.pid)
    expect(() => descendantNamed(pid, 'cat')).toThrow(`0 processes named cat below ${pid}`)
    shell.stdin.end()
    await once(shell, 'exit')
  })
})
