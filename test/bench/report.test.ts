import { expect, test } from 'vitest'
import { type PartReport, reportMarkdown } from '../../bench/report.ts'

function found(title: string, more: Partial<PartReport> = {}): PartReport {
  const table = { title, columns: ['server', 'ms'], rows: [['signalbox', '1']], labelColumns: 1 }
  return { micro: [], tables: [table], misses: [], leftOut: [], ...more }
}

const headings = (text: string) => text.split('\n').filter((line) => line.startsWith('#'))

test('a run writes its parts and keeps the others as they stand, in one order', () => {
  const first = reportMarkdown('', 'npm run bench -- --only traces', { traces: found('Trace: one') })
  expect(headings(first)).toEqual(['# Benchmark results', '## Traces behind a real Envoy Gateway', '### Trace: one'])

  const both = reportMarkdown(first, 'npm run bench -- --only e2e', { e2e: found('Load') })
  expect(headings(both)).toEqual([
    '# Benchmark results',
    '## ext_proc servers',
    '### Load',
    '## Traces behind a real Envoy Gateway',
    '### Trace: one',
  ])
  expect(both.match(/^- Command: .*$/gm)).toEqual([
    '- Command: `npm run bench -- --only e2e`',
    '- Command: `npm run bench -- --only traces`',
  ])
  expect(both.endsWith(first.slice(first.indexOf('<!--')))).toBe(true)

  const again = reportMarkdown(both, 'npm run bench', { e2e: found('Load anew'), traces: found('Trace: two') })
  expect(headings(again).filter((line) => line.startsWith('###'))).toEqual(['### Load anew', '### Trace: two'])
  expect(reportMarkdown(again, 'npm run bench', {}), 'nothing was run').toBe(again)
})

test('a part says which targets it missed, and what was left out', () => {
  const text = reportMarkdown('', 'npm run bench', {
    envoy: found('Through a real Envoy', { misses: ['too slow'], leftOut: ['set REFERENCE_EPP'] }),
    micro: { ...found(''), tables: [], micro: [{ name: 'scan', text: '1 µs' }] },
  })
  expect(text).toContain('**Targets missed:**\n\n- too slow\n')
  expect(text).toContain('Left out:\n\n- set REFERENCE_EPP\n')
  expect(text).toContain('### scan\n\n```text\n1 µs\n```')
})
