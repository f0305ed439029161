import { execFileSync } from 'node:child_process'
import { availableParallelism, cpus } from 'node:os'
import type { MicroResult } from './micro.ts'
import { markdownTable, type Table } from './table.ts'

/** All that one run of the benchmark found. */
export type Report = {
  /** The command that was typed. */
  readonly command: string
  readonly micro: readonly MicroResult[]
  readonly tables: readonly Table[]
  readonly misses: readonly string[]
  /** What was left out, and what to do about it. */
  readonly leftOut: readonly string[]
}

/** The text of RESULTS.md. */
export function reportMarkdown({ command, micro, tables, misses, leftOut }: Report): string {
  const machine = `${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores`
  const sections = [
    '# Benchmark results',
    [
      `- Machine: ${machine}, ${process.platform} ${process.arch}`,
      `- Node ${process.versions.node}, commit ${commit()}`,
      `- Command: \`${command}\``,
    ].join('\n'),
    ...(misses.length > 0 ? [`**Targets missed:**\n\n${list(misses)}`] : []),
    ...(leftOut.length > 0 ? [`Left out:\n\n${list(leftOut)}`] : []),
    ...tables.map(markdownTable),
    ...micro.map(({ name, text }) => `## Micro: ${name}\n\n\`\`\`text\n${text}\n\`\`\``),
  ]
  return `${sections.join('\n\n')}\n`
}

const list = (lines: readonly string[]) => lines.map((line) => `- ${line}`).join('\n')

function commit(): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  try {
    const changed = git(
      'status',
      '--porcelain',
      '--untracked-files=no',
      '--',
      ':(top)',
      ':(top,exclude)bench/RESULTS.md',
    )
    return git('rev-parse', '--short=12', 'HEAD') + (changed ? ' with changes' : '')
  } catch {
    return 'unknown'
  }
}
