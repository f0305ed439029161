import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../src/clock.ts'

const source = join(import.meta.dirname, '..', 'src')
const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
const filesWith = (pattern: RegExp) => files.filter((file) => pattern.test(readFileSync(join(source, file), 'utf8')))

test('the wall clock is read in two places: the clock, and the dates of a self-signed certificate', () => {
  expect(filesWith(/\bDate\.now\b|\bnew Date\(\)|\bDate\(\)/).sort()).toEqual(['clock.ts', 'extproc/tls.ts'])
})

test('what it says is written and shown by these, and decides nothing', () => {
  const users = filesWith(/\bepochMs\b/).map((file) => file.split('/')[0])
  const written = ['controller', 'kubernetes', 'rollout', 'sim']
  const shown = ['admin', 'cli', 'conversing.ts', 'explain', 'telemetry']
  expect([...new Set(users)].sort()).toEqual(['clock.ts', ...written, ...shown].sort())
})

test('time that decides goes on when the wall clock jumps', () => {
  const { now } = Date
  const before = systemClock.nowMs()
  try {
    Date.now = () => 0
    const passedMs = systemClock.nowMs() - before
    expect(passedMs).toBeGreaterThanOrEqual(0)
    expect(passedMs).toBeLessThan(60_000)
  } finally {
    Date.now = now
  }
})
