/**
 * The candidate that `word` was probably meant to be: one that differs in at most a third of its letters (upper and
 * lower case are the same letter), else one that it is a part of. Undefined when none is near.
 */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const meant = word.toLowerCase()
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(meant.length / 3)) + 1
  for (const candidate of candidates) {
    const distance = editDistance(meant, candidate.toLowerCase())
    if (distance >= bestDistance) continue
    best = candidate
    bestDistance = distance
  }
  return (
    best ?? (meant.length < 3 ? undefined : candidates.find((candidate) => candidate.toLowerCase().includes(meant)))
  )
}

/** The end of a message: `, did you mean targetPorts?`; '' when no candidate is near. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const meant = nearest(word, candidates)
  return meant === undefined ? '' : `, did you mean ${meant}?`
}

/** How many letters to insert, delete, replace, or swap with their neighbour, to get from one word to the other. */
function editDistance(from: string, to: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let i = 1; i <= from.length; i++) {
    const row = [i]
    for (let j = 1; j <= to.length; j++) {
      const replaced = last[j - 1] + (from[i - 1] === to[j - 1] ? 0 : 1)
      const isSwap = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]
      const swapped = isSwap ? beforeLast[j - 2] + 1 : replaced
      row.push(Math.min(replaced, swapped, last[j] + 1, row[j - 1] + 1))
    }
    beforeLast = last
    last = row
  }
  return last[to.length]
}
