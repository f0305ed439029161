import { describe, expect, test } from 'vitest'
import { type Compiled, type CompileOptions, compileCatalog } from '../../src/catalog/compile.ts'
import type { Resource } from '../../src/catalog/resource.ts'
import { type Fields, model, poolV1, resource, rewrite, summarize } from './resources.ts'

const steps = 'signalbox.dev/rollout-steps'
const targetModels = [
  { name: 'v1', weight: 90 },
  { name: 'v2', weight: 10 },
]

const planned = (annotations: Fields = {}, spec: Fields = {}) =>
  model({ modelName: 'llama', targetModels, ...spec }, { annotations: { [steps]: '1% for 5m, 100%', ...annotations } })

/** The ConfigMap of the states, each given as a value or as the text itself. */
function states(data: Readonly<Record<string, unknown>>, metadata: Fields = {}): Fields {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'signalbox-rollouts', labels: { 'signalbox.dev/rollouts': 'true' }, ...metadata },
    data: Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]),
    ),
  }
}

const stateOf = (weightPercent: number, target = 'v2') => ({ target, weightPercent, phase: 'Progressing', step: 0 })

function compile(objects: readonly Fields[], options: CompileOptions = {}) {
  const resources: Resource[] = [poolV1(), ...objects].map(resource)
  return read(compileCatalog(resources, options))
}

function read(compiled: Compiled) {
  const rule = compiled.catalog.models.get('llama')?.rules[0]
  return { compiled, rule, weights: weightsOf(rule?.targets ?? []), problems: summarize(compiled.problems) }
}

const weightsOf = (targets: readonly { name: string; weight: number }[]) =>
  Object.fromEntries(targets.map(({ name, weight }) => [name, weight]))

const noState = (found: string) =>
  `warning metadata.annotations["${steps}"]: "v2" gets no requests: ConfigMap default/signalbox-rollouts ${found}; see that \`signalbox controller\` runs, or \`signalbox rollout drive\` for files`

describe('an InferenceModel with a plan', () => {
  test('gives its target the weight that the ConfigMap says, and is told how it stands', () => {
    const state = { ...stateOf(0.5), message: 'step 1 of 2', samples: 7 }
    const { rule, weights, problems } = compile([planned(), states({ 'inferencemodel.model': state })])
    expect(problems).toEqual([])
    expect(weights).toEqual({ v1: 99.5, v2: 0.5 })
    expect(rule).toMatchObject({
      totalWeight: 100,
      rollout: {
        resource: 'InferenceModel default/model',
        target: 'v2',
        weightPercent: 0.5,
        phase: 'Progressing',
        step: 0,
        message: 'step 1 of 2',
        plan: { steps: [{ weightPercent: 1 }, { weightPercent: 100 }] },
      },
    })
  })

  test('gives it nothing while there is no state, whatever its own weights are', () => {
    const { rule, weights, problems } = compile([planned()])
    expect(weights).toEqual({ v1: 100, v2: 0 })
    expect(rule?.rollout).toMatchObject({ weightPercent: 0, phase: undefined, step: undefined })
    expect(problems).toEqual([noState('has no state of it yet')])
  })

  test('gives it nothing while the state is of another target', () => {
    const { weights, problems } = compile([planned(), states({ 'inferencemodel.model': stateOf(50, 'v1') })])
    expect(weights).toEqual({ v1: 100, v2: 0 })
    expect(problems).toEqual([noState('has the state of "v1"')])
  })

  test('takes no state of another kind, name or namespace', () => {
    const others = { 'inferencemodel.other': stateOf(50), 'inferencemodelrewrite.model': stateOf(50) }
    const elsewhere = states({ 'inferencemodel.model': stateOf(50) }, { namespace: 'other' })
    expect(compile([planned(), states(others), elsewhere]).weights).toEqual({ v1: 100, v2: 0 })
  })

  test('says nothing of a missing state where nobody writes one', () => {
    const { weights, problems } = compile([planned()], { missingStates: 'ignore' })
    expect(weights).toEqual({ v1: 100, v2: 0 })
    expect(problems).toEqual([])
  })

  test('keeps the weight that its target has while its annotations cannot be read', () => {
    const broken = planned({ [steps]: '5% for 5m, 1%' })
    const { rule, weights, problems } = compile([broken, states({ 'inferencemodel.model': stateOf(5) })])
    expect(weights).toEqual({ v1: 95, v2: 5 })
    expect(rule?.rollout?.plan).toBeUndefined()
    expect(problems).toEqual([
      `metadata.annotations["${steps}"]: found 1% after 5%, allowed: a larger weight in each step; until this is mended the target keeps the weight that it has`,
    ])
  })

  test('stays as it was when it names a target that it does not have, and is not used where it never was right', () => {
    const state = states({ 'inferencemodel.model': stateOf(5) })
    const wrong = planned({ 'signalbox.dev/rollout-target': 'v3' })
    const message =
      'metadata.annotations["signalbox.dev/rollout-target"]: found "v3", allowed: a target of the resource: v1, v2'
    const before = compile([planned(), state])
    const after = compile([wrong, state], { previous: before.compiled })
    expect(after.weights).toEqual({ v1: 95, v2: 5 })
    expect(after.problems).toEqual([`${message}; the last valid version stays in use`])
    const fresh = compile([wrong, state])
    expect(fresh.rule).toBeUndefined()
    expect(fresh.problems).toEqual([message])
  })

  test.each(['warning', 'error'] as const)('with one target alone has no plan: %s', (unknownFields) => {
    const { rule, weights, problems } = compile([planned({}, { targetModels: [] })], { unknownFields })
    expect(rule?.rollout).toBeUndefined()
    expect(weights).toEqual({ llama: 1 })
    expect(problems).toEqual([
      `${unknownFields === 'warning' ? 'warning ' : ''}metadata.annotations["${steps}"]: without effect: a rollout needs two targets, and the resource has one`,
    ])
  })

  test('without a plan has its own weights, whatever the ConfigMap says', () => {
    const { weights, rule } = compile([model({ targetModels }), states({ 'inferencemodel.model': stateOf(50) })])
    expect(weights).toEqual({ v1: 90, v2: 10 })
    expect(rule?.rollout).toBeUndefined()
  })
})

