import { defaultLimits } from '../../src/rollout/limits.ts'
import type { RolloutPlan } from '../../src/rollout/plan.ts'
import { emptyTally, type Tally } from '../../src/rollout/tally.ts'

export const planOf = (changes: Partial<RolloutPlan> = {}): RolloutPlan => ({
  steps: [
    { weightPercent: 0.5, forMs: 300_000 },
    { weightPercent: 5, forMs: 600_000 },
    { weightPercent: 25, forMs: 600_000 },
    { weightPercent: 100, forMs: 0 },
  ],
  target: 'v2',
  limits: defaultLimits,
  state: undefined,
  restartedAt: undefined,
  ...changes,
})

/** A side whose answers have all begun by `ttft`, seconds. */
export const tallyOf = (ok: number, error = 0, ttft = 0.1): Tally => ({
  ...emptyTally,
  ok,
  error,
  ttft: ok === 0 ? {} : { [ttft]: ok },
})
