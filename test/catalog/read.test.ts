import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type {
  ModelDeclaration,
  ObjectiveDeclaration,
  PoolDeclaration,
  RewriteDeclaration,
  RouteDeclaration,
} from '../../src/catalog/declaration.ts'
import { kindOf, readResource } from '../../src/catalog/read.ts'
import {
  adapterMap,
  type Fields,
  model,
  objective,
  policyVersions,
  poolV1,
  poolV1alpha2,
  resource,
  rewrite,
  rewriteRule,
  route,
  rule,
  summarize,
} from './resources.ts'

function read(object: Fields, defaultNamespace = 'default') {
  return readResource(resource(object), { defaultNamespace, unknownFields: 'warning' })
}

describe('pools', () => {
  test('v1', () => {
    const ports = [{ number: 8000 }, { number: 8001 }]
    const labels = { app: 'vllm', tier: 'a' }
    const object = poolV1(
      { selector: { matchLabels: labels }, targetPorts: ports, appProtocol: 'kubernetes.io/h2c' },
      { namespace: 'prod' },
    )
    expect((read(object).declaration as PoolDeclaration).pool).toEqual({
      key: 'prod/pool',
      namespace: 'prod',
      name: 'pool',
      selector: [
        ['app', 'vllm'],
        ['tier', 'a'],
      ],
      targetPorts: [8000, 8001],
      appProtocol: 'kubernetes.io/h2c',
    })
  })

  test('v1alpha2', () => {
    expect((read(poolV1alpha2()).declaration as PoolDeclaration).pool).toEqual({
      key: 'default/pool',
      namespace: 'default',
      name: 'pool',
      selector: [['app', 'vllm']],
      targetPorts: [8000],
      appProtocol: 'http',
    })
  })

  test('v1 without a picker of its own', () => {
    const reading = read(poolV1({ endpointPickerRef: undefined }))
    expect(reading.problems).toEqual([])
    expect((reading.declaration as PoolDeclaration).pool.appProtocol).toBe('http')
  })
})

describe('models', () => {
  const declare = (spec: Fields, metadata: Fields = {}, defaultNamespace?: string) =>
    read(model(spec, metadata), defaultNamespace).declaration as ModelDeclaration

  test('without target models ask for their own name', () => {
    const own = { name: 'llama', weight: 1, literal: Buffer.from('"llama"') }
    expect(declare({}).targets).toEqual([own])
    expect(declare({ targetModels: [] }).targets).toEqual([own])
  })

  test('share evenly among target models without weights', () => {
    const { targets } = declare({ targetModels: [{ name: 'a' }, { name: 'b' }] })
    expect(targets.map(({ name, weight }) => [name, weight])).toEqual([
      ['a', 1],
      ['b', 1],
    ])
  })

  test.each([
    ['Critical', 1],
    ['Standard', 0],
    [undefined, 0],
    ['Sheddable', -1],
  ])('%s has priority %i', (criticality, priority) => {
    expect(declare({ criticality }).priority).toBe(priority)
  })

  test('refer to a pool of their own namespace', () => {
    expect(declare({}).poolKey).toBe('default/pool')
    expect(declare({}, {}, 'prod').poolKey).toBe('prod/pool')
    expect(declare({}, { namespace: '' }, 'prod').poolKey).toBe('prod/pool')
    expect(declare({}, { namespace: 'test' }, 'prod')).toMatchObject({
      id: 'InferenceModel test/model',
      poolKey: 'test/pool',
    })
  })

  test.each([
    [{ kind: 'Service' }, 'spec.poolRef.kind: found "Service", allowed: "InferencePool"'],
    [
      { group: 'example.com' },
      'spec.poolRef.group: found "example.com", allowed: "inference.networking.k8s.io", "inference.networking.x-k8s.io"',
    ],
  ])('refer to nothing but pools: %o', (fields, problem) => {
    const reading = read(model({ poolRef: { name: 'pool', ...fields } }))
    expect(summarize(reading.problems)).toEqual([problem])
    expect(reading.declaration).toBeUndefined()
  })

  test('splice their target as the JSON of its name', () => {
    const unit = fc.constantFrom('a', '"', '\\', '\n', '\0', '\u2028', 'é', '😀', '\ud800')
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 20 }), (name) => {
        const [{ literal }] = declare({ targetModels: [{ name }] }).targets
        expect(JSON.parse(literal.toString('utf8'))).toBe(name)
        expect(literal[0]).toBe('"'.charCodeAt(0))
      }),
    )
  })

  test('are as old as their creationTimestamp', () => {
    expect(declare({}).createdAtMs).toBe(Number.POSITIVE_INFINITY)
    expect(declare({}, { creationTimestamp: '1970-01-01T00:00:01Z' }).createdAtMs).toBe(1000)
    expect(declare({}, { creationTimestamp: '1970-01-01T01:00:01+01:00' }).createdAtMs).toBe(1000)
  })
})