test('a mistaken annotation of ours names the one that was meant', () => {
  const { problems } = compile([model({}, { annotations: { 'signalbox.dev/rollout-step': '100%' } })])
  expect(problems).toEqual([
    'warning metadata.annotations["signalbox.dev/rollout-step"]: unknown annotation, did you mean signalbox.dev/rollout-steps?',
  ])
})

test('of an InferenceModelRewrite the rules that have the target beside another are divided', () => {
  const targets = (...names: string[]) => ({ targets: names.map((modelRewrite) => ({ modelRewrite })) })
  const rules = [
    { matches: [{ model: { value: 'a' } }], ...targets('v1', 'v2') },
    { matches: [{ model: { value: 'b' } }], ...targets('v2') },
    { matches: [{ model: { value: 'c' } }], ...targets('x', 'y') },
    targets('v2', 'v0', 'v1'),
  ]
  const annotations = { [steps]: '1% for 5m, 100%', 'signalbox.dev/rollout-target': 'v2' }
  const { compiled, problems } = compile([
    rewrite(rules, { annotations }),
    states({ 'inferencemodelrewrite.rewrite': stateOf(10) }),
  ])
  const { exact, generic } = compiled.catalog.rewrites.get('default/pool')!
  const all = [...exact.values(), generic!]
  expect(problems).toEqual([])
  expect(all.map((rule) => [weightsOf(rule.targets), rule.rollout?.resource])).toEqual([
    [{ v1: 90, v2: 10 }, 'InferenceModelRewrite default/rewrite'],
    [{ v2: 1 }, undefined],
    [{ x: 1, y: 1 }, undefined],
    [{ v0: 45, v1: 45, v2: 10 }, 'InferenceModelRewrite default/rewrite'],
  ])
})

test('a missing state is told once for all rules of an InferenceModelRewrite', () => {
  const rules = ['a', 'b'].map((value) => ({
    matches: [{ model: { value } }],
    targets: [{ modelRewrite: 'v1' }, { modelRewrite: 'v2' }],
  }))
  const { problems } = compile([rewrite(rules, { annotations: { [steps]: '100%' } })])
  expect(problems).toEqual([noState('has no state of it yet')])
})

