import { EventEmitter } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { formatProblem } from '../../src/catalog/problem.ts'
import { FileSource } from '../../src/sources/file-source.ts'
import type { Snapshot } from '../../src/sources/source.ts'
import { modelText, poolText } from './manifest-text.ts'
import { makeTempDirectory } from './temp-directory.ts'

const watcher = Object.assign(new EventEmitter(), { close: async () => {} })
vi.mock('chokidar', () => ({ watch: () => watcher }))

test('a directory that cannot be watched is a warning, and changes are still seen', async () => {
  const directory = await makeTempDirectory()
  await writeFile(join(directory, 'a.yaml'), poolText('pool'))
  const snapshots: Snapshot[] = []
  let current: string[] = []
  const source = new FileSource(
    { paths: [directory], quietMs: 1, rereadMs: 20 },
    {
      onSnapshot: (snapshot) => snapshots.push(snapshot),
      onProblems: (change) => {
        current = change.current.map(formatProblem)
      },
    },
  )
  onTestFinished(() => source.close())
  await source.start()

  watcher.emit('error', new Error('System limit for number of file watchers reached'))
  await vi.waitFor(() =>
    expect(current).toEqual([
      `${directory}: warning: can't be watched, changes show up late: System limit for number of file watchers reached`,
    ]),
  )
  await writeFile(join(directory, 'b.yaml'), modelText('one'))
  await vi.waitFor(() => expect(snapshots.at(-1)?.catalog.models.size).toBe(1))
})
