/** A pattern as in Go's path.Match, one token for each thing that takes part of a text. */
export type Glob = readonly Token[]

type Token =
  | { readonly kind: 'character'; readonly character: string }
  /** `?`: one character but `/`. */
  | { readonly kind: 'any' }
  /** `*`: as many of them as there are. */
  | { readonly kind: 'run' }
  /** `[a-z]`, `[^ab]`. */
  | { readonly kind: 'class'; readonly isNegated: boolean; readonly ranges: readonly Range[] }

type Range = readonly [first: string, last: string]

/** Undefined when the pattern is malformed: a class that is empty or not closed, or `\` at the end. */
export function parseGlob(pattern: string): Glob | undefined {
  const tokens: Token[] = []
  const characters = [...pattern]
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at]
    if (character === '*') tokens.push({ kind: 'run' })
    else if (character === '?') tokens.push({ kind: 'any' })
    else if (character === '[') {
      const found = parseClass(characters, at + 1)
      if (found === undefined) return undefined
      tokens.push(found.token)
      at = found.end
    } else if (character !== '\\') tokens.push({ kind: 'character', character })
    else if (++at < characters.length) tokens.push({ kind: 'character', character: characters[at] })
    else return undefined
  }
  return tokens
}

/** @param start after the `[`; `end` is where the `]` stands */
function parseClass(characters: readonly string[], start: number): { token: Token; end: number } | undefined {
  const isNegated = characters[start] === '^'
  let at = isNegated ? start + 1 : start
  const ranges: Range[] = []
  const takeCharacter = (): string | undefined => {
    if (characters[at] === '\\') return characters[++at]
    return characters[at] === '-' || characters[at] === ']' ? undefined : characters[at]
  }
  while (characters[at] !== ']' || ranges.length === 0) {
    const first = takeCharacter()
    at++
    let last = first
    if (characters[at] === '-') {
      at++
      last = takeCharacter()
      at++
    }
    if (first === undefined || last === undefined) return undefined
    ranges.push([first, last])
  }
  return { token: { kind: 'class', isNegated, ranges }, end: at }
}

/** Whether the whole text matches. Takes at most as many steps as text and pattern have characters, multiplied. */
export function matchesGlob(glob: Glob, text: string): boolean {
  let reached = skipRuns(glob, new Set([0]))
  for (const character of text) {
    const next = new Set<number>()
    for (const position of reached) {
      const token = glob[position]
      if (token === undefined || !accepts(token, character)) continue
      next.add(token.kind === 'run' ? position : position + 1)
    }
    reached = skipRuns(glob, next)
  }
  return reached.has(glob.length)
}

/** A run may be empty. */
function skipRuns(glob: Glob, positions: Set<number>): ReadonlySet<number> {
  // Also goes over what is added on the way.
  for (const position of positions) if (glob[position]?.kind === 'run') positions.add(position + 1)
  return positions
}

function accepts(token: Token, character: string): boolean {
  switch (token.kind) {
    case 'character':
      return token.character === character
    case 'any':
    case 'run':
      return character !== '/'
    case 'class': {
      const code = character.codePointAt(0)!
      const isIn = token.ranges.some(([first, last]) => first.codePointAt(0)! <= code && code <= last.codePointAt(0)!)
      return isIn !== token.isNegated
    }
  }
}
