import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify, stripVTControlCharacters } from 'node:util'

const folder = fileURLToPath(new URL('micro/', import.meta.url))
const execute = promisify(execFile)

/** What one file of bench/micro printed: its own compact table. */
export type MicroResult = { readonly name: string; readonly text: string }

/** Runs each `*.bench.ts` in a process of its own, so that none inherits what another made of V8's state. */
export async function runMicro(say: (line: string) => void): Promise<MicroResult[]> {
  const results: MicroResult[] = []
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith('.bench.ts')) continue
    const name = file.slice(0, -'.bench.ts'.length)
    say(`micro: ${name}`)
    const { stdout } = await execute(process.execPath, [join(folder, file)])
    results.push({ name, text: stripVTControlCharacters(stdout).trim() })
  }
  return results
}
