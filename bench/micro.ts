import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify, stripVTControlCharacters } from 'node:util'
import { alignColumns } from './table.ts'

const folder = join(import.meta.dirname, 'micro')
const suffix = '.bench.ts'
const execute = promisify(execFile)

/** What one file of bench/micro found, as a text of aligned columns. */
export type MicroResult = { readonly name: string; readonly text: string }

/** Runs each file in a process of its own, so that none inherits what another made of V8's state. */
export async function runMicro(say: (line: string) => void): Promise<MicroResult[]> {
  const results: MicroResult[] = []
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith(suffix)) continue
    const name = file.slice(0, -suffix.length)
    say(`micro: ${name}`)
    const { stdout } = await execute(process.execPath, [join(folder, file)])
    results.push({ name, text: condense(stripVTControlCharacters(stdout)) })
  }
  return results
}

const time = String.raw`([\d.]+ [nµmp]?s)`
/** mitata's first line of a benchmark has name, average and 75th percentile, its second line (min … max) and the 99th. */
const mitataResult = new RegExp(String.raw`^(\S.*?) +${time}/iter +${time}.*\n *\(${time} … ${time}\) +${time}`, 'gm')

/** Takes the times out of what mitata prints, and leaves its histograms and heap sizes. Other output stays as it is. */
export function condense(output: string): string {
  const rows = Array.from(output.matchAll(mitataResult), ([, name, average, p75, min, , p99]) => [
    name,
    average,
    min,
    p75,
    p99,
  ])
  if (rows.length === 0) return output.trim()
  return alignColumns([['', 'average', 'min', 'p75', 'p99'], ...rows], 1)
}
