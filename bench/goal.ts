import { type Cell, figure } from './table.ts'

/** What a ratio has to be, or the benchmark fails. */
export type Goal = { readonly atLeast: number } | { readonly atMost: number }

/**
 * The cell of a figure that may have a goal. A figure that misses it stands out, and is told to `misses` in words.
 * @param what the figure is, as the beginning of a sentence: `1 KB, first: BBR + EPP, CPU of signalbox`
 */
export function judge(value: number, goal: Goal | undefined, what: string, misses: string[]): Cell {
  if (goal === undefined || reaches(value, goal)) return figure(value)
  const { sign, bound, words } =
    'atLeast' in goal
      ? { sign: '<', bound: goal.atLeast, words: 'at least' }
      : { sign: '>', bound: goal.atMost, words: 'at most' }
  misses.push(`${what}: ${figure(value)}, target ${words} ${bound}`)
  return { text: `${figure(value)} ${sign} ${bound}`, missesTarget: true }
}

/** The cell of a count of failures, which has to be 0. */
export function judgeFailures(count: number, what: string, misses: string[]): Cell {
  if (count === 0) return '0'
  misses.push(`${what}: ${count} failed`)
  return { text: String(count), missesTarget: true }
}

/** A figure that is no number reaches nothing. */
function reaches(value: number, goal: Goal): boolean {
  return 'atLeast' in goal ? value >= goal.atLeast : value <= goal.atMost
}
