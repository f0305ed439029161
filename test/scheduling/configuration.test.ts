import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { readConfiguration } from '../../src/scheduling/configuration.ts'
import { ConfigurationError } from '../../src/scheduling/configuration-error.ts'
import { configurationContext, configured } from './configured.ts'

const published: Record<string, unknown> = parse(
  readFileSync(new URL('./configurations.yaml', import.meta.url), 'utf8'),
)

const read = (value: unknown) => readConfiguration(JSON.stringify(value), 'epp.json', configurationContext)

describe('published configurations', () => {
  it.each(Object.entries(published))('%s loads', (_name, value) => {
    const { profiles, handler } = read(value)
    expect([...profiles.keys()]).toEqual(
      (value as { schedulingProfiles: { name: string }[] }).schedulingProfiles.map(({ name }) => name),
    )
    expect(handler.over(profiles, false)).toBeTypeOf('function')
  })

  it('weigh the scorers', () => {
    const { profiles } = read(published['optimized-baseline'])
    const { scorers, filters, picker } = profiles.get('default')!
    expect(scorers.map(({ scorer, weight }) => [scorer.type, weight])).toEqual([
      ['queue-scorer', 2],
      ['kv-cache-utilization-scorer', 2],
      ['prefix-cache-scorer', 3],
      ['no-hit-lru-scorer', 2],
    ])
    expect(filters).toEqual([])
    expect(picker.type).toBe('max-score-picker')
  })

  it('say what has no effect', () => {
    const warnings = read(published['predicted-latency-slo']).warnings.map((warning) => warning.split(': ')[2])
    expect(warnings).toEqual([
      'predicted-latency-producer has no effect',
      'latency-scorer',
      'slo-headroom-tier-filter',
      'latency-slo-admitter',
    ])
  })

  it('name the parsers', () => {
    expect(read(published['gateway-default']).parsers).toEqual(['openai-parser'])
    expect(read(published['llm-d-passthrough']).parsers).toEqual(['passthrough-parser'])
    expect(read(published['gateway-vllm-grpc']).parsers).toEqual(['vllmgrpc-parser'])
    expect(read(published['flow-control']).parsers).toBeUndefined()
  })

  it('report attributes', () => {
    const [reporter, ...more] = read(published['gateway-cost']).reporters
    expect(more).toEqual([])
    expect(reporter.report({ completion_tokens: 7 })).toEqual([
      { namespace: 'envoy.lb', name: 'x-gateway-inference-request-cost', value: 7 },
    ])
  })

  it('limit what waits', () => {
    const { flowControl, detector } = read(published['flow-control'])
    const roundRobin = { type: 'round-robin-fairness-policy', parameters: {} }
    const firstCome = { type: 'fcfs-ordering-policy', parameters: {} }
    expect(detector.type).toBe('concurrency-detector')
    expect(flowControl).toEqual({
      maxBytes: 10 * 2 ** 30,
      maxRequests: 1_000,
      defaultRequestTtlMs: 60_000,
      noEndpointTtlMs: 60_000,
      bands: [
        { priority: 100, maxBytes: 1e9, maxRequests: 500, fairness: roundRobin, ordering: firstCome },
        { priority: 0, maxBytes: 1e9, maxRequests: 200, fairness: roundRobin, ordering: firstCome },
        { priority: -10, maxBytes: 1e9, maxRequests: 50, fairness: roundRobin, ordering: firstCome },
      ],
      defaultBand: {
        maxBytes: 1e9,
        maxRequests: 5_000,
        fairness: { type: 'global-strict-fairness-policy', parameters: {} },
        ordering: firstCome,
      },
      defaultNegativeBand: undefined,
      usageLimit: { type: 'static-usage-limit-policy', parameters: { threshold: 1 } },
    })
  })
})

