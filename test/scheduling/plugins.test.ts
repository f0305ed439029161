import { describe, expect, it } from 'vitest'
import { neutralKinds } from '../../src/scheduling/neutral.ts'
import { kindsByType } from '../../src/scheduling/plugins.ts'
import { configured, mistakes } from './configured.ts'
import { endpoints, schedulingRequest } from './endpoints.ts'

/** Every type that configurations of the reference endpoint pickers can name. */
const referenceTypes = `
queue-scorer kv-cache-utilization-scorer running-requests-size-scorer load-aware-scorer lora-affinity-scorer
prefix-cache-scorer precise-prefix-cache-scorer active-request-scorer token-load-scorer no-hit-lru-scorer
session-affinity-scorer session-affinity-filter context-length-aware latency-scorer endpoint-attribute-scorer
header-label-affinity-scorer topology-affinity-scorer topology-affinity-filter mm-embeddings-cache-scorer
prefill-filter decode-filter encode-filter label-selector-filter by-label by-label-selector
prefix-cache-affinity-filter slo-headroom-tier-filter utilization-filter endpoint-attribute-filter
header-based-testing-filter max-score-picker random-picker weighted-random-picker
single-profile-handler header-profile-handler data-parallel-profile-handler disagg-profile-handler
pd-profile-handler disagg-headers-handler prefill-header-handler
always-disagg-pd-decider prefix-based-pd-decider always-disagg-multimodal-decider
utilization-detector concurrency-detector latency-slo-admitter probabilistic-admitter
approx-prefix-cache-producer precise-prefix-cache-producer burst-prefix-cache-producer token-producer
inflight-load-producer predicted-latency-producer session-id-producer mm-embeddings-cache-producer p2p-source-producer
agent-identity request-attribute-reporter disaggregatedset-rollout-screener
metrics-data-source core-metrics-extractor models-data-source dcgm-data-source dcgm-extractor topology-extractor
k8s-notification-source endpoint-notification-source file-discovery models-data-extractor tokenizer
multicluster-metrics-data-source multicluster-metrics-extractor multicluster-file-discovery
multicluster-queue-scorer multicluster-kv-cache-utilization-scorer multicluster-prefix-cache-scorer
multicluster-session-affinity-filter multicluster-approx-prefix-cache-producer predicted-latency-scorer
sheddable-eviction-filter priority-then-time-eviction-order-policy destination-endpoint-served-verifier
openai-parser anthropic-parser vllmhttp-parser sglanghttp-parser vllmgrpc-parser vertexai-parser passthrough-parser
global-strict-fairness-policy round-robin-fairness-policy program-aware-fairness
fcfs-ordering-policy edf-ordering-policy slo-deadline-ordering-policy
static-usage-limit-policy priority-holdback-policy soft-reflective-ceiling-policy
`
  .trim()
  .split(/\s+/)

describe('the table of plugins', () => {
  it.each(referenceTypes)('has %s', (type) => {
    expect(kindsByType.get(type)?.type).toBe(type)
  })

  it('has each type once', () => {
    expect([...kindsByType].filter(([type, kind]) => type !== kind.type)).toEqual([])
    const neutral = neutralKinds.map(({ type }) => type)
    expect(new Set(neutral).size).toBe(neutral.length)
    expect(neutral.filter((type) => !neutralKinds.includes(kindsByType.get(type)!))).toEqual([])
  })
})

describe.each(neutralKinds.map(({ type }) => type))('%s', (type) => {
  const list = `plugins: [{type: ${type}, parameters: {whatever: [1]}}, {type: queue-scorer}]`

  it('is accepted with one warning, whatever its parameters', () => {
    expect(configured(list).warnings).toEqual([
      expect.stringMatching(new RegExp(`^epp\\.yaml:3:11 plugins\\[0\\]: warning: ${type} has no effect: .+`)),
    ])
  })

  it('may stand in a profile, with a weight if it is a scorer, and changes nothing there', () => {
    const weight = type.endsWith('-scorer') ? ', weight: 50' : ''
    const { profiles, warnings } = configured(`
${list}
schedulingProfiles:
- name: default
  plugins: [{pluginRef: ${type}${weight}}, {pluginRef: queue-scorer}]
`)
    const { filters, scorers } = profiles.get('default')!
    expect([filters.length, scorers.length]).toEqual([0, 1])
    expect(warnings).toHaveLength(1)
  })
})

it.each(['precise-prefix-cache-producer', 'burst-prefix-cache-producer'])(
  '%s may be named for prefix matches',
  (type) => {
    const list = `plugins: [{type: ${type}}, {type: prefix-cache-scorer, parameters: {prefixMatchInfoProducerName: ${type}}}]`
    expect(mistakes(list)).toEqual([])
  },
)

it.each(['precise-prefix-cache-producer', 'mm-embeddings-cache-producer'])(
  '%s may stand as an extractor in the data layer',
  (type) => {
    const dataLayer = `{sources: [{pluginRef: endpoint-notification-source, extractors: [{pluginRef: ${type}}]}]}`
    const list = `plugins: [{type: ${type}}, {type: endpoint-notification-source}]\ndataLayer: ${dataLayer}`
    expect(mistakes(list)).toEqual([])
  },
)

it.each([
  ['active-request-scorer', '{inFlightLoadProducerName: inflight-load-producer, requestTimeout: 2m}'],
  ['token-load-scorer', '{inFlightLoadProducerName: inflight-load-producer}'],
  ['utilization-filter', '{inFlightLoadProducerName: a, conditions: [{metric: active-requests, maxValue: 9}]}'],
  ['concurrency-detector', '{inFlightLoadProducerName: inflight-load-producer, concurrencyMode: tokens}'],
  ['no-hit-lru-scorer', '{prefixPluginType: prefix-cache-scorer, prefixPluginName: prefix-cache-scorer}'],
])('%s takes %s', (type, parameters) => {
  expect(mistakes(`plugins: [{type: inflight-load-producer}, {type: ${type}, parameters: ${parameters}}]`)).toEqual([])
})

it('the verifier of the conformance tests tells who has answered', () => {
  const { plugins } = configured('plugins: [{type: destination-endpoint-served-verifier}]')
  const verifier = plugins.find(({ type }) => type === 'destination-endpoint-served-verifier')!
  const [endpoint] = endpoints({ address: '10.0.0.7:3000' })
  expect(verifier.responseHeaders!(schedulingRequest(), endpoint)).toEqual([
    'x-conformance-test-served-endpoint',
    '10.0.0.7:3000',
  ])
})
