import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readConfiguration } from '../../src/scheduling/configuration.ts'
import { ConfigurationError } from '../../src/scheduling/configuration-error.ts'
import { configurationContext, configured, mistakes } from './configured.ts'
import { publishedConfigurations } from './published.ts'

/** Each: what is wrong, the file from its third line on, and every line of the error. */
const table: readonly (readonly [string, string, readonly string[]])[] = [
  [
    'a type that is not there',
    'plugins:\n- type: queue-scorrer',
    ['epp.yaml:4:3 plugins[0].type: unknown type "queue-scorrer", did you mean queue-scorer?'],
  ],
  ['no type', 'plugins:\n- name: x', ['epp.yaml:4:3 plugins[0].type: missing, allowed: a string']],
  ['plugins that are no list', 'plugins: {}', ['epp.yaml:3:1 plugins: found an object, allowed: a list']],
  [
    'a parameter that is not there',
    'plugins:\n- type: max-score-picker\n  parameters:\n    maxNumOfEndpoint: 2',
    ['epp.yaml:6:5 plugins[0].parameters.maxNumOfEndpoint: unknown field, did you mean maxNumOfEndpoints?'],
  ],
  [
    'a parameter of a plugin that takes none',
    'plugins:\n- type: queue-scorer\n  parameters: {sharpness: 11}',
    ['epp.yaml:5:16 plugins[0].parameters.sharpness: unknown field, allowed: none'],
  ],
  [
    'a parameter out of bounds',
    'plugins:\n- type: max-score-picker\n  parameters: {maxNumOfEndpoints: 0}',
    ['epp.yaml:5:16 plugins[0].parameters.maxNumOfEndpoints: found 0, allowed: at least 1'],
  ],
  [
    'a field of a plugin that is not there',
    'plugins:\n- type: queue-scorer\n  params: {}',
    ['epp.yaml:5:3 plugins[0].params: unknown field, allowed: type, name, parameters'],
  ],
  [
    'a section that is not there',
    'plugins: []\nschedulingProfile: []',
    ['epp.yaml:4:1 schedulingProfile: unknown field, did you mean schedulingProfiles?'],
  ],
  [
    'two plugins of one name',
    'plugins:\n- type: queue-scorer\n- {type: random-picker, name: queue-scorer}',
    ['epp.yaml:5:25 plugins[1].name: a second plugin named "queue-scorer", allowed: each name once'],
  ],
  [
    'a reference that leads nowhere',
    'plugins: [{type: queue-scorer}]\nschedulingProfiles:\n- name: a\n  plugins:\n  - pluginRef: queue-score',
    [
      'epp.yaml:7:5 schedulingProfiles[0].plugins[0].pluginRef: no plugin is named "queue-score", did you mean queue-scorer?',
    ],
  ],
  [
    'two pickers in a profile',
    'plugins: [{type: random-picker}, {type: max-score-picker}]\nschedulingProfiles:\n- name: a\n  plugins:\n  - pluginRef: random-picker\n  - pluginRef: max-score-picker',
    [
      'epp.yaml:8:5 schedulingProfiles[0].plugins[1]: a second picker: max-score-picker beside random-picker, allowed: one a profile',
    ],
  ],
  [
    'two pickers without profiles',
    'plugins:\n- type: random-picker\n- type: max-score-picker',
    ['epp.yaml:5:3 plugins[1]: a second picker: max-score-picker beside random-picker, allowed: one a profile'],
  ],
  [
    'a profile without a name',
    'plugins: []\nschedulingProfiles:\n- plugins: []',
    ['epp.yaml:5:3 schedulingProfiles[0].name: missing, allowed: a string'],
  ],
  [
    'two profiles of one name',
    'plugins: []\nschedulingProfiles:\n- {name: a, plugins: []}\n- {name: a, plugins: []}',
    ['epp.yaml:6:4 schedulingProfiles[1].name: a second profile named "a", allowed: each name once'],
  ],
  [
    'a negative weight',
    'plugins: [{type: queue-scorer}]\nschedulingProfiles:\n- name: a\n  plugins:\n  - {pluginRef: queue-scorer, weight: -1}',
    ['epp.yaml:7:31 schedulingProfiles[0].plugins[0].weight: found -1, allowed: a number that is not negative'],
  ],
  [
    'several profiles and no handler',
    'plugins: []\nschedulingProfiles:\n- {name: a, plugins: []}\n- {name: b, plugins: []}',
    ['epp.yaml:4:1 schedulingProfiles: found 2 profiles and no profile handler to choose between them'],
  ],
  [
    'two handlers',
    'plugins:\n- type: single-profile-handler\n- type: header-profile-handler',
    [
      'epp.yaml:5:3 plugins[1]: a second profile handler: header-profile-handler beside single-profile-handler, allowed: one',
    ],
  ],
  [
    'a handler without the profiles that it needs',
    'plugins:\n- type: disagg-profile-handler\nschedulingProfiles:\n- {name: prefill, plugins: []}',
    ['epp.yaml:4:3 plugins[0]: disagg-profile-handler needs a profile named "decode", found prefill'],
  ],
  [
    'a handler for one profile, and two',
    'plugins:\n- type: single-profile-handler\nschedulingProfiles:\n- {name: a, plugins: []}\n- {name: b, plugins: []}',
    ['epp.yaml:4:3 plugins[0]: single-profile-handler takes one profile, found a, b'],
  ],
  [
    'a stage whose profile is missing',
    'plugins:\n- type: always-disagg-pd-decider\n- type: disagg-profile-handler\n  parameters: {deciders: {prefill: always-disagg-pd-decider}}\nschedulingProfiles:\n- {name: decode, plugins: []}',
    ['epp.yaml:5:3 plugins[1]: disagg-profile-handler needs a profile named "prefill", found decode'],
  ],
  [
    'a decider that is not there',
    'plugins:\n- type: disagg-profile-handler\n  parameters: {deciders: {prefill: always-disagg-decider}}\nschedulingProfiles: [{name: decode, plugins: []}]',
    [
      'epp.yaml:5:27 plugins[0].parameters.deciders.prefill: no plugin is named "always-disagg-decider", there are: disagg-profile-handler',
    ],
  ],
  [
    'a decider that is none',
    'plugins:\n- type: queue-scorer\n- type: disagg-profile-handler\n  parameters: {deciders: {prefill: queue-scorer}}\nschedulingProfiles: [{name: decode, plugins: []}]',
    ['epp.yaml:6:27 plugins[1].parameters.deciders.prefill: found "queue-scorer", which is no decider'],
  ],
  [
    'a producer of matches that is none',
    'plugins:\n- type: queue-scorer\n- type: prefix-cache-scorer\n  parameters: {prefixMatchInfoProducerName: queue-scorer}',
    [
      'epp.yaml:6:16 plugins[1].parameters.prefixMatchInfoProducerName: found "queue-scorer", a scorer, allowed: a producer of prefix matches',
    ],
  ],
  [
    'a plugin that needs itself',
    'plugins:\n- type: prefix-cache-scorer\n  parameters: {prefixMatchInfoProducerName: prefix-cache-scorer}',
    ['epp.yaml:5:16 plugins[0].parameters.prefixMatchInfoProducerName: "prefix-cache-scorer" needs itself'],
  ],
  [
    'a plugin that needs a broken one: only of that',
    'plugins:\n- {type: prefix-cache-scorer, parameters: {prefixMatchInfoProducerName: mine}}\n- {type: approx-prefix-cache-producer, name: mine, parameters: {autoTune: 1}}',
    ['epp.yaml:5:65 plugins[1].parameters.autoTune: found 1, allowed: true or false'],
  ],
  [
    'an engine that is not there',
    'plugins:\n- {type: core-metrics-extractor, parameters: {defaultEngine: vlm}}',
    ['epp.yaml:4:47 plugins[0].parameters.defaultEngine: unknown engine "vlm", did you mean vllm?'],
  ],
  [
    'a metric that is no selector',
    'plugins:\n- type: core-metrics-extractor\n  parameters:\n    engineConfigs:\n    - {name: x, kvUsageSpec: sum(x)}',
    [
      'epp.yaml:7:17 plugins[0].parameters.engineConfigs[0].kvUsageSpec: found "sum(x)", allowed: a metric with at most one label, such as name{label=value}',
    ],
  ],
  [
    'a picker as the saturation detector',
    'plugins: [{type: random-picker}]\nsaturationDetector: {pluginRef: random-picker}',
    ['epp.yaml:4:22 saturationDetector.pluginRef: found "random-picker", a picker, allowed: a saturation detector'],
  ],
  [
    'a scorer as a parser',
    'plugins: [{type: queue-scorer}]\nrequestHandler: {parsers: [{pluginRef: queue-scorer}]}',
    ['epp.yaml:4:29 requestHandler.parsers[0].pluginRef: found "queue-scorer", a scorer, allowed: a parser'],
  ],
  [
    'an extractor as a data source',
    'plugins: [{type: core-metrics-extractor}]\ndataLayer:\n  sources:\n  - pluginRef: core-metrics-extractor',
    [
      'epp.yaml:6:5 dataLayer.sources[0].pluginRef: found "core-metrics-extractor", an extractor, allowed: a data source',
    ],
  ],
  [
    'both names of the data layer',
    'plugins: []\ndataLayer: {}\ndata: {}',
    ['epp.yaml:5:1 data: found beside dataLayer, allowed: one of them'],
  ],
  [
    'a gate that is not there',
    'plugins: []\nfeatureGates: [flowcontrols]',
    ['epp.yaml:4:16 featureGates[0]: unknown feature gate "flowcontrols", did you mean flowControl?'],
  ],
  [
    'a gate that is no text',
    'plugins: []\nfeatureGates: [flowControl: true]',
    ['epp.yaml:4:16 featureGates[0]: found an object, allowed: a text such as flowControl or flowControl=false'],
  ],
  [
    'a gate that is neither open nor closed',
    'plugins: []\nfeatureGates: [flowControl=maybe]',
    [
      'epp.yaml:4:16 featureGates[0]: found "flowControl=maybe", allowed: flowControl, flowControl=true, flowControl=false',
    ],
  ],
  [
    'an ordering policy for fairness',
    'plugins: [{type: edf-ordering-policy}]\nflowControl:\n  priorityBands:\n  - priority: 0\n    fairnessPolicyRef: edf-ordering-policy',
    [
      'epp.yaml:7:5 flowControl.priorityBands[0].fairnessPolicyRef: found "edf-ordering-policy", an ordering policy, allowed: a fairness policy',
    ],
  ],
  [
    'two bands of one priority',
    'plugins: []\nflowControl:\n  priorityBands:\n  - priority: 1\n  - priority: 1',
    ['epp.yaml:7:5 flowControl.priorityBands[1].priority: a second band of priority 1, allowed: each once'],
  ],
  [
    'a band without a priority',
    'plugins: []\nflowControl:\n  priorityBands:\n  - maxRequests: 1',
    ['epp.yaml:6:5 flowControl.priorityBands[0].priority: missing, allowed: an integer'],
  ],
  [
    'a time that is none',
    'plugins: []\nflowControl:\n  defaultRequestTTL: 5 minutes',
    ['epp.yaml:5:3 flowControl.defaultRequestTTL: "5 minutes" is no duration such as 200ms, 30s or 1h30m'],
  ],
  [
    'an expression that is none',
    'plugins:\n- type: request-attribute-reporter\n  parameters:\n    attributes:\n    - {key: {name: cost}, expression: usage. +}',
    ['epp.yaml:7:27 plugins[0].parameters.attributes[0].expression: position 8: found +, expected a field name'],
  ],
  [
    'an operator that is not there',
    'plugins:\n- type: label-selector-filter\n  parameters: {matchExpressions: [{key: a, operator: Inn, values: [b]}]}',
    [
      'epp.yaml:5:44 plugins[0].parameters.matchExpressions[0].operator: found "Inn", allowed: "In", "NotIn", "Exists", "DoesNotExist"',
    ],
  ],
  [
    'an operator without its values',
    'plugins:\n- type: label-selector-filter\n  parameters: {matchExpressions: [{key: a, operator: In}]}',
    ['epp.yaml:5:35 plugins[0].parameters.matchExpressions[0].values: In takes at least one value'],
  ],
  [
    'an algorithm that is not there',
    'plugins:\n- {type: endpoint-attribute-filter, parameters: {attribute: waiting-queue, algorithm: {type: median}}}',
    [
      'epp.yaml:4:88 plugins[0].parameters.algorithm.type: found "median", allowed: "threshold", "range", "topK", "percentile"',
    ],
  ],
  [
    'two ranges for an attribute',
    'plugins:\n- type: endpoint-attribute-scorer\n  parameters:\n    attributeKey: waiting-queue\n    algorithm:\n      type: linear_lower_is_better\n      normalization: {fixedRange: {min: 0, max: 1}, adaptiveRange: {}}',
    [
      'epp.yaml:9:7 plugins[0].parameters.algorithm.normalization: fixedRange beside adaptiveRange, allowed: one of them',
    ],
  ],
  [
    'an attribute and its producer in one',
    'plugins:\n- {type: endpoint-attribute-filter, parameters: {attribute: Load/dcgm, algorithm: {type: threshold, threshold: {operator: LessThan, value: 1}}}}',
    [
      'epp.yaml:4:50 plugins[0].parameters.attribute: endpoint-attribute-filter: found "Load/dcgm"; who gives the attribute is said by "producer"',
    ],
  ],
  [
    'a share of a cache that is more than all of it',
    'plugins:\n- {type: utilization-filter, parameters: {conditions: [{metric: kv-cache-utilization, maxValue: 80}]}}',
    ['epp.yaml:4:87 plugins[0].parameters.conditions[0].maxValue: must be at most 1, as it is a share of the cache'],
  ],
  [
    'a number that is no number, and one that is too small for a share',
    'plugins:\n- {type: utilization-detector, parameters: {headroom: much, kvCacheUtilThreshold: 0}}',
    [
      'epp.yaml:4:45 plugins[0].parameters.headroom: found "much", allowed: a number',
      'epp.yaml:4:61 plugins[0].parameters.kvCacheUtilThreshold: found 0, allowed: more than 0',
    ],
  ],
  [
    'a parameter that is gone',
    'plugins:\n- {type: approx-prefix-cache-producer, parameters: {blockSize: 64}}',
    [
      'epp.yaml:4:53 plugins[0].parameters.blockSize: "blockSize" counted characters and is gone: use "blockSizeTokens"',
    ],
  ],
  [
    'an empty text',
    'plugins:\n- {type: context-length-aware, parameters: {label: ""}}',
    ['epp.yaml:4:45 plugins[0].parameters.label: found "", allowed: a text that is not empty'],
  ],
  [
    'a source of a session that is two',
    'plugins:\n- type: session-affinity-scorer\n  parameters:\n    strategy: session_id\n    sessionIdConfig: {sources: [{header: x, attribute: agent-identity}]}',
    ['epp.yaml:7:33 plugins[0].parameters.sessionIdConfig.sources[0]: needs either a header or an attribute'],
  ],
  ...['topology-affinity-scorer', 'topology-affinity-filter'].map(
    (type) =>
      [
        `a topology of who knows none, in ${type}`,
        `plugins:\n- type: agent-identity\n- {type: ${type}, parameters: {topologyProducerName: agent-identity}}`,
        [
          'epp.yaml:5:49 plugins[1].parameters.topologyProducerName: found "agent-identity", a producer, allowed: a topology-extractor',
        ],
      ] as const,
  ),
  [
    'tokens of who counts none',
    'plugins:\n- type: agent-identity\n- {type: token-load-scorer, parameters: {inFlightLoadProducerName: agent-identity}}',
    [
      'epp.yaml:5:42 plugins[1].parameters.inFlightLoadProducerName: found "agent-identity", a producer, allowed: an inflight-load-producer',
    ],
  ],
  [
    'a prefill decider where there is nothing to decide',
    'plugins:\n- type: always-disagg-pd-decider\n- type: disagg-profile-handler\n  parameters: {stageOrder: prefill-first, deciders: {prefill: always-disagg-pd-decider}}\nschedulingProfiles: [{name: decode, plugins: []}]',
    [
      'epp.yaml:6:54 plugins[1].parameters.deciders.prefill: has no place in the order prefill-first, where every request has a prefill',
    ],
  ],
  ...['single-profile-handler', 'max-score-picker', 'utilization-detector'].map(
    (type) =>
      [
        `a broken ${type} in place of the usual one`,
        `plugins: [{type: ${type}, parameters: {sharpness: 11}}]`,
        [expect.stringMatching(/^epp\.yaml:3:\d+ plugins\[0\]\.parameters\.sharpness: unknown field, allowed: /)],
      ] as const,
  ),
  [
    'an attribute without an expression',
    'plugins:\n- type: request-attribute-reporter\n  parameters:\n    attributes:\n    - key: {name: cost}',
    ['epp.yaml:7:7 plugins[0].parameters.attributes[0].expression: missing, allowed: a string'],
  ],
]

