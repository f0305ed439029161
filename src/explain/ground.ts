import type { PoolQueues } from '../admission/pool-queues.ts'
import { systemClock } from '../clock.ts'
import type { ConversationContext, Routing } from '../extproc/conversation-context.ts'
import type { LivePools } from '../pool/live-pools.ts'
import type { SchedulingConfiguration } from '../scheduling/configuration.ts'
import { createScheduler } from '../scheduling/scheduler.ts'
import { type ClientRequest, hostOf } from './client-request.ts'
import { describe } from './describe.ts'
import type { Explanation } from './explanation.ts'
import { ProfileRecorder } from './recorder.ts'
import { type TrialGround, tryRequest } from './trial.ts'

/**
 * Tries requests by what serving goes by: its context, its plugins with what they have learned, its endpoints, its queues.
 * @param configuration of the scheduler that `context` has
 * @param keepsScores as that scheduler does
 */
export function createTrialGround(
  context: ConversationContext,
  configuration: SchedulingConfiguration,
  keepsScores: boolean,
  pools: LivePools,
  queues: PoolQueues | undefined,
): TrialGround {
  const recorder = new ProfileRecorder()
  const scheduler = createScheduler(recorder.recorded(configuration), { keepsScores })
  return { context, scheduler, recorder, queues, endpointsOf: (poolKey) => pools.endpointsOf(poolKey) }
}

/** What the stages make of a request at this moment, without anything coming of it. */
export async function explainRequest(
  client: ClientRequest,
  routing: Routing,
  ground: TrialGround,
): Promise<Explanation> {
  const decision = await tryRequest(client, routing, ground)
  const { context, scheduler, endpointsOf } = ground
  const explanation = describe(decision, {
    catalog: routing.catalog,
    trustsHints: context.trustsHints,
    endpointsOf,
    saturation: (endpoints) => scheduler.saturation(endpoints),
    nowMs: context.clock.nowMs(),
    dateMs: systemClock.epochMs(),
  })
  const host = hostOf(client)
  return host === undefined ? explanation : { ...explanation, request: { ...explanation.request, host } }
}
