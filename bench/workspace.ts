import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Does work in a new folder, which goes with this process. */
export async function inWorkspace<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'signalbox-bench-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  return work(directory)
}
