import { rolloutAnnotations } from '../../rollout/plan.ts'
import type { Rule } from '../rule.ts'

const rolloutWithoutKey: Rule = {
  id: 'rollout-without-sticky-key',
  severity: 'warning',
  *find({ compiled }) {
    for (const [resource, { declaration }] of compiled.readings) {
      if (declaration?.kind !== 'model' && declaration?.kind !== 'rewrite') continue
      if (declaration.rollout === undefined || declaration.stickyBy !== undefined) continue
      yield {
        entry: { resource },
        path: ['metadata', 'annotations', rolloutAnnotations.steps],
        message:
          'each request draws its target anew: users change sides, and nearly all of them meet the new one at its first step',
        remedy: 'set signalbox.dev/sticky-by to what tells users apart: user, header/NAME, api-key or prompt-cache-key',
      }
    }
  },
}

export const rolloutRules = [rolloutWithoutKey]
