import { describe, expect, test } from 'vitest'
import type { Family } from '../../src/telemetry/family.ts'
import { MetricsPage } from '../../src/telemetry/metrics-page.ts'

const family = (name: string, lines: number): Family => ({
  name,
  help: 'A back\\slash\nand a line end.',
  type: 'gauge',
  labelNames: ['i'],
  *pieces() {
    for (let i = 0; i < lines; i += 1) yield `${name}{i="${i}"} 1\n`
  },
})

/** How often others had their turn while the page was written by a clock that goes on by `stepMs` at each reading. */
async function turnsIn(stepMs: number, lines: number): Promise<number> {
  let nowMs = 0
  const page = new MetricsPage([family('a', lines)], () => {
    nowMs += stepMs
    return nowMs
  })
  let turns = 0
  const count = () => {
    turns += 1
    immediate = setImmediate(count)
  }
  let immediate = setImmediate(count)
  await page.metrics()
  clearImmediate(immediate)
  return turns
}

describe('the page', () => {
  test('families in their order, each with its head, the text of which is escaped', async () => {
    const page = new MetricsPage([family('b', 2), family('a', 0)], () => 0)
    const help = 'A back\\\\slash\\nand a line end.'
    expect(await page.metrics()).toBe(
      `\n# HELP b ${help}\n# TYPE b gauge\nb{i="0"} 1\nb{i="1"} 1\n# HELP a ${help}\n# TYPE a gauge\n`,
    )
  })

  test('comes in pieces of some size, which are the page together', async () => {
    const page = new MetricsPage([family('a', 20_000)], () => 0)
    const sizes: number[] = []
    let text = ''
    for await (const piece of page.pieces()) {
      sizes.push(piece.length)
      text += piece
    }
    expect(text).toBe(await page.metrics())
    expect(sizes.length).toBeGreaterThan(4)
    expect(Math.max(...sizes)).toBeLessThan(66_000)
  })

  test('others have their turn when it takes long', async () => {
    expect(await turnsIn(0, 1_000)).toBeLessThanOrEqual(1)
    expect(await turnsIn(1, 1_000)).toBeGreaterThan(100)
  })
})