describe('a configuration says what is wrong and where:', () => {
  it.each(table)('%s', (_what, body, lines) => {
    expect(mistakes(body)).toEqual(lines)
  })

  it('all of it at once, in the order of the file', () => {
    const body = `
plugins:
- type: queue-scorrer
- {type: max-score-picker, parameters: {count: 2}}
schedulingProfiles:
- name: a
  plugins:
  - {pluginRef: queue-scorrer, weight: x}
  - pluginRef: nothing-like-it
flowControl: {maxBytes: lots}
`
    expect(mistakes(body).map((line) => line.split(': ')[0])).toEqual([
      'epp.yaml:5:3 plugins[0].type',
      'epp.yaml:6:41 plugins[1].parameters.count',
      'epp.yaml:10:32 schedulingProfiles[0].plugins[0].weight',
      'epp.yaml:11:5 schedulingProfiles[0].plugins[1].pluginRef',
      'epp.yaml:12:15 flowControl.maxBytes',
    ])
  })

  it.each([
    [
      'apiVersion: v1\nkind: EndpointPickerConfig',
      'epp.yaml:1:1 apiVersion: found "v1", allowed: "llm-d.ai/v1alpha1", ',
    ],
    ['apiVersion: llm-d.ai/v1alpha1\nkind: Pool', 'epp.yaml:2:1 kind: found "Pool", allowed: "EndpointPickerConfig"'],
    ['[]', 'epp.yaml:1:1: found a list, allowed: an EndpointPickerConfig'],
  ])('the head %j', (text, message) => {
    expect(() => readConfiguration(text, 'epp.yaml', configurationContext)).toThrow(message)
  })
})