describe.each(policyVersions)('objectives and rewrites of %s', (apiVersion) => {
  test('objectives give a priority to requests of a pool', () => {
    const { declaration } = read({ ...objective({ priority: -10 }, { namespace: 'prod' }), apiVersion })
    expect(declaration).toMatchObject({
      kind: 'objective',
      id: 'InferenceObjective prod/objective',
      key: 'prod/objective',
      poolKey: 'prod/pool',
      priority: -10,
    })
  })

  test('without a priority it is 0', () => {
    const { declaration } = read({ ...objective({ priority: undefined }), apiVersion })
    expect((declaration as ObjectiveDeclaration).priority).toBe(0)
  })

  test('rewrites have rules in their order, each with the models that it matches and its targets', () => {
    const weights = [
      { modelRewrite: 'v1', weight: 90 },
      { modelRewrite: 'v2', weight: 10 },
    ]
    const rules = [rewriteRule('é', 'a', 'b'), { targets: weights }]
    const metadata = { namespace: 'prod', annotations: { 'signalbox.dev/sticky-by': 'user' } }
    expect(read({ ...rewrite(rules, metadata), apiVersion }).declaration).toMatchObject({
      kind: 'rewrite',
      id: 'InferenceModelRewrite prod/rewrite',
      name: 'rewrite',
      poolKey: 'prod/pool',
      rules: [
        { models: ['a', 'b'], targets: [{ name: 'é', weight: 1, literal: Buffer.from('"é"') }] },
        {
          models: [],
          targets: [
            { name: 'v1', weight: 90 },
            { name: 'v2', weight: 10 },
          ],
        },
      ],
      stickyBy: { kind: 'user' },
    })
  })
})

describe.each([
  ['InferenceModel', (metadata: Fields) => model({}, metadata)],
  ['InferenceModelRewrite', (metadata: Fields) => rewrite([], metadata)],
])('signalbox.dev/sticky-by of an %s', (_, object) => {
  const sticky = (value: unknown, name = 'signalbox.dev/sticky-by') => {
    const { declaration, problems } = read(object({ annotations: { [name]: value } }))
    const { stickyBy } = declaration as ModelDeclaration | RewriteDeclaration
    return { stickyBy, problems: summarize(problems) }
  }

  test.each([
    ['user', { kind: 'user' }],
    ['api-key', { kind: 'api-key' }],
    ['prompt-cache-key', { kind: 'prompt-cache-key' }],
    ['header/X-Session-Id', { kind: 'header', name: 'x-session-id' }],
  ])('%s', (value, stickyBy) => {
    expect(sticky(value)).toEqual({ stickyBy, problems: [] })
  })

  test.each(['User', 'header/', 'header', 'header/a b', 'header/a/b', 'cookie/a', ''])('%j has no effect', (value) => {
    expect(sticky(value)).toEqual({
      stickyBy: undefined,
      problems: [
        `warning metadata.annotations["signalbox.dev/sticky-by"]: found ${JSON.stringify(value)}, allowed: user, header/NAME, api-key, prompt-cache-key`,
      ],
    })
  })

  test('another annotation of ours has no effect', () => {
    expect(sticky('user', 'signalbox.dev/stickyby')).toEqual({
      stickyBy: undefined,
      problems: [
        'warning metadata.annotations["signalbox.dev/stickyby"]: unknown annotation, did you mean signalbox.dev/sticky-by?',
      ],
    })
  })

  test('annotations of others are theirs', () => {
    expect(sticky('user', 'example.com/sticky-by')).toEqual({ stickyBy: undefined, problems: [] })
  })
})

