import { readFile, writeFile } from 'node:fs/promises'
import { availableParallelism, cpus } from 'node:os'
import { markdownTable, type Table } from '../../../bench/table.ts'

/**
 * Puts words and tables between the lines `<!-- NAME -->` and `<!-- end of NAME -->` of a Markdown file.
 * @throws an Error where the file lacks them
 */
export async function replaceSection(
  path: string,
  name: string,
  words: string,
  tables: readonly Table[],
): Promise<void> {
  const text = await readFile(path, 'utf8')
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`]
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`${path} has no lines ${begin} and ${end}`)
  const section = [begin, words, ...tables.map(markdownTable), ''].join('\n\n')
  await writeFile(path, text.slice(0, from) + section + text.slice(to))
}

/** What it ran on. */
export const machine = (): string =>
  `${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores, Node ${process.versions.node}`