describe('a configuration warns of what has no effect:', () => {
  it.each([
    [
      'a weight on no scorer',
      'plugins: [{type: random-picker}]\nschedulingProfiles:\n- name: a\n  plugins:\n  - {pluginRef: random-picker, weight: 2}',
      'epp.yaml:7:32 schedulingProfiles[0].plugins[0].weight: warning: has no effect: "random-picker" is a picker, not a scorer',
    ],
    [
      'a parser that nothing names',
      'plugins: [{type: vllmgrpc-parser}]',
      'epp.yaml:3:11 plugins[0]: warning: vllmgrpc-parser has no effect: requestHandler.parsers does not name it',
    ],
    [
      'a plugin whose source is not there',
      'plugins: [{type: dcgm-data-source, parameters: {port: 9400}}]',
      'epp.yaml:3:11 plugins[0]: warning: dcgm-data-source has no effect: DCGM exporters are not read',
    ],
    [
      'metrics beside the engines’ own',
      'plugins:\n- type: core-metrics-extractor\n  parameters: {engineConfigs: [{name: x, customMetrics: [{attributeKey: a, metricSpec: b}]}]}',
      'epp.yaml:4:3 plugins[0]: warning: customMetrics of the engine "x" have no effect: only the load is read',
    ],
    [
      'eviction',
      'plugins: []\nfeatureGates: [flowControl]\nflowControl: {enableEviction: true}',
      'epp.yaml:5:15 flowControl.enableEviction: warning: has no effect: requests that run are not evicted',
    ],
    [
      'the older place of the detector',
      'plugins: []\nsaturationDetector: {}\nflowControl: {saturationDetector: {}}',
      'epp.yaml:4:1 saturationDetector: warning: has no effect beside flowControl.saturationDetector',
    ],
    [
      'metrics that shall not be read',
      'plugins: []\ndataLayer: {injectDefaults: false}',
      'epp.yaml:4:13 dataLayer.injectDefaults: warning: has no effect: metrics are read in any case',
    ],
    [
      'a certificate for scrapes',
      'plugins:\n- {type: metrics-data-source, parameters: {caCertPath: /etc/ca.crt}}',
      'epp.yaml:4:44 plugins[0].parameters.caCertPath: warning: has no effect: no certificates are read for scrapes',
    ],
    [
      'where a cache says its size',
      'plugins:\n- {type: core-metrics-extractor, parameters: {engineConfigs: [{name: x, cacheBlockSizeSpec: a, cacheNumBlocksSpec: b}]}}',
      'epp.yaml:4:3 plugins[0]: warning: cacheBlockSizeSpec, cacheNumBlocksSpec of the engine "x": no effect',
    ],
  ])('%s', (_what, body, warning) => {
    expect(configured(body).warnings).toEqual([warning])
  })
})

