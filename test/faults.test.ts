import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { faults } from './e2e/faults/faults.ts'

test('README.md promises something for each fault that is tried, and nothing else', () => {
  const text = readFileSync(join(import.meta.dirname, '..', 'README.md'), 'utf8')
  const [, rows] = /^\| fault \|.*\n\|-.*\n((?:\|.*\n)+)/m.exec(text)!
  expect(
    rows
      .trim()
      .split('\n')
      .map((row) => row.split('|')[1].trim()),
  ).toEqual(faults)
})
