import { pickerKind } from '../plugin-kind.ts'
import { highest } from './highest.ts'
import { pickerParameters } from './parameters.ts'

/**
 * Candidates drawn without replacement, each as likely as its score is large (A-Res of Efraimidis and Spirakis: the
 * highest keys u^(1/score)). Those with score 0 come after all others, in random order.
 */
export const weightedRandomPicker = pickerKind('weighted-random-picker', pickerParameters, ({ maxNumOfEndpoints }) => ({
  pick(candidates, scores, random) {
    const keys = new Float64Array(candidates.length)
    // The logarithm of the key orders the same and doesn't underflow to 0 for small scores. 1 - random() is never 0.
    for (let i = 0; i < candidates.length; i += 1) {
      keys[i] = scores[i] > 0 ? Math.log(1 - random()) / scores[i] : Number.NEGATIVE_INFINITY
    }
    return highest(candidates, keys, maxNumOfEndpoints, random)
  },
}))
