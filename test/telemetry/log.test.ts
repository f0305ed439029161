import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { atMostEvery, createLog } from '../../src/telemetry/log.ts'

describe('the log', () => {
  test.each([
    [0, 'info'],
    [2, 'info'],
    [3, 'debug'],
    [4, 'debug'],
    [5, 'trace'],
    [10, 'trace'],
  ])('-v %i logs from %s', (verbosity, level) => {
    expect(createLog(verbosity).level).toBe(level)
  })

  test('is JSON lines on standard error, with the level by name and the time as text', () => {
    const script = `
      import { createLog } from ${JSON.stringify(new URL('../../src/telemetry/log.ts', import.meta.url).href)}
      const log = createLog(0)
      log.info({ port: 9002 }, 'serving')
      log.debug('not this')
    `
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
      encoding: 'utf8',
    })
    expect(stdout).toBe('')
    const lines = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    expect(lines).toEqual([{ level: 'info', time, port: 9002, msg: 'serving' }])
  })
})

describe('at most one line in an interval', () => {
  test('says how often it happened since the last one', () => {
    let nowMs = 0
    const lines: string[] = []
    const report = atMostEvery(
      1000,
      () => nowMs,
      (repeats) => lines.push(`${nowMs}: ${repeats}`),
    )
    for (const atMs of [0, 1, 500, 999, 1000, 1001, 1999, 2500, 9000]) {
      nowMs = atMs
      report()
    }
    expect(lines).toEqual(['0: 1', '1000: 4', '2500: 3', '9000: 1'])
  })
})