describe('the ConfigMap of states', () => {
  const kept = 'its target keeps the weight that it had, or gets none'

  test.each([
    ['no JSON', '{', [`found "{", allowed: a JSON object`]],
    ['another value', '7', ['found 7, allowed: an object']],
    ['a weight beyond 100', { ...stateOf(101) }, ['found 101, allowed: at most 100'], '.weightPercent'],
    [
      'a phase that there is not',
      { ...stateOf(5), phase: 'Done' },
      [expect.stringMatching(/^found "Done", allowed: /)],
      '.phase',
    ],
    ['no step', { target: 'v2', weightPercent: 5, phase: 'Paused' }, ['missing, allowed: an integer'], '.step'],
  ])('with %s gives the target nothing, and says where', (_, value, messages, field = '') => {
    const { weights, problems } = compile([planned(), states({ 'inferencemodel.model': value })])
    expect(weights).toEqual({ v1: 100, v2: 0 })
    expect(problems).toEqual([
      ...messages.map((message) =>
        typeof message === 'string'
          ? `warning data["inferencemodel.model"]${field}: ${message}; ${kept}`
          : expect.stringMatching(
              /^warning data\["inferencemodel.model"\]\.phase: found "Done", allowed: .*Completed.*; its target keeps/,
            ),
      ),
      noState('has no state of it yet'),
    ])
  })

  test('keeps what it said of a resource whose entry becomes invalid; the others go on', () => {
    const two = [
      planned(),
      model({ modelName: 'other', targetModels }, { name: 'other', annotations: { [steps]: '100%' } }),
    ]
    const both = (first: unknown, second: unknown) =>
      states({ 'inferencemodel.model': first, 'inferencemodel.other': second })
    const otherWeights = ({ compiled }: ReturnType<typeof compile>) =>
      weightsOf(compiled.catalog.models.get('other')!.rules[0].targets)

    const before = compile([...two, both(stateOf(5), stateOf(10))])
    const broken = compile([...two, both('{', stateOf(20))], { previous: before.compiled })
    expect([broken.weights, otherWeights(broken)]).toEqual([
      { v1: 95, v2: 5 },
      { v1: 80, v2: 20 },
    ])
    expect(broken.problems).toEqual([
      `warning data["inferencemodel.model"]: found "{", allowed: a JSON object; ${kept}`,
    ])
    const still = compile([...two, both('{', stateOf(30))], { previous: broken.compiled })
    expect([still.weights, otherWeights(still)]).toEqual([
      { v1: 95, v2: 5 },
      { v1: 70, v2: 30 },
    ])
    const mended = compile([...two, both(stateOf(0), stateOf(30))], { previous: still.compiled })
    expect(mended.weights).toEqual({ v1: 100, v2: 0 })
  })

  test('keeps all that it said when it becomes invalid as a whole', () => {
    const before = compile([planned(), states({ 'inferencemodel.model': stateOf(5) })])
    const invalid = { ...states({}), data: { 'inferencemodel.model': 5 } }
    const after = compile([planned(), invalid], { previous: before.compiled })
    expect(after.weights).toEqual({ v1: 95, v2: 5 })
    expect(after.problems).toEqual([
      'data["inferencemodel.model"]: found 5, allowed: a string; the last valid version stays in use',
    ])
  })

  test('takes what it said with it when it goes', () => {
    const before = compile([planned(), states({ 'inferencemodel.model': stateOf(5) })])
    expect(compile([planned()], { previous: before.compiled }).weights).toEqual({ v1: 100, v2: 0 })
  })

  test('of another name counts for nothing', () => {
    const { weights, problems } = compile([planned(), states({ 'inferencemodel.model': stateOf(5) }, { name: 'mine' })])
    expect(weights).toEqual({ v1: 100, v2: 0 })
    expect(problems[0]).toBe(
      'warning metadata.name: found "mine", allowed with the label signalbox.dev/rollouts: "signalbox-rollouts"',
    )
  })

  test('names keys that mean nothing, and passes over states of what is not there', () => {
    const data = { 'inferencepool.model': stateOf(5), notes: 'mine', 'inferencemodel.gone': stateOf(5) }
    expect(compile([states(data)]).problems).toEqual(
      ['inferencepool.model', 'notes'].map(
        (key) =>
          `warning data${key === 'notes' ? '.notes' : `["${key}"]`}: unknown key, allowed: inferencemodel.NAME, inferencemodelrewrite.NAME`,
      ),
    )
  })

  test('is nothing without its label', () => {
    const { problems, weights } = compile([planned(), states({ 'inferencemodel.model': stateOf(5) }, { labels: {} })])
    expect(weights).toEqual({ v1: 100, v2: 0 })
    expect(problems).toEqual([noState('has no state of it yet')])
  })
})

test('the headers that API keys come in are read where a rule sticks to them', () => {
  const sticky = (value: string) =>
    compile([model({ targetModels }, { annotations: { 'signalbox.dev/sticky-by': value } })])
  expect(sticky('api-key').compiled.catalog.headerNames).toEqual(['api-key', 'authorization', 'x-api-key'])
  expect(sticky('prompt-cache-key').compiled.catalog.headerNames).toEqual([])
})
