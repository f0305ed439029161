/** The plugins that a configuration can name. A new one is a file of its own and a line here. */
import { reachableFilter } from './filters/reachable.ts'
import { maxScorePicker } from './pickers/max-score.ts'
import { randomPicker } from './pickers/random.ts'
import { weightedRandomPicker } from './pickers/weighted-random.ts'
import type { PluginKind } from './plugin-kind.ts'
import type { Filter, Picker, Scorer } from './plugin.ts'
import { activeRequestScorer } from './scorers/active-request.ts'
import { kvCacheUtilizationScorer } from './scorers/kv-cache-utilization.ts'
import { loraAffinityScorer } from './scorers/lora-affinity.ts'
import { queueScorer } from './scorers/queue.ts'
import { runningRequestsSizeScorer } from './scorers/running-requests-size.ts'

export const filterKinds: readonly PluginKind<Filter>[] = [reachableFilter]

export const scorerKinds: readonly PluginKind<Scorer>[] = [
  activeRequestScorer,
  kvCacheUtilizationScorer,
  loraAffinityScorer,
  queueScorer,
  runningRequestsSizeScorer,
]

export const pickerKinds: readonly PluginKind<Picker>[] = [maxScorePicker, randomPicker, weightedRandomPicker]