describe('without profiles', () => {
  it('one has every filter, scorer and picker of the list', () => {
    const { profiles, handler } = configured(`
plugins:
- type: reachable-filter
- type: random-picker
- type: queue-scorer
- {type: kv-cache-utilization-scorer, name: cache}
- type: utilization-detector
`)
    expect([...profiles.keys()]).toEqual(['default'])
    const { filters, scorers, picker } = profiles.get('default')!
    expect(filters.map(({ type }) => type)).toEqual(['reachable-filter'])
    expect(scorers.map(({ scorer, weight }) => [scorer.type, weight])).toEqual([
      ['queue-scorer', 1],
      ['kv-cache-utilization-scorer', 1],
    ])
    expect(picker.type).toBe('random-picker')
    expect(handler.type).toBe('single-profile-handler')
  })

  it.each([
    ['random-picker', ['random-picker']],
    ['weighted-random-picker', ['weighted-random-picker']],
    ['max-score-picker', ['random-picker', 'max-score-picker']],
    ['max-score-picker', []],
  ])('a profile that names no picker has %s, of %j', (type, listed) => {
    const { profiles } = configured(`
plugins: [{type: queue-scorer}${listed.map((picker) => `, {type: ${picker}}`).join('')}]
schedulingProfiles: [{name: a, plugins: [{pluginRef: queue-scorer}]}]
`)
    expect(profiles.get('a')!.picker.type).toBe(type)
  })

  it('a detector that is not the pool’s is a filter', () => {
    const { profiles, detector } = configured('plugins: [{type: concurrency-detector}]')
    expect(detector.type).toBe('utilization-detector')
    expect(profiles.get('default')!.filters.map(({ type }) => type)).toEqual(['concurrency-detector'])
  })
})

describe('plugins', () => {
  it('stand behind those that they need, which are made on demand', () => {
    const { plugins, producers } = configured('plugins: [{type: prefix-cache-scorer}]')
    const types = plugins.map(({ type }) => type)
    expect(types.indexOf('approx-prefix-cache-producer')).toBe(0)
    expect(types.indexOf('prefix-cache-scorer')).toBe(1)
    expect(producers.map(({ type }) => type)).toEqual(['approx-prefix-cache-producer'])
  })

  it('may need those that stand behind them in the file', () => {
    const { plugins } = configured(`
plugins:
- {type: prefix-cache-scorer, parameters: {prefixMatchInfoProducerName: mine}}
- {type: approx-prefix-cache-producer, name: mine}
`)
    expect(plugins.slice(0, 2).map(({ type }) => type)).toEqual(['approx-prefix-cache-producer', 'prefix-cache-scorer'])
    expect(plugins.filter(({ type }) => type === 'approx-prefix-cache-producer')).toHaveLength(1)
  })

  it('are named by their type without a name, or with an empty one; a profile may name none', () => {
    const { profiles } = configured(`
plugins: [{type: queue-scorer, name: ""}, {type: random-picker, parameters: null}]
schedulingProfiles: [{name: a, plugins: [{pluginRef: queue-scorer}]}]
`)
    expect(profiles.get('a')!.scorers[0].scorer.type).toBe('queue-scorer')
    expect(configured('plugins: []\nschedulingProfiles: [{name: b}]').profiles.get('b')!.scorers).toEqual([])
  })

  it('that a profile shares with another are the same', () => {
    const { profiles } = configured(`
plugins: [{type: queue-scorer}, {type: header-profile-handler, parameters: {defaultProfile: a}}]
schedulingProfiles:
- {name: a, plugins: [{pluginRef: queue-scorer, weight: 0.5}]}
- {name: b, plugins: [{pluginRef: queue-scorer, weight: 3}]}
`)
    const [a, b] = profiles.values()
    expect(a.scorers[0].scorer).toBe(b.scorers[0].scorer)
    expect([a.scorers[0].weight, b.scorers[0].weight]).toEqual([0.5, 3])
  })
})

describe('the feature gate flowControl', () => {
  it.each([
    ['absent', ''],
    ['closed', 'featureGates: [flowControl=false]'],
    ['closed in short', 'featureGates: [flowControl=0]'],
    ['open and closed again', 'featureGates: [flowControl, "flowControl= F"]'],
  ])('%s: requests do not queue', (_, gates) => {
    expect(configured(`plugins: []\n${gates}`).flowControl).toBeUndefined()
  })

  it.each(['flowControl', 'flowControl=true', 'flowControl=True', 'flowControl=1'])(
    '%s: they queue by the defaults',
    (gate) => {
      expect(configured(`plugins: []\nfeatureGates: [${gate}]`).flowControl).toMatchObject({
        maxBytes: undefined,
        maxRequests: undefined,
        defaultRequestTtlMs: 60_000,
        bands: [],
      })
    },
  )

  it('closed, the section counts for the detector only, and says so', () => {
    const { flowControl, detector, warnings } = configured(`
plugins: [{type: concurrency-detector}]
flowControl: {saturationDetector: {pluginRef: concurrency-detector}, maxRequests: 5}
`)
    expect(flowControl).toBeUndefined()
    expect(detector.type).toBe('concurrency-detector')
    expect(warnings).toEqual([
      'epp.yaml:5:1 flowControl: warning: maxRequests: no effect without the feature gate flowControl',
    ])
  })
})

