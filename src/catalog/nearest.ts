/**
 * The candidate that `word` was probably meant to be: one that begins like it as a whole, or differs in at most a
 * third of its letters (upper and lower case are the same letter). Undefined when none is near.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const meant = word.toLowerCase()
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(meant.length / 3)) + 1
  for (const candidate of candidates) {
    const distance = editDistance(meant, candidate.toLowerCase())
    const near = distance < bestDistance
    if (near || (best === undefined && meant.length > 2 && candidate.toLowerCase().startsWith(meant))) best = candidate
    if (near) bestDistance = distance
  }
  return best
}

/** Letters to insert, delete or replace to get from one word to the other (Levenshtein). */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++) {
      const replaced = row[j - 1] + (from[i - 1] === to[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j] + 1, next[j - 1] + 1))
    }
    row = next
  }
  return row[to.length]
}
