import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Size } from './size.ts'

const execute = promisify(execFile)

/** Measures one size in a process of its own, so that none inherits what another made of V8's state and memory. */
export async function measurePoint<Sample>(file: string, { pools, endpoints, models }: Size, times: number) {
  const args = ['--expose-gc', join(import.meta.dirname, file), ...[pools, endpoints, models, times].map(String)]
  const { stdout } = await execute(process.execPath, args)
  return JSON.parse(stdout) as Sample
}
