import { beforeEach, describe, expect, test } from 'vitest'
import { mergedPages, type PageValues } from '../../src/telemetry/page-sum.ts'
import { pageTimeoutMs } from '../../src/workers/limits.ts'
import { WorkerPages } from '../../src/workers/worker-pages.ts'
import { ManualClock, settled } from '../pool/manual-clock.ts'

const head = '# HELP a A.\n# TYPE a counter\n'

let clock: ManualClock
let pages: WorkerPages<string>
let asked: string[]
beforeEach(() => {
  clock = new ManualClock()
  pages = new WorkerPages(clock, () => 'sum')
  asked = []
})

const collect = () => pages.collect(['one', 'two'], (worker) => asked.push(worker))
const merged = (found: readonly PageValues[]): string => [...mergedPages(found, () => 'sum')].join('')

test('the pages of all are there when the last one has come whole', async () => {
  const found = collect()
  pages.read('one', `${head}a{x="1"} 1\n`, false)
  pages.read('two', `${head}a{x="1"} 10\n`, true)
  pages.read('one', 'a{x="2"} 2\n', true)
  expect(merged(await found)).toBe(`${head}a{x="1"} 11\na{x="2"} 2\n`)
})

test('a page that comes too late counts whole the next time, and is not asked for again', async () => {
  const first = collect()
  pages.read('two', `${head}a 10\n`, true)
  pages.read('one', `${head}a{x="1"} 1\n`, false)
  await clock.advance(pageTimeoutMs)
  expect(merged(await first)).toBe(`${head}a 10\n`)
  asked = []
  const second = collect()
  expect(asked).toEqual(['two'])
  pages.read('one', 'a{x="2"} 2\n', true)
  pages.read('two', `${head}a 20\n`, true)
  expect(merged(await second)).toBe(`${head}a 20\na{x="1"} 1\na{x="2"} 2\n`)
})

test('what a worker that has ended had counted stays', async () => {
  const first = collect()
  for (const worker of ['one', 'two']) pages.read(worker, `${head}a 5\n`, true)
  await first
  pages.forget('one')
  const second = pages.collect(['two'], () => {})
  pages.read('two', `${head}a 6\n`, true)
  expect(merged(await second)).toBe(`${head}a 11\n`)
})

describe('some families alone', () => {
  const both = (a: number, b: number) => `${head}a ${a}\n# HELP b B.\n# TYPE b counter\nb ${b}\n`
  const some = (...names: string[]) => pages.collect(['one', 'two'], (worker) => asked.push(worker), new Set(names))

  test('are new, while the others stay as they were', async () => {
    const first = collect()
    for (const worker of ['one', 'two']) pages.read(worker, both(1, 10), true)
    await first
    const second = some('a')
    for (const worker of ['one', 'two']) pages.read(worker, `${head}a 2\n`, true)
    expect(merged(await second)).toBe(both(4, 20))
    pages.forget('one')
    expect(merged(await pages.collect([], () => {}))).toBe(both(4, 20))
  })

  test('do not do for who asks for more meanwhile: they are asked again', async () => {
    const first = some('a')
    const second = some('a')
    const third = some('a', 'b')
    expect(asked).toEqual(['one', 'two'])
    for (const worker of ['one', 'two']) pages.read(worker, `${head}a 2\n`, true)
    expect(merged(await first)).toBe(merged(await second))
    await settled()
    expect(asked).toEqual(['one', 'two', 'one', 'two'])
    for (const worker of ['one', 'two']) pages.read(worker, both(3, 30), true)
    expect(merged(await third)).toBe(both(6, 60))
  })
})