describe('adapter maps', () => {
  test.each([
    ['a list', '- sql-lora\n- chat-lora\n', ['sql-lora', 'chat-lora']],
    ['a list in brackets', '["sql-lora", chat-lora]', ['sql-lora', 'chat-lora']],
    [
      'scalars as they are written',
      '- 1\n- 1.10\n- true\n- 2026-01-31\n- "7"',
      ['1', '1.10', 'true', '2026-01-31', '7'],
    ],
    ['names in blanks', '- " sql-lora "', ['sql-lora']],
    ['an empty text', '', []],
    ['blanks', ' \n', []],
    ['an empty list', '[]', []],
    ['nothing', undefined, []],
  ])('%s', (_, adapters, expected) => {
    expect(read(adapterMap({ baseModel: ' llama\n', adapters }))).toMatchObject({
      declaration: { kind: 'adapters', baseModel: 'llama', adapters: expected },
      problems: [],
    })
  })

  test.each([
    [{}, ['data.baseModel: missing, allowed: a string']],
    [undefined, ['data: missing, allowed: an object']],
    [{ baseModel: ' ' }, ['data.baseModel: found " ", allowed: a model name']],
    [{ baseModel: 'llama', adapters: 'sql-lora' }, ['data.adapters: found "sql-lora", allowed: a list']],
    [{ baseModel: 'llama', adapters: 'sql-lora: yes' }, ['data.adapters: found an object, allowed: a list']],
    [{ baseModel: 'llama', adapters: '- a\n- {b: c}' }, ['data.adapters[1]: found an object, allowed: a string']],
    [{ baseModel: 'llama', adapters: '- a\n-' }, ['data.adapters[1]: found "", allowed: an adapter name']],
    [{ baseModel: 'llama', adapters: '- "a' }, ['data.adapters: broken YAML: Missing closing "quote']],
    [{ baseModel: 'llama', adapters: '- a\n---\n- b' }, ['data.adapters: broken YAML: more than one document']],
    [{ baseModel: 'llama', adapters: '? '.repeat(300) }, ['data.adapters: broken YAML: nested more than 64 deep']],
  ])('%o', (data, problems) => {
    const reading = read(adapterMap(data as Fields))
    expect(summarize(reading.problems)).toEqual(problems)
    expect(reading.declaration).toBeUndefined()
  })

  test.each([
    [{ 'inference.networking.k8s.io/bbr-managed': 'true' }, 'adapters'],
    [{ 'inference.llm-d.ai/ipp-managed': 'true' }, 'adapters'],
    [{ 'inference.llm-d.ai/ipp-managed': 'false' }, undefined],
    [{ app: 'true' }, undefined],
    [undefined, undefined],
  ])('are known by their label: %o', (labels, kind) => {
    expect(kindOf(resource(adapterMap({}, { labels })))).toBe(kind)
  })

  test('other ConfigMaps are passed over', () => {
    expect(read(adapterMap({}, { labels: {} }))).toEqual({ declaration: undefined, problems: [] })
  })
})