describe('whatever is put anywhere in a configuration', () => {
  type Place = { holder: Record<string, unknown>; key: string }

  function* placesIn(value: unknown): Generator<Place> {
    if (typeof value !== 'object' || value === null) return
    for (const [key, field] of Object.entries(value)) {
      yield { holder: value as Record<string, unknown>, key }
      yield* placesIn(field)
    }
  }

  const strange = fc.oneof(
    fc.constantFrom(
      null,
      true,
      0,
      -1,
      1.5,
      1e300,
      '',
      ' ',
      'default',
      'queue-scorer',
      '4Gi',
      '__proto__',
      'constructor',
    ),
    fc.constantFrom([], {}, [null], [[]], { name: 'x' }, { type: 'random-picker' }, { constructor: 1 }),
  )

  it('it loads, or the error names places', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...publishedConfigurations),
        fc.nat(),
        strange,
        fc.boolean(),
        (given, at, odd, removes) => {
          const value = structuredClone(given)
          const places = [...placesIn(value)]
          const { holder, key } = places[at % places.length]
          if (removes) delete holder[key]
          else holder[key] = odd
          try {
            readConfiguration(JSON.stringify(value), 'epp.json', configurationContext)
          } catch (error) {
            expect(error).toBeInstanceOf(ConfigurationError)
            for (const line of (error as Error).message.split('\n'))
              expect(line).toMatch(/^epp\.json:\d+:\d+( \S+)?: ./)
          }
        },
      ),
      { numRuns: 600 },
    )
  })
})
