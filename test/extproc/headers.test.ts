import { expect, test } from 'vitest'
import { HeaderTable, slot } from '../../src/extproc/headers.ts'

const find = (table: HeaderTable, name: string) => {
  const buffer = Buffer.from(`..${name}..`)
  return table.find(buffer, 2, buffer.length - 2)
}

test('the fixed names have the slots that they are known by', () => {
  const table = new HeaderTable()
  const names = [':method', ':path', 'content-type', 'content-length', 'content-encoding', 'upgrade', ':status']
  const slots = [
    slot.method,
    slot.path,
    slot.contentType,
    slot.contentLength,
    slot.contentEncoding,
    slot.upgrade,
    slot.status,
  ]
  expect(names.map((name) => find(table, name))).toEqual(slots)
  expect(names.map((name) => table.slotOf(name))).toEqual(slots)
  expect(table.size).toBe(names.length)
})

test('further names get the slots after them, one each', () => {
  const table = new HeaderTable(['x-request-id', 'upgrade', 'x-request-id', 'x-other'])
  expect(table.size).toBe(9)
  expect(find(table, 'x-request-id')).toBe(7)
  expect(find(table, 'x-other')).toBe(8)
  expect(find(table, 'upgrade')).toBe(slot.upgrade)
  expect(table.slotOf('x-other')).toBe(8)
})

test('letters match in either case, and nothing but letters', () => {
  const table = new HeaderTable(['x-a_b', 'x{0}', 'az'])
  expect(find(table, 'AZ')).toBe(table.slotOf('az'))
  expect(find(table, 'Content-TYPE')).toBe(slot.contentType)
  expect(find(table, 'X-A_B')).toBe(table.slotOf('x-a_b'))
  // 0x20 apart, as the two cases of a letter are.
  expect(find(table, 'x-a\x7fb')).toBe(-1)
  expect(find(table, 'x[0]')).toBe(-1)
  expect(find(table, 'x\x0da_b')).toBe(-1)
  expect(find(table, '\x1apath')).toBe(-1)
})

test('other names have no slot, whatever they share with one that has', () => {
  const table = new HeaderTable()
  for (const name of ['', 'content-typ', 'content-types', 'content-typo', ':patH ', 'a'.repeat(10_000)]) {
    expect(find(table, name)).toBe(-1)
    expect(table.slotOf(name)).toBe(-1)
  }
})
