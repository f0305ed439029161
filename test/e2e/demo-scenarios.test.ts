import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { GuardedProcess, untilReady } from '../../src/demo/process.ts'
import type { ScenarioFeed } from '../../src/demo/scenario-feed.ts'
import { scenarios } from '../../src/demo/scenarios/all.ts'
import { childrenOf, runs } from '../demo/proc.ts'
import { envoy } from './envoy.ts'

const signalbox = join(import.meta.dirname, '..', '..', 'bin', 'signalbox')
/** Each takes ten seconds of CPU: where every change waits for it, two will do. */
const names =
  process.env.CI === undefined ? scenarios.map(({ name }) => name) : (['canary', 'prefix'] satisfies string[])
/**
 * Short, as each second costs half a second of CPU: but a canary needs a few bad answers of the few requests that its first step gives
 * it, and clients of a stalled server give up after four seconds.
 */
const secondsOf = (name: string) => (name === 'canary' ? 10 : name === 'endpoint-loss' ? 6 : 5)
/** Four programs start, on a machine that may be busy. */
const patienceMs = 60_000
/** At the same time: more would leave each too little of two cores. */
const lanes = 2

/** Without the watchers that end them when the demo is gone, and the launcher's own. */
const programsOf = (demo: GuardedProcess) =>
  childrenOf(demo.pid).filter(
    ({ commandLine }) => /signalbox|main\.ts|envoy/.test(commandLine) && !commandLine.startsWith('/bin/sh'),
  )

/** Figures that a busy machine does not turn round. Times it does make more alike, so that less than what was promised is left. */
const better = [
  ['canary', 'users who met the new version', 'less'],
  ['lora', 'adapters loaded', 'less'],
  ['prefix', 'prompt from a cache', 'more'],
  ['overload', 'interactive TTFT p90', 'less'],
  ['endpoint-loss', 'requests that failed', 'less'],
] as const

type Run = { readonly halfway: ScenarioFeed; readonly metrics: string; readonly end: string; readonly output: string }

describe.skipIf(envoy === undefined)('signalbox demo --scenario', () => {
  const started: GuardedProcess[] = []
  const results = new Map<string, PromiseSettledResult<Run>>()

  beforeAll(async () => {
    const left = [...names]
    const lane = async () => {
      for (let name = left.shift(); name !== undefined; name = left.shift()) {
        const [run] = await Promise.allSettled([runScenario(name)])
        results.set(name, run)
      }
    }
    await Promise.all(Array.from({ length: lanes }, lane))
  }, 300_000)
  afterAll(() => Promise.all(started.map((demo) => demo.stop())))

  async function runScenario(name: string): Promise<Run> {
    const args = ['demo', `--scenario=${name}`, `--seconds=${secondsOf(name)}`, '--once', '--page-port=0']
    const demo = new GuardedProcess({ name: 'demo', command: signalbox, args })
    started.push(demo)
    const page = () => /^Page: (\S+)$/m.exec(demo.lastLines(100))?.[1]
    await untilReady(demo, async () => page() !== undefined, patienceMs)
    const get = async (path: string) => fetch(`${page()}${path}`)
    const feed = async () => (await (await get('scenario')).json()) as ScenarioFeed
    await untilReady(demo, async () => (await feed()).timesS.length >= 3)
    const halfway = await feed()
    const metrics = await (await get('metrics')).text()
    const end = await demo.ended
    return { halfway, metrics, end, output: demo.lastLines(100) }
  }

  test('ends with ctrl-C, and everything with it', async () => {
    const args = ['demo', '--scenario=endpoint-loss', '--page-port=0', '--gateway-port=0']
    const demo = new GuardedProcess({ name: 'demo', command: signalbox, args })
    started.push(demo)
    await untilReady(demo, async () => demo.lastLines().includes('Page: '), patienceMs)
    const children = programsOf(demo)
    expect(children, 'Envoy and Signalbox').toHaveLength(2)
    process.kill(demo.pid, 'SIGINT')
    expect(await demo.ended).toBe('exit code 0')
    expect(demo.lastLines()).toContain('ended early')
    expect(children.filter(({ pid }) => runs(pid))).toEqual([])
  })

  /** @throws what went wrong in it. */
  function runOf(name: string): Run {
    const run = results.get(name)!
    if (run.status === 'rejected') throw run.reason
    return run.value
  }

  test.each(better.filter(([name]) => names.includes(name)))('%s: %s is %s', (name, figure, which) => {
    const { output } = runOf(name)
    const row = new RegExp(`^${figure} +([\\d.,]+)( [a-z%]+)? +([\\d.,]+)( [a-z%]+)?$`, 'm').exec(output)!
    const value = (digits: string, unit = '') => Number(digits.replaceAll(',', '')) * (unit === ' s' ? 1000 : 1)
    const [signalbox, baseline] = [value(row[1], row[2]), value(row[3], row[4])]
    expect(which === 'more' ? signalbox > baseline : signalbox < baseline, row[0]).toBe(true)
    if (name === 'canary') expect(output).toMatch(/^ +\d+ s {2}rolled back$/m)
  })

  test.each(names)('%s: its exit code is its verdict', (name) => {
    const { end, output } = runOf(name)
    const isKept =
      / times (faster|fewer)\.| instead of [1-9][^ ]*\.$/m.test(output) && !output.includes('not rolled back')
    expect(`${end}\n${output}`).toContain(isKept ? 'exit code 0\n' : 'exit code 1\n')
    expect(output).toMatch(/^Measured: \d+ requests to each side.*\n.* busy.*\n.* instead of .*\.$/m)
  })

  test.each(names)('%s: the page follows it, in front of Signalbox', (name) => {
    const { halfway, metrics } = runOf(name)
    const { timesS, series, sides } = halfway
    expect(halfway).toMatchObject({ name, lengthS: secondsOf(name), verdict: null })
    expect(sides[0]).toBe('Signalbox')
    const lengths = series.flatMap(({ points }) => points.map((side) => side.length))
    expect(new Set(lengths)).toEqual(new Set([timesS.length]))
    expect(metrics).toContain('signalbox_')
  })
})
