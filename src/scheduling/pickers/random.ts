import { pickerKind } from '../plugin-kind.ts'
import { highest } from './highest.ts'
import { pickerParameters } from './parameters.ts'

/** Any candidates, whatever their score. */
export const randomPicker = pickerKind('random-picker', pickerParameters, ({ maxNumOfEndpoints }) => ({
  pick: (candidates, _scores, random) =>
    highest(candidates, new Float64Array(candidates.length), maxNumOfEndpoints, random),
}))
