/** A command line that can't be cut into words. */
export class ShellError extends Error {
  override readonly name = 'ShellError'
}

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\x07',
  b: '\b',
  e: '\x1b',
  f: '\f',
  v: '\v',
  E: '\x1b',
  '\\': '\\',
  "'": "'",
  '"': '"',
  '?': '?',
}

/**
 * Cuts a command line into words as bash does: blanks, `'…'`, `"…"`, `$'…'`, backslashes, and lines that go on with a backslash. Variables and
 * substitutions stay as they are written. Ends at the end of the command, as at `|` or `;`.
 * @throws ShellError when a quote is not closed
 */
export function shellWords(line: string): string[] {
  const words: string[] = []
  let word: string | undefined
  let at = 0
  const add = (text: string) => {
    word = (word ?? '') + text
  }
  const end = () => {
    if (word !== undefined) words.push(word)
    word = undefined
  }
  while (at < line.length) {
    const char = line[at]
    if (char === '\\') {
      const next = line.startsWith('\r\n', at + 1) ? '\r\n' : (line[at + 1] ?? '')
      if (next !== '\n' && next !== '\r\n') add(next)
      at += 1 + next.length
    } else if (char === "'") {
      const close = closing(line, at + 1, "'")
      add(line.slice(at + 1, close))
      at = close + 1
    } else if (char === '"') {
      const close = closing(line, at + 1, '"')
      // Of what a backslash stands before, these alone lose it (bash, "Double Quotes").
      add(
        line
          .slice(at + 1, close)
          .replaceAll(/\\(\r?\n|[$`"\\])/g, (_, next: string) => (next.endsWith('\n') ? '' : next)),
      )
      at = close + 1
    } else if (char === '$' && line[at + 1] === "'") {
      const close = closing(line, at + 2, "'", true)
      add(ansiText(line.slice(at + 2, close)))
      at = close + 1
    } else if (/\s/.test(char)) {
      end()
      at += 1
    } else if (/[|;&<>]/.test(char) || (char === '#' && word === undefined)) {
      break
    } else {
      add(char)
      at += 1
    }
  }
  end()
  return words
}

/** Where the quote ends that has begun before `from`. */
function closing(line: string, from: number, quote: string, isEscapable = quote === '"'): number {
  for (let at = from; at < line.length; at += 1) {
    if (isEscapable && line[at] === '\\') at += 1
    else if (line[at] === quote) return at
  }
  throw new ShellError(`a ${quote} is not closed`)
}

/** What is no character of Unicode stands for one that can't be shown. */
const characterOf = (codePoint: number): string => (codePoint <= 0x10_ffff ? String.fromCodePoint(codePoint) : '\ufffd')

/** Bash, "ANSI-C Quoting". */
function ansiText(text: string): string {
  return text.replaceAll(
    /\\(?:u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|x([0-9a-fA-F]{1,2})|([0-7]{1,3})|([\s\S]))/g,
    (...match) => {
      const [, short, long, byte, octal, char] = match as (string | undefined)[]
      const hex = short ?? long ?? byte
      if (hex !== undefined) return characterOf(Number.parseInt(hex, 16))
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8))
      return escapes[char!] ?? `\\${char}`
    },
  )
}
