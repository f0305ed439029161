import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Frame, parseSamples } from '../../../bench/profile/perf.ts'
import { stageMicros, stageOf, stageOfFile } from '../../../bench/profile/stages.ts'

const source = join(import.meta.dirname, '../../../src')
const script = `node
\t    7f0000000010 JS:*push file:///signalbox/src/extproc/message-reader.ts:60:7+0x1f (/tmp/perf-1.map)
\t    7f0000000020 JS:*data file:///signalbox/src/extproc/exchange.ts:9:3+0x2 (/tmp/perf-1.map)

node
\tffffffff81000000 [unknown] ([kernel.kallsyms])
\t          401234 uv__write+0x12 (/usr/bin/node)

V8Worker
\t          b101b8 v8::internal::Heap::IterateRoots+0x288 (/usr/bin/node)
`

test('samples of perf are stacks, from the leaf outwards', () => {
  const samples = parseSamples(script)
  expect(samples.map((frames) => frames.length)).toEqual([2, 2, 1])
  expect(samples[0][0].symbol).toContain('JS:*push file:///signalbox/src/extproc/message-reader.ts:60:7')
  expect(samples[1][0]).toEqual({ symbol: '[unknown]', file: '[kernel.kallsyms]' })
})

describe('stageOf', () => {
  const native = (symbol: string): Frame => ({ symbol, file: '/usr/bin/node' })
  const script = (path: string): Frame => ({ symbol: `JS:*f file:///a/src/${path}:1:2+0x3`, file: '/tmp/perf-1.map' })

  test('what Node does for a file counts for that file, and the innermost one counts', () => {
    expect(stageOf([native('memcpy'), script('request/scan.ts'), script('extproc/exchange.ts')])).toBe('scan')
    expect(stageOf([native('uv__read'), native('uv_run')])).toBe('Node: sockets, event loop')
  })

  test('the kernel, the collector and the compilers are what they are, whoever called them', () => {
    const kernel: Frame = { symbol: 'tcp_sendmsg', file: '[kernel.kallsyms]' }
    expect(stageOf([kernel, script('http2/connection.ts')])).toBe('kernel')
    const collector = native('v8::internal::Scavenger::Process')
    expect(stageOf([native('memcpy'), collector, script('http2/connection.ts')])).toBe('garbage collection')
    expect(stageOf([native('v8::internal::compiler::Pipeline::Run')])).toBe('compiler')
  })
})

test.each(['http2', 'extproc', 'request', 'admission', 'scheduling', 'telemetry', 'pool', 'catalog'])(
  'each file of src/%s belongs to a stage',
  (folder) => {
    const files = readdirSync(join(source, folder), { recursive: true, encoding: 'utf8' }).filter((each) =>
      each.endsWith('.ts'),
    )
    expect(files.length).toBeGreaterThan(3)
    expect(files.filter((file) => stageOfFile(`${folder}/${file}`) === 'other code')).toEqual([])
  },
)

test('the time of a request is divided as the samples are', () => {
  const micros = stageMicros(parseSamples(script), 90)
  expect(micros.get('codec')).toBe(30)
  expect(micros.get('kernel')).toBe(30)
  expect(micros.get('garbage collection')).toBe(30)
  expect(micros.get('scan')).toBe(0)
})