describe('HTTPRoutes', () => {
  const rules = (object: Fields) => (read(object).declaration as RouteDeclaration).rules

  test('name the models of a rule and the weights of its pools', () => {
    expect(rules(route([rule('llama', { a: 80, b: 20 })]))).toEqual([
      {
        modelNames: ['llama'],
        leadsElsewhere: false,
        weights: new Map([
          ['default/a', 80],
          ['default/b', 20],
        ]),
      },
    ])
  })

  test('give weight 1 to a backend without one, and add up what one pool gets', () => {
    const once = { group: 'inference.networking.x-k8s.io', kind: 'InferencePool', name: 'a' }
    const [{ weights }] = rules(route([{ backendRefs: [once, { ...once, weight: 3 }] }]))
    expect(weights).toEqual(new Map([['default/a', 4]]))
  })

  test('look for pools in their own namespace, unless they name another', () => {
    const pool = { group: 'inference.networking.k8s.io', kind: 'InferencePool', name: 'a' }
    const object = route([{ backendRefs: [pool, { ...pool, namespace: 'other' }] }], { namespace: 'prod' })
    expect([...rules(object)[0].weights.keys()]).toEqual(['prod/a', 'other/a'])
  })

  test('do not count backends of other kinds', () => {
    const backendRefs = [
      { name: 'a', port: 80 },
      { group: 'example.com', kind: 'InferencePool', name: 'b' },
      { kind: 'InferencePool', name: 'c' },
      { group: 'inference.networking.k8s.io', kind: 'InferencePoolImport', name: 'd' },
    ]
    expect(rules(route([{ backendRefs }]))[0].weights.size).toBe(0)
  })

  test('match by the exact header alone, in any case of its name', () => {
    const headers = [
      { name: 'x-gateway-model-name', value: 'a' },
      { name: 'X-GATEWAY-MODEL-NAME', value: 'b', type: 'Exact' },
      { name: 'X-Gateway-Model-Name', value: 'c.*', type: 'RegularExpression' },
      { name: 'X-Other', value: 'd' },
    ]
    const matches = headers.map((header) => ({ headers: [header] }))
    expect(rules(route([{ matches }]))[0].modelNames).toEqual(['a', 'b'])
  })

  test.each(['gateway.networking.k8s.io/v1', 'gateway.networking.k8s.io/v1beta1'])('of %s', (apiVersion) => {
    expect(kindOf(resource({ ...route([]), apiVersion }))).toBe('route')
  })
})

describe('other resources', () => {
  test.each([
    ['apps/v1', 'Deployment'],
    ['v1', 'Service'],
    ['inference.networking.x-k8s.io/v1alpha1', 'InferencePoolImport'],
    ['llm-d.ai/v1alpha1', 'EndpointPickerConfig'],
    ['llm-d.ai/v1', 'SomethingElse'],
    ['example.com/v1alpha2', 'InferenceObjective'],
    ['inference.networking.x-k8s.io/v1alpha1', 'EndpointPickerConfig'],
    ['example.com/v1', 'InferenceModel'],
  ])('%s %s is passed over', (apiVersion, kind) => {
    expect(read({ apiVersion, kind })).toEqual({ declaration: undefined, problems: [] })
  })

  test.each([
    [
      'inference.networking.k8s.io/v1alpha2',
      'InferencePool',
      'apiVersion: found "inference.networking.k8s.io/v1alpha2", allowed for InferencePool: "inference.networking.k8s.io/v1", "inference.networking.x-k8s.io/v1alpha2"',
    ],
    [
      'inference.networking.k8s.io/v1',
      'InferenceModel',
      'apiVersion: found "inference.networking.k8s.io/v1", allowed for InferenceModel: "inference.networking.x-k8s.io/v1alpha2"',
    ],
    [
      'inference.networking.k8s.io/v1',
      'InferencePol',
      'kind: unknown kind "InferencePol", did you mean InferencePool?',
    ],
    ['inference.networking.k8s.io/v1', 'Gateway', 'kind: unknown kind "Gateway"'],
    [
      'inference.networking.x-k8s.io/v1alpha2',
      'InferenceModelRewrites',
      'kind: unknown kind "InferenceModelRewrites", did you mean InferenceModelRewrite?',
    ],
    ...['llm-d.ai/v1', 'inference.networking.k8s.io/v1'].map((version) => [
      version,
      'InferenceObjective',
      `apiVersion: found "${version}", allowed for InferenceObjective: "inference.networking.x-k8s.io/v1alpha2", "llm-d.ai/v1alpha2"`,
    ]),
  ])('%s %s is a slip of the pen', (apiVersion, kind, problem) => {
    const { declaration, problems } = read({ apiVersion, kind, metadata: { name: 'a' } })
    expect(summarize(problems)).toEqual([problem])
    expect(declaration).toBeUndefined()
  })
})
