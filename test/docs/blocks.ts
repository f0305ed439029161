import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '..', '..')

/** The documents whose commands are run, as paths from the root of the repository. */
export const documents: readonly string[] = [
  'README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`)
    .sort(),
]

/** A fenced block of a document. */
export type Block = {
  readonly document: string
  /** Of its first line of text, from 1. */
  readonly line: number
  /** What stands behind the fence, such as `sh`; empty where nothing does. */
  readonly language: string
  /** Without the indentation of a list that it stands in. */
  readonly text: string
}

export const readDocument = (path: string): string => readFileSync(join(root, path), 'utf8')

export function blocksOf(document: string, text = readDocument(document)): Block[] {
  const fenced = /^( *)```(\w*)[^\n]*\n(.*?)^ *```/gms
  return [...text.matchAll(fenced)].map(({ index, 1: indentation, 2: language, 3: content }) => ({
    document,
    line: text.slice(0, index).split('\n').length + 1,
    language,
    text: content.replaceAll(new RegExp(`^${indentation}`, 'gm'), ''),
  }))
}

/** A command as a document shows it. */
export type Command = {
  readonly document: string
  readonly line: number
  /** As it goes to a shell: one statement, perhaps of several lines. */
  readonly text: string
  /** What the document says that it prints; undefined where it says nothing. */
  readonly output: string | undefined
}

/**
 * The commands of a block. Of `sh` all lines are commands; where a line begins with `$ ` these lines are, and what follows each is
 * its output. Undefined for a block that shows none.
 */
export function commandsOf({ document, line, language, text }: Block): Command[] | undefined {
  if (language === 'sh') {
    const statements = statementsOf(text.split('\n'))
    return statements.map(({ offset, text }) => ({ document, line: line + offset, text, output: undefined }))
  }
  const lines = text.split('\n')
  const begins = lines.flatMap((one, i) => (one.startsWith('$ ') ? [i] : []))
  if (begins.length === 0) return undefined
  return begins.map((begin, i) => {
    const statement = firstStatement([lines[begin].slice(2), ...lines.slice(begin + 1, begins[i + 1])])
    const output = lines.slice(begin + statement.split('\n').length, begins[i + 1]).join('\n')
    return { document, line: line + begin, text: statement, output }
  })
}

type Statement = { readonly offset: number; readonly text: string }

/** Cuts a script where the shell would: not within quotes or a loop, after `\\`, `|` or `&&`, or in a here-document. */
export function statementsOf(lines: readonly string[]): Statement[] {
  const statements: Statement[] = []
  for (let i = 0; i < lines.length; ) {
    if (/^\s*(#.*)?$/.test(lines[i])) {
      i++
      continue
    }
    const text = firstStatement(lines.slice(i))
    statements.push({ offset: i, text })
    i += text.split('\n').length
  }
  return statements
}

function firstStatement(lines: readonly string[]): string {
  for (let end = 1; end <= lines.length; end++) {
    const text = lines.slice(0, end).join('\n')
    if (!goesOn(text)) return text
  }
  throw new Error(`a command does not end: ${lines.join('\n')}`)
}

function goesOn(text: string): boolean {
  const [, end] = /<<-? *'?(\w+)'?/.exec(text) ?? []
  if (end !== undefined) return !new RegExp(`\\n\\s*${end}$`).test(text)
  const bare = text
    .replaceAll(/\\[^\n]|'[^']*'|"(?:\\.|[^"\\])*"/gs, '')
    .replaceAll(/(^|\s)#.*$/gm, '')
    .trimEnd()
  const isInLoop = (bare.match(/\bdo\b/g)?.length ?? 0) > (bare.match(/\bdone\b/g)?.length ?? 0)
  return /['"]/.test(bare) || /(\\|\||&&)$/.test(bare) || isInLoop
}
