import { describe, expect, test } from 'vitest'
import { compileCatalog } from '../../src/catalog/compile.ts'
import { judge } from '../../src/controller/verdict.ts'
import { type Fields, model, objective, poolV1, resource, rewrite } from '../catalog/resources.ts'

/** Verdicts by `kind name`, of two objects of one name by `kind name apiVersion`. */
function verdictsOn(...objects: readonly Fields[]): Record<string, string> {
  const compiled = compileCatalog(objects.map(resource))
  const said = [...judge(compiled)].map(([{ kind, object, apiVersion }, { reason, message }]) => {
    const { name } = object.metadata as { name: string }
    const isTwin = objects.filter((each) => each.kind === kind && (each.metadata as Fields).name === name).length > 1
    return [isTwin ? `${kind} ${name} ${apiVersion}` : `${kind} ${name}`, `${reason}: ${message}`]
  })
  return Object.fromEntries(said)
}

const born = (second: number, name: string) => ({
  name,
  creationTimestamp: new Date(Date.UTC(2026, 0, 31, 12, 0, second)).toISOString(),
})
const rule = (targets: string, ...models: string[]) => ({
  matches: models.map((value) => ({ model: { value } })),
  targets: [{ modelRewrite: targets }],
})
const accepted = 'Accepted: in use in InferencePool default/pool'

describe('the verdict on', () => {
  test('models, objectives and rewrites of a pool that is there: accepted; pools and routes get none', () => {
    expect(verdictsOn(poolV1(), model(), objective(), rewrite([rule('a', 'b')]))).toEqual({
      'InferenceModel model': accepted,
      'InferenceObjective objective': accepted,
      'InferenceModelRewrite rewrite': accepted,
    })
  })

  test('those of no pool, or of one that is not valid: its target is not found', () => {
    const notFound = 'TargetNotFound: there is no valid InferencePool default/pool'
    const all = [model(), objective(), rewrite([rule('a', 'b')])]
    const expected = {
      'InferenceModel model': notFound,
      'InferenceObjective objective': notFound,
      'InferenceModelRewrite rewrite': notFound,
    }
    expect(verdictsOn(...all)).toEqual(expected)
    expect(verdictsOn(poolV1({ targetPorts: [] }), ...all)).toEqual(expected)
  })

  test('a model whose name an older one has in the same pool names that one', () => {
    const spec = { modelName: 'llama' }
    expect(
      verdictsOn(
        poolV1(),
        poolV1({}, { name: 'other' }),
        model(spec, born(2, 'younger')),
        model(spec, born(1, 'older')),
        model(spec, born(2, 'as-young')),
        model({ ...spec, poolRef: { name: 'other' } }, born(3, 'elsewhere')),
      ),
    ).toEqual({
      'InferenceModel older': accepted,
      'InferenceModel younger':
        'ModelNameInUse: InferenceModel default/older has the model name "llama" in InferencePool default/pool and is older',
      'InferenceModel as-young':
        'ModelNameInUse: InferenceModel default/older has the model name "llama" in InferencePool default/pool and is older',
      'InferenceModel elsewhere': 'Accepted: in use in InferencePool default/other',
    })
  })

  test('models of one age: the name that comes first has it', () => {
    const verdicts = verdictsOn(poolV1(), model({}, born(1, 'b')), model({}, born(1, 'a')))
    expect(verdicts['InferenceModel a']).toBe(accepted)
    expect(verdicts['InferenceModel b']).toMatch(/^ModelNameInUse: .* and is as old, with a name that comes first$/)
  })

  test('what cannot be used: every error with its field', () => {
    const { 'InferenceModel model': verdict } = verdictsOn(
      poolV1(),
      model({ criticality: 'Urgent', targetModels: [{ name: 'a', weight: 0 }] }),
    )
    expect(verdict).toBe(
      'Invalid: spec.criticality: found "Urgent", allowed: "Critical", "Standard", "Sheddable"; ' +
        'spec.targetModels[0].weight: found 0, allowed: 1 to 1000000',
    )
  })

  test('a rewrite: each rule that never applies, and why', () => {
    expect(
      verdictsOn(
        poolV1(),
        rewrite([rule('a', 'x'), rule('b')], born(1, 'older')),
        rewrite([rule('c', 'y', 'x'), rule('d', 'y'), rule('e')], born(2, 'partly')),
        rewrite([rule('f', 'x'), rule('g')], born(3, 'never')),
      ),
    ).toEqual({
      'InferenceModelRewrite older': accepted,
      'InferenceModelRewrite partly':
        `${accepted}; ` +
        'spec.rules[0] never applies to "x", because of InferenceModelRewrite default/older, which is older; ' +
        'spec.rules[1] never applies to "y", because of an earlier rule; ' +
        'spec.rules[2] never applies to every other model, because of InferenceModelRewrite default/older, which is older',
      'InferenceModelRewrite never':
        'Conflicted: spec.rules[0] never applies to "x", because of InferenceModelRewrite default/older, which is older; ' +
        'spec.rules[1] never applies to every other model, because of InferenceModelRewrite default/older, which is older',
    })
  })

  test('an objective that is in both API groups: the newer group is used', () => {
    const old = { ...objective(), apiVersion: 'inference.networking.x-k8s.io/v1alpha2' }
    expect(verdictsOn(poolV1(), old, objective())).toEqual({
      'InferenceObjective objective llm-d.ai/v1alpha2': accepted,
      'InferenceObjective objective inference.networking.x-k8s.io/v1alpha2':
        'Conflicted: the InferenceObjective default/objective of llm-d.ai/v1alpha2 is used instead',
    })
  })
})
