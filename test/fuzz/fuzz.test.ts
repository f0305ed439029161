import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { targets } from './all-targets.ts'
import { hunt } from './hunt.ts'

const folder = join(import.meta.dirname, 'found')
const found = readdirSync(folder).map((file) => [file, JSON.parse(readFileSync(join(folder, file), 'utf8'))] as const)

describe('what once broke a promise keeps it now', () => {
  test.each(found)('%s', async (_, { target: name, input }) => {
    await targets.find((target) => target.name === name)!.check(input)
  })
})

/** Of CPU. */
const secondsForAll = Number(process.env.FUZZ_SECONDS ?? 20)
const seed = Date.now() % 2 ** 31

describe('whatever comes', () => {
  test.each(targets)('$name: $promise', { timeout: 300_000 }, async (target) => {
    const cpuSeconds = secondsForAll / targets.length
    const { tried, found } = await hunt(target, { seed, cases: 10_000_000, cpuSeconds })
    expect(tried).toBeGreaterThan(0)
    if (found === undefined) return
    const again = `npm run fuzz -- --target ${target.name} --seed ${seed} --index ${found.index}`
    throw new Error(`${again}\n${JSON.stringify(found.input)}`, { cause: found.error })
  })
})
