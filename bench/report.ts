import { execFileSync } from 'node:child_process'
import { availableParallelism, cpus } from 'node:os'
import type { MicroResult } from './micro.ts'
import { markdownTable, type Table } from './table.ts'

/** The parts of the benchmark, in the order of RESULTS.md, with their headings. */
const headings = {
  micro: 'Hot functions',
  e2e: 'ext_proc servers',
  profile: 'Where the CPU time goes',
  responses: 'Streamed responses',
  memory: 'Memory of requests in flight',
  workers: 'Workers',
  growth: 'Growth',
  scraping: 'Metrics of model servers',
  envoy: 'Behind a real Envoy Gateway',
  routes: 'Routes of OME and AIM Engine',
  rollback: 'Rollback of a bad target',
  traces: 'Traces behind a real Envoy Gateway',
} as const

export type Part = keyof typeof headings
export const parts = Object.keys(headings) as Part[]

/** What one run of one part found. */
export type PartReport = {
  readonly micro: readonly MicroResult[]
  readonly tables: readonly Table[]
  readonly misses: readonly string[]
  /** What was left out, and what to do about it. */
  readonly leftOut: readonly string[]
}

const title = '# Benchmark results'
/** Stands before each part, so that a later run finds what it leaves as it is. */
const markerOf = (part: Part) => `<!-- part: ${part} -->`

/**
 * The text of RESULTS.md: the parts that were run anew, the others as they stand in `before`, the file's text until now.
 * @param command as it was typed
 */
export function reportMarkdown(before: string, command: string, found: Partial<Record<Part, PartReport>>): string {
  const sections = parts.flatMap((part) => {
    const report = found[part]
    const text = report ? partMarkdown(part, command, report) : sectionOf(before, part)
    return text === undefined ? [] : [`${markerOf(part)}\n${text}`]
  })
  return `${[title, ...sections].join('\n\n')}\n`
}

/** The text of a part from its heading on, up to the next part's marker; undefined where the file has none. */
function sectionOf(text: string, part: Part): string | undefined {
  const [, after] = text.split(markerOf(part))
  return after?.split(/^<!-- part: /m)[0].trim()
}

function partMarkdown(part: Part, command: string, { micro, tables, misses, leftOut }: PartReport): string {
  const machine = `${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores`
  return [
    `## ${headings[part]}`,
    [
      `- Machine: ${machine}, ${process.platform} ${process.arch}`,
      `- Node ${process.versions.node}, commit ${commit()}`,
      `- Command: \`${command}\``,
    ].join('\n'),
    ...(misses.length > 0 ? [`**Targets missed:**\n\n${list(misses)}`] : []),
    ...(leftOut.length > 0 ? [`Left out:\n\n${list(leftOut)}`] : []),
    ...tables.map(markdownTable),
    ...micro.map(({ name, text }) => `### ${name}\n\n\`\`\`text\n${text}\n\`\`\``),
  ].join('\n\n')
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
