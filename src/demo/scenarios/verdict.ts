import type { ScenarioVerdict } from '../scenario-feed.ts'
import type { Measure } from './measures.ts'
import type { Pair } from './scenario.ts'
import { valueText } from './value-text.ts'

/**
 * Of a measure that should be small.
 * @param promisedTimes how many times smaller it has to be on Signalbox's side.
 * @param word what Signalbox is then, e.g. `faster`
 */
export function fewer(
  measure: Measure,
  [signalbox, baseline]: Pair,
  promisedTimes: number,
  word: string,
): ScenarioVerdict {
  if (signalbox === null || baseline === null)
    return { isKept: false, text: `${capital(measure.name)} could not be measured: too few requests.` }
  const figures = `${capital(measure.name)} ${valueText(signalbox, measure.unit)} instead of ${valueText(baseline, measure.unit)}`
  const isKept = baseline > 0 && signalbox * promisedTimes <= baseline
  if (isKept)
    return {
      isKept,
      text: signalbox === 0 ? `${figures}.` : `${figures}: ${timesText(baseline / signalbox)} times ${word}.`,
    }
  if (signalbox < baseline)
    return { isKept, text: `${figures}: better, but by less than the ${promisedTimes} times that were promised.` }
  return { isKept, text: `${figures}: Signalbox was not better this time.` }
}

const timesText = (times: number) => (times < 10 ? times.toFixed(1) : times.toFixed(0))

const capital = (text: string) => text[0].toUpperCase() + text.slice(1)
