import { pickerKind } from '../plugin-kind.ts'
import { highest } from './highest.ts'
import { pickerParameters } from './parameters.ts'

/** The best candidates by score, equals in random order. */
export const maxScorePicker = pickerKind('max-score-picker', pickerParameters, ({ maxNumOfEndpoints }) => ({
  pick: (candidates, scores, random) => highest(candidates, scores, maxNumOfEndpoints, random),
}))
