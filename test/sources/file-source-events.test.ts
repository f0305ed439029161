import { EventEmitter } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, expect, onTestFinished, test, vi } from 'vitest'
import { formatProblem } from '../../src/catalog/problem.ts'
import type { Snapshot } from '../../src/sources/source.ts'
import { modelText, poolText } from './manifest-text.ts'
import { makeTempDirectory } from './temp-directory.ts'

/** Tells of what the tests want it to. */
const watcher = Object.assign(new EventEmitter(), { close: async () => {} })
// Other files of tests may have loaded these modules before, and go on with theirs.
vi.resetModules()
vi.doMock('chokidar', () => ({ watch: () => watcher }))
vi.doMock('../../src/sources/paths.ts', { spy: true })
const { FileSource } = await import('../../src/sources/file-source.ts')
const { readPath } = await import('../../src/sources/paths.ts')
afterAll(() => {
  vi.doUnmock('chokidar')
  vi.doUnmock('../../src/sources/paths.ts')
  vi.resetModules()
})

/** A source that has read one directory with a pool. */
async function startSource(rereadMs: number) {
  const directory = await makeTempDirectory()
  await writeFile(join(directory, 'a.yaml'), poolText('pool'))
  const snapshots: Snapshot[] = []
  const problems: string[][] = []
  const source = new FileSource(
    { paths: [directory], quietMs: 1, rereadMs },
    {
      onSnapshot: (snapshot) => snapshots.push(snapshot),
      onProblems: ({ current }) => problems.push(current.map(formatProblem)),
    },
  )
  onTestFinished(() => source.close())
  await source.start()
  return { directory, source, snapshots, problems }
}

test('what cannot be watched is a warning, and changes are still seen', async () => {
  const { directory, snapshots, problems } = await startSource(20)
  watcher.emit('error', new Error('System limit for number of file watchers reached'))
  await vi.waitFor(() =>
    expect(problems).toEqual([
      [
        `${directory}: warning: can't be watched, changes show up late: System limit for number of file watchers reached`,
      ],
    ]),
  )
  await writeFile(join(directory, 'b.yaml'), modelText('one'))
  await vi.waitFor(() => expect(snapshots.at(-1)?.catalog.models.size).toBe(1))
})

test('a reading that ends after the source was closed tells nothing', async () => {
  const { directory, source, snapshots } = await startSource(3_600_000)
  await writeFile(join(directory, 'b.yaml'), modelText('one'))
  const changed = await readPath(directory)
  const { promise: held, resolve: release } = Promise.withResolvers<void>()
  vi.mocked(readPath).mockClear()
  vi.mocked(readPath).mockImplementationOnce(() => held.then(() => changed))
  watcher.emit('all')
  await vi.waitFor(() => expect(readPath).toHaveBeenCalled())
  const closed = source.close()
  release()
  await closed
  expect(snapshots).toEqual([])
})

test('an event after the source was closed is no matter', async () => {
  const { source } = await startSource(3_600_000)
  await source.close()
  vi.mocked(readPath).mockClear()
  watcher.emit('all')
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(readPath).not.toHaveBeenCalled()
})
