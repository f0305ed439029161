/** Breaks a line at blanks so that it fits; what follows the first line begins with `indent`. A longer word stays whole. */
export function wrapped(text: string, width: number, indent: string): string[] {
  const lines: string[] = []
  let line = ''
  let isEmpty = true
  for (const [gap, word] of wordsOf(oneLine(text))) {
    if (!isEmpty && line.length + gap.length + word.length > width) {
      lines.push(line)
      line = indent + word
    } else {
      line += gap + word
    }
    isEmpty = false
  }
  return isEmpty ? lines : [...lines, line]
}

/** Each word with the blanks before it. */
const wordsOf = (text: string): (readonly [gap: string, word: string])[] =>
  [...text.matchAll(/( *)([^ ]+)/g)].map(([, gap, word]) => [gap, word] as const)

/** What others have written must not move a terminal's cursor. */
export const oneLine = (text: string): string => text.replaceAll(/[\x00-\x1f\x7f-\x9f]+/g, ' ')