describe('flow control', () => {
  const read = (section: string) => configured(`plugins: []\nfeatureGates: [flowControl]\nflowControl: ${section}`)

  it.each([
    ['500', 500],
    ['"500"', 500],
    ['10k', 10_000],
    ['4Gi', 4 * 2 ** 30],
    ['1.5Ki', 1_536],
    ['1e3', 1_000],
    ['500m', 1],
    ['.5k', 500],
    ['0', undefined],
  ])('reads the quantity %s', (text, value) => {
    expect(read(`{maxBytes: ${text}}`).flowControl?.maxBytes).toBe(value)
  })

  it.each(['-1', 'many', '4GiB', '1 k', 'true', '99999999P', '[]', ''])('refuses the quantity %j', (text) => {
    expect(() => read(`{maxBytes: ${JSON.stringify(text)}}`)).toThrow('allowed: a quantity such as 500, 10k or 4Gi')
  })

  it('takes the time without endpoints from the time with them', () => {
    expect(read('{defaultRequestTTL: 5s}').flowControl).toMatchObject({
      defaultRequestTtlMs: 5_000,
      noEndpointTtlMs: 5_000,
    })
    expect(read('{noEndpointRequestTTL: 3m}').flowControl).toMatchObject({
      defaultRequestTtlMs: 60_000,
      noEndpointTtlMs: 180_000,
    })
  })

  it('gives a band that limits nothing the usual limits', () => {
    expect(read('{priorityBands: [{priority: 3, maxBytes: 0}]}').flowControl?.bands).toMatchObject([
      { priority: 3, maxBytes: 1e9, maxRequests: 5_000 },
    ])
  })

  it('has other defaults for priorities below 0', () => {
    const { defaultBand, defaultNegativeBand } = read(
      '{defaultPriorityBand: {maxRequests: 7}, defaultNegativePriorityBand: {maxRequests: 2}}',
    ).flowControl!
    expect([defaultBand.maxRequests, defaultNegativeBand?.maxRequests]).toEqual([7, 2])
    expect(read('{defaultPriorityBand: {maxRequests: 7}}').flowControl?.defaultNegativeBand).toBeUndefined()
  })

  it('takes a reference to nothing for none', () => {
    const { detector } = read('{saturationDetector: {pluginRef: ""}, usageLimitPolicyPluginRef: ""}')
    expect(detector.type).toBe('utilization-detector')
  })

  it('knows the default policies without an entry for them', () => {
    const { flowControl } = read('{usageLimitPolicyPluginRef: static-usage-limit-policy}')
    expect(flowControl?.usageLimit).toEqual({ type: 'static-usage-limit-policy', parameters: { threshold: 1 } })
  })
})

describe('the data layer', () => {
  it('has defaults', () => {
    expect(configured('plugins: []').dataLayer).toEqual({
      scheme: 'http',
      path: '/metrics',
      port: undefined,
      insecureSkipVerify: true,
      intervalMs: undefined,
      engineLabelKey: undefined,
      defaultEngine: 'vllm',
      engineConfigs: [],
    })
  })

  it.each(['dataLayer', 'data'])('is configured by its plugins, in the section %s', (section) => {
    const { dataLayer } = configured(`
plugins:
- {type: metrics-data-source, parameters: {scheme: https, path: /stats, port: 9100, interval: 1s}}
- type: core-metrics-extractor
  parameters:
    engineLabelKey: engine
    defaultEngine: atom
    engineConfigs:
    - {name: atom, queuedRequestsSpec: 'atom:waiting{pool="x"}'}
${section}: {sources: [{pluginRef: metrics-data-source, extractors: [{pluginRef: core-metrics-extractor}]}]}
`)
    expect(dataLayer).toMatchObject({
      scheme: 'https',
      path: '/stats',
      port: 9_100,
      intervalMs: 1_000,
      engineLabelKey: 'engine',
      defaultEngine: 'atom',
      engineConfigs: [{ name: 'atom', queuedRequestsSpec: 'atom:waiting{pool="x"}', kvUsageSpec: '' }],
    })
  })
})

describe('a file', () => {
  it('that is broken is named with the place', () => {
    expect(() => readConfiguration('kind: [', 'epp.yaml', configurationContext)).toThrow(
      /^epp\.yaml:1:\d+: broken YAML/,
    )
  })

  it.each([
    ['', 0],
    ['a: 1\n---\nb: 1', 2],
  ])('holds one document: %j', (text, count) => {
    expect(() => readConfiguration(text, 'epp.yaml', configurationContext)).toThrow(
      new ConfigurationError([
        {
          severity: 'error',
          place: 'epp.yaml:1:1',
          path: '',
          message: `found ${count} documents, allowed: one EndpointPickerConfig`,
        },
      ]),
    )
  })
})
