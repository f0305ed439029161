import { reachableFilter } from './filters/reachable.ts'
import { maxScorePicker } from './pickers/max-score.ts'
import { createProfile, type Profile } from './profile.ts'
import { activeRequestScorer } from './scorers/active-request.ts'
import { kvCacheUtilizationScorer } from './scorers/kv-cache-utilization.ts'
import { loraAffinityScorer } from './scorers/lora-affinity.ts'
import { queueScorer } from './scorers/queue.ts'

/**
 * How endpoints are picked without a configuration: the least loaded server, with a second one for the proxy to fall
 * back to. What a scrape says is some 50 ms old; the requests in flight are of this moment, and spread the picks between
 * two scrapes over the servers that looked alike in the first.
 */
export function createDefaultProfile(): Profile {
  return createProfile({
    filters: [reachableFilter.create()],
    scorers: [
      { scorer: queueScorer.create(), weight: 2 },
      { scorer: kvCacheUtilizationScorer.create(), weight: 2 },
      { scorer: loraAffinityScorer.create(), weight: 1 },
      { scorer: activeRequestScorer.create(), weight: 4 },
    ],
    picker: maxScorePicker.create({ maxNumOfEndpoints: 2 }),
  })
}
