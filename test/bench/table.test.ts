import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { alignTable, byteSize, figure, markdownTable, type Table } from '../../bench/table.ts'

const table: Table = {
  title: 'Load',
  columns: ['server', 'ratio'],
  rows: [
    ['signalbox', '1'],
    ['pair', { text: '1.9 < 2.5', missesTarget: true }],
  ],
  labelColumns: 1,
  note: 'A note.',
}

test('words align to the left, figures to the right, colours take no room', () => {
  expect(stripVTControlCharacters(alignTable(table)).split('\n')).toEqual([
    'Load',
    'server         ratio',
    'signalbox          1',
    'pair       1.9 < 2.5',
    'A note.',
  ])
})

test('Markdown shows a missed target bold', () => {
  expect(markdownTable(table)).toBe(`### Load

A note.

| server | ratio |
| --- | ---: |
| signalbox | 1 |
| pair | **1.9 < 2.5** |`)
})

describe('figures', () => {
  test.each([
    [0.8749, '0.875'],
    [12.345, '12.3'],
    [99.96, '100'],
    [4210.4, '4,210'],
    [Number.NaN, '–'],
    [Number.POSITIVE_INFINITY, '–'],
  ])('%d reads %s', (value, text) => {
    expect(figure(value)).toBe(text)
  })

  test.each([
    [1024, '1 KB'],
    [220 * 1024, '220 KB'],
    [1 << 20, '1 MB'],
  ])('%d bytes read %s', (bytes, text) => {
    expect(byteSize(bytes)).toBe(text)
  })
})
