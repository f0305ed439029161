import type { Comparison, LimitName } from './judge.ts'
import type { RolloutLimits } from './limits.ts'
import type { RolloutPlan } from './plan.ts'
import { answersOf, failuresOf, sizeOf, type Tally } from './tally.ts'

/** `0.5%`, `25%`. */
export const percentText = (percent: number): string => `${Number(percent.toPrecision(3))}%`

/** `90s`, `5m`, `1h30m`: a time as people write it in a plan. */
export function durationText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`
  const seconds = Math.round(ms / 1000)
  const parts = [
    [Math.floor(seconds / 3600), 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ] as const
  return parts
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join('')
}

/** `412 ms`, `3.1 s`. */
export const secondsText = (seconds: number): string =>
  seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${Number(seconds.toPrecision(2))} s`

/** A limit as the annotation writes it. */
export function limitText(limit: LimitName, limits: RolloutLimits): string {
  switch (limit) {
    case 'errors':
      return `errors=+${limits.errorPoints}%`
    case 'ttft-p90':
      return `ttft-p90=${limits.ttftP90Ratio}x`
    case 'tokens-per-second':
      return `tokens-per-second=${limits.tokensPerSecondRatio}x`
  }
}

/** `step 1 of 4`. */
export const stepText = (step: number, plan: RolloutPlan | undefined): string =>
  plan === undefined ? `step ${step + 1}` : `step ${step + 1} of ${plan.steps.length}`

/** `6 of 9 answers failed (66.7%), against 0.1% of 1834 of the stable targets`. */
export function brokenText(
  { limit, target: figure = 0, stable: stableFigure = 0, chance }: Comparison,
  { target, stable }: { readonly target: Tally; readonly stable: Tally },
): string {
  return `${figuresText()}; chance makes a good target look so bad once in ${timesText(chance)}`

  function figuresText(): string {
    switch (limit) {
      case 'errors': {
        const of = `${percentText(stableFigure * 100)} of ${answersOf(stable)} of the stable targets`
        return `${failuresOf(target)} of ${answersOf(target)} answers failed (${percentText(figure * 100)}), against ${of}`
      }
      case 'ttft-p90':
        return `the first token of nine in ten of ${sizeOf(target.ttft)} answers takes up to ${secondsText(figure)}, against ${secondsText(stableFigure)} of the stable targets`
      case 'tokens-per-second':
        return `nine in ten of ${sizeOf(target.tokenTime)} answers reach ${speedText(figure)}, against ${speedText(stableFigure)} of the stable targets`
    }
  }
}

const speedText = (tokensPerSecond: number): string => `${Number(tokensPerSecond.toPrecision(3))} tokens/s`

/** In two digits, and no more than can be believed. */
const timesText = (chance: number): string => {
  const times = 1 / chance
  return times > 1e6 ? 'a million times or more' : `${Number(times.toPrecision(2)).toLocaleString('en')} times`
}
