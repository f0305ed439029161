/**
 * Tries all faults, and writes what was counted into a document:
 *   npm run faults -- [--write docs/faults.md]
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { alignTable, type Table } from '../../bench/table.ts'
import { machine, replaceSection } from './faults/document.ts'
import { faults } from './faults/faults.ts'
import { type FaultRecord, recordVariable } from './faults/record.ts'

const { values } = parseArgs({ options: { write: { type: 'string' } } })

const root = join(import.meta.dirname, '..', '..')
const folder = mkdtempSync(join(tmpdir(), 'signalbox-faults-'))
const file = join(folder, 'records')
const vitest = spawnSync(
  join(root, 'node_modules', '.bin', 'vitest'),
  ['run', '--project', 'e2e', '--no-file-parallelism', join('test', 'e2e', 'faults')],
  { cwd: root, stdio: 'inherit', env: { ...process.env, [recordVariable]: file } },
)
const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []
rmSync(folder, { recursive: true })

const records = lines.map((line): FaultRecord => JSON.parse(line))
const table: Table = {
  title: 'Counts',
  columns: ['fault', 'before', 'while it lasts', 'after'],
  rows: faults.flatMap((fault) => {
    const found = records.filter((record) => record.fault === fault)
    if (found.length === 0) return [[fault, '', { text: 'not tried', missesTarget: true }, '']]
    return found.map(({ before, during, after }) => [fault, before, during, after])
  }),
  labelColumns: 4,
}
console.log(alignTable(table))
if (values.write !== undefined)
  await replaceSection(values.write, 'faults', `\`npm run faults\`, ${machine()}.`, [table])
process.exitCode = vitest.status ?? 1
