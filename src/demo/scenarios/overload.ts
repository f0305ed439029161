import { count, failed, firstToken, share } from './measures.ts'
import { model, poolRef, type Scenario } from './scenario.ts'
import { fewer } from './verdict.ts'
import { arrivals, chatBody, words } from './words.ts'

const interactive = 'interactive'
const batch = 'batch'
const objectiveHeader = 'x-llm-d-inference-objective'

/** Six servers with six places each, and 0.95 s an answer: 38 requests a second. */
const places = 6
const calmPerSecond = { [interactive]: 8, [batch]: 10 }
/** From a quarter to three quarters of the time batch jobs ask for far more than there is. */
const batchRushPerSecond = 42

const configuration = `
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
featureGates: [flowControl]
plugins:
- type: reachable-filter
- type: queue-scorer
- type: active-request-scorer
- {type: max-score-picker, parameters: {maxNumOfEndpoints: 2}}
# The pool is full when each server has as many requests as it has places.
- {type: concurrency-detector, parameters: {maxConcurrency: ${places}}}
# Batch stops at three quarters of that, so that there is room for interactive requests at once.
- {type: priority-holdback-policy, parameters: {minCeiling: 0.75}}
schedulingProfiles:
- name: default
  plugins:
  - pluginRef: reachable-filter
  - {pluginRef: queue-scorer, weight: 1}
  - {pluginRef: active-request-scorer, weight: 2}
  - pluginRef: max-score-picker
flowControl:
  saturationDetector: {pluginRef: concurrency-detector}
  usageLimitPolicyPluginRef: priority-holdback-policy
  defaultRequestTTL: 2s
  priorityBands:
  - {priority: 10}
  - {priority: -1, maxRequests: 30}
`

const objective = (name: string, priority: number) => ({
  apiVersion: 'llm-d.ai/v1alpha2',
  kind: 'InferenceObjective',
  metadata: { name, namespace: 'default' },
  spec: { poolRef, priority },
})

const p90 = firstToken(90, interactive)

export const overload: Scenario = {
  name: 'overload',
  title: 'More requests than the servers can take',
  summary: 'too many requests: chats stay fast, batch is told to wait',
  says:
    'People chat, and in the middle batch jobs ask for more than the servers can do. Signalbox lets chats go first, ' +
    'has batch wait for 2 s at most and then tells it when to try again (429); with round robin everybody waits behind everybody.',
  fleet: {
    servers: 6,
    options: {
      model,
      maxNumSeqs: places,
      settings: { latency: { ttftMs: 50, itlMs: 60, jitter: 0.1 }, tokens: 100 },
    },
  },
  signalbox: { resources: () => [objective(interactive, 10), objective(batch, -1)], configuration },
  baseline: { kind: 'round robin', name: 'round robin' },
  warmUpMs: 0,
  patienceMs: 600_000,
  requests(lengthMs, random) {
    const request = (group: string) => (atMs: number) => {
      const question = words(40, random)
      return {
        atMs,
        group,
        headers: { [objectiveHeader]: group },
        body: () => chatBody(model, undefined, question, 16),
      }
    }
    const isRush = (atMs: number) => atMs > 0.25 * lengthMs && atMs < 0.75 * lengthMs
    return [
      ...arrivals(() => calmPerSecond[interactive], lengthMs, random).map(request(interactive)),
      ...arrivals((atMs) => (isRush(atMs) ? batchRushPerSecond : calmPerSecond[batch]), lengthMs, random).map(
        request(batch),
      ),
    ].sort((a, b) => a.atMs - b.atMs)
  },
  incidents: [
    { atShare: 0.25, text: 'batch asks for more than there is', act() {} },
    { atShare: 0.75, text: 'batch is back to normal', act() {} },
  ],
  series: [p90, firstToken(90, batch)],
  figures: [
    firstToken(50, interactive),
    p90,
    firstToken(90, batch),
    share('batch told to come back (429)', 'refused', batch),
    count('interactive refused', 'refused', interactive),
    failed,
  ],
  judge: (measured) => fewer(p90, measured(p90), 2, 'faster'),
}
