import { z } from 'zod'
import { rolloutState } from './state.ts'
import { emptyTally, tallySchema } from './tally.ts'

const time = z.string().catch('')

/**
 * What who drives a rollout knows of it: all that another one needs to go on. Replicas read of it what {@link rolloutState} has; of the
 * rest, what is missing or can't be read counts as not known yet.
 */
export const rolloutProgress = rolloutState.extend({
  /** When the rollout began, and when its phase or step did (RFC 3339). */
  startedAt: time,
  since: time,
  /** How long the step was watched, milliseconds: the time in which all replicas were seen. */
  watchedMs: z.number().min(0).catch(0),
  /** For how long not all replicas could be seen, milliseconds. */
  blindMs: z.number().min(0).catch(0),
  /** Of the plan, when the rollout began: another one begins it anew. */
  restartedAt: z.string().optional().catch(undefined),
  /** What both sides have done since the step began. */
  seen: z.object({ target: tallySchema, stable: tallySchema }).catch({ target: emptyTally, stable: emptyTally }),
  /** The last limits that could be read: `errors=+1%` and so on in the words of RolloutLimits. */
  limits: z
    .object({
      errorPoints: z.number(),
      ttftP90Ratio: z.number(),
      tokensPerSecondRatio: z.number(),
      samples: z.number(),
    })
    .optional()
    .catch(undefined),
  /** Phase and step in words for people. */
  message: z.string().catch(''),
  /** Why the next step is not taken though its time has come, or why that can't come; '' when nothing is in the way. */
  waitsFor: z.string().catch(''),
})
export type RolloutProgress = z.infer<typeof rolloutProgress>

/** Reads a value of the ConfigMap; undefined when nobody can tell from it what the target gets. */
export function parseProgress(text: string): RolloutProgress | undefined {
  try {
    return rolloutProgress.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}
