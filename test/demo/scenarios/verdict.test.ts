import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { scenarioNamed, scenarios } from '../../../src/demo/scenarios/all.ts'
import { firstToken, type Measure } from '../../../src/demo/scenarios/measures.ts'
import { type Pair, rolledBackText } from '../../../src/demo/scenarios/scenario.ts'
import { valueText } from '../../../src/demo/scenarios/value-text.ts'
import { fewer } from '../../../src/demo/scenarios/verdict.ts'
import { seededRandom } from '../../../src/sim/random.ts'

const document = readFileSync('docs/demo.md', 'utf8')

describe('the verdict is what was measured', () => {
  test.each<[number | null, number | null, boolean, string]>([
    [94, 275, true, 'TTFT p90 94 ms instead of 275 ms: 2.9 times faster.'],
    [20, 400, true, 'TTFT p90 20 ms instead of 400 ms: 20 times faster.'],
    [0, 12, true, 'TTFT p90 0 ms instead of 12 ms.'],
    [200, 275, false, 'TTFT p90 200 ms instead of 275 ms: better, but by less than the 1.5 times that were promised.'],
    [275, 275, false, 'TTFT p90 275 ms instead of 275 ms: Signalbox was not better this time.'],
    [300, 275, false, 'TTFT p90 300 ms instead of 275 ms: Signalbox was not better this time.'],
    [0, 0, false, 'TTFT p90 0 ms instead of 0 ms: Signalbox was not better this time.'],
    [null, 275, false, 'TTFT p90 could not be measured: too few requests.'],
    [94, null, false, 'TTFT p90 could not be measured: too few requests.'],
  ])('%d and %d', (signalbox, baseline, isKept, text) => {
    expect(fewer(firstToken(90), [signalbox, baseline], 1.5, 'faster')).toEqual({ isKept, text })
  })
})

test.each([
  [null, 'ms', '–'],
  [0.4, 'ms', '0 ms'],
  [999.4, 'ms', '999 ms'],
  [1234.5, 'ms', '1.2 s'],
  [12_345, 'ms', '12.3 s'],
  [0, '%', '0 %'],
  [1.02, '%', '1.0 %'],
  [98.4, '%', '98 %'],
  [12.34, '/s', '12.3/s'],
  [1204, '', '1,204'],
] as const)('%d in %j reads %s', (value, unit, text) => {
  expect(valueText(value, unit)).toBe(text)
})

describe.each(scenarios.map((scenario) => [scenario.name, scenario] as const))('%s', (name, scenario) => {
  const judge = (values: (measure: Measure) => Pair) => scenario.judge(values, [{ atS: 9, text: rolledBackText }])

  test('is found by its name, and has a line of help', () => {
    expect(scenarioNamed(name)).toBe(scenario)
    expect(scenario.summary.length).toBeLessThanOrEqual(64)
  })

  test('is not kept when both sides are alike, or Signalbox is worse', () => {
    expect(judge(() => [100, 100]).isKept).toBe(false)
    expect(judge(() => [100, 10]).isKept).toBe(false)
    expect(judge(() => [null, null]).isKept).toBe(false)
    expect(judge(() => [10, 100]).isKept).toBe(true)
  })

  test('sends the same requests each time, in the order of their times', () => {
    const plan = () => scenario.requests(3000, seededRandom(1, 1))
    const requests = plan()
    expect(requests.length).toBeGreaterThan(20)
    expect(requests.map(({ atMs }) => atMs)).toEqual(requests.map(({ atMs }) => atMs).toSorted((a, b) => a - b))
    expect(requests.at(-1)!.atMs).toBeLessThan(3000)
    const sent = (each: (typeof requests)[number]) => [each.atMs, each.headers, each.body()]
    expect(plan().map(sent)).toEqual(requests.map(sent))
    for (const { body } of requests) expect(JSON.parse(body())).toMatchObject({ stream: true })
  })

  test('has its part in the document', () => {
    const [, part] = document.split(`\n## ${name}\n`)
    expect(part.split('\n## ')[0]).toMatch(/^```\n[\s\S]+ instead of [\s\S]+?\n```$/m)
    expect(document).toContain(`| [\`${name}\`](#${name}) |`)
  })

  test('lets things happen in the order of their times', () => {
    const shares = scenario.incidents.map(({ atShare }) => atShare)
    expect(shares).toEqual(shares.toSorted((a, b) => a - b))
  })
})

test('a canary that was not rolled back has not kept its promise, whatever else it did', () => {
  const { judge } = scenarioNamed('canary')
  expect(judge(() => [1, 10], [])).toMatchObject({ isKept: false, text: expect.stringContaining('not rolled back') })
})

test.each([
  ['prefx', 'There is no scenario "prefx", did you mean prefix? There are'],
  ['loss', 'There is no scenario "loss", did you mean endpoint-loss? There are'],
  ['xyz', 'There is no scenario "xyz". There are canary, lora, prefix, overload, endpoint-loss.'],
])('an unknown name says which there are: %s', (name, message) => {
  expect(() => scenarioNamed(name)).toThrow(message)
})
