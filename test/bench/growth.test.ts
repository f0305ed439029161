import { describe, expect, test } from 'vitest'
import { drawChart } from '../../bench/growth/chart.ts'
import { growthOfDecisions, slope } from '../../bench/growth/decisions.ts'
import { growthOfIdle } from '../../bench/growth/idle-results.ts'
import { allSizes, idleSizes, logarithmicGrowth, type Size } from '../../bench/growth/size.ts'

const decisionsOf = (micros: (size: Size) => number) =>
  allSizes.map((size) => ({
    size,
    sample: { decisionMicros: micros(size), heapBytes: 0, bufferBytes: 0, residentBytes: 0 },
  }))

function missesOf(micros: (size: Size) => number): string[] {
  const misses: string[] = []
  growthOfDecisions(decisionsOf(micros), misses)
  return misses
}

describe('the growth of decisions', () => {
  test('may be that of a tree, and a microsecond for each endpoint and scorer', () => {
    const depth = (count: number) => 1 + Math.log2(count)
    expect(missesOf(({ pools, endpoints, models }) => depth(pools) * depth(models) + 0.8 * endpoints)).toEqual([])
  })

  test.each<[string, (size: Size) => number]>([
    ['10 to 10,000 models', ({ models }) => 10 + models / 100],
    ['1 to 100 pools', ({ pools }) => pools],
    ['each endpoint and scorer', ({ endpoints }) => 10 + endpoints * 6.1],
  ])('misses its target where it is worse: %s', (what, micros) => {
    expect(missesOf(micros)).toEqual([expect.stringContaining(what)])
  })

  test('misses its target where there is no figure', () => {
    expect(missesOf(() => Number.NaN)).toHaveLength(3)
  })
})

test('idling may not cost more for more endpoints than scrapes allow', () => {
  const misses: string[] = []
  const sample = (cores: number) => ({ cores, scrapesPerSecond: 200, residentBytes: 0 })
  growthOfIdle(
    idleSizes.map((size) => ({ size, sample: sample(size.pools * size.endpoints * 1e-4) })),
    misses,
  )
  expect(misses).toEqual([expect.stringContaining('1,000 to 10,000 endpoints')])
})

test('a tree of a thousand times as many things is some times as deep', () => {
  expect(logarithmicGrowth(1, 1024)).toBe(11)
  expect(logarithmicGrowth(10, 10_000)).toBeCloseTo(3.3, 1)
})

test('the slope is that of a line, whatever it begins with', () => {
  expect(slope([10, 100, 1_000].map((x) => [x, 7 + 0.25 * x]))).toBeCloseTo(0.25)
})

describe('a chart', () => {
  const svg = drawChart({
    title: 'A decision',
    xTitle: 'endpoints',
    yTitle: 'µs',
    lines: [
      {
        name: 'one pool',
        hue: 0,
        isDashed: false,
        points: [
          [10, 20],
          [1_000, 300],
        ],
      },
      {
        name: 'ten pools',
        hue: 1,
        isDashed: true,
        points: [
          [10, 30],
          [1_000, 400],
        ],
      },
    ],
  })

  test('says what it shows: title, axes, lines, decades', () => {
    const texts = Array.from(svg.matchAll(/<text[^>]*>([^<]+)</g), ([, text]) => text)
    expect(texts).toEqual(expect.arrayContaining(['A decision', 'endpoints', 'µs', 'one pool', 'ten pools']))
    expect(texts).toEqual(expect.arrayContaining(['10', '100', '1,000']))
  })

  test('has other inks on dark pages for all that is neither a hue nor bare', () => {
    const used = new Set(Array.from(svg.matchAll(/<(?:rect|path|text)[^>]*? fill="(#\w+)"/g), ([, ink]) => ink))
    const dark = svg.match(/@media \(prefers-color-scheme:dark\)\{.*\}/)?.[0]
    const hues = ['#3d85c6', '#d98324']
    for (const ink of used) if (!hues.includes(ink) && ink !== '#000') expect(dark).toContain(`[fill="${ink}"]`)
  })

  test('holds nothing that moves', () => {
    expect(svg).not.toMatch(/<script|:hover|ecmeta|CDATA/)
  })
})
