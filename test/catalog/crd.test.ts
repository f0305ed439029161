import { describe, expect, test } from 'vitest'
import { readResource } from '../../src/catalog/read.ts'
import {
  adapterMapCases,
  type CrdCase,
  metadataCases,
  modelCases,
  objectiveCases,
  poolV1alpha2Cases,
  poolV1Cases,
  rewriteCases,
  routeCases,
  unknownFieldCases,
  uselessPolicyCases,
} from './crd-cases.ts'
import { policyVersions, resource, summarize } from './resources.ts'

const tables: Readonly<Record<string, readonly CrdCase[]>> = {
  'InferencePool v1': poolV1Cases,
  'InferencePool v1alpha2': poolV1alpha2Cases,
  'InferenceModel v1alpha2': modelCases,
  ...ofEachVersion('InferenceObjective', objectiveCases),
  ...ofEachVersion('InferenceModelRewrite', rewriteCases),
  ...ofEachVersion('useless resources', uselessPolicyCases),
  'HTTPRoute v1': routeCases,
  'ConfigMap v1': adapterMapCases,
  metadata: metadataCases,
}

function ofEachVersion(kind: string, cases: readonly CrdCase[]): Readonly<Record<string, readonly CrdCase[]>> {
  const inVersion = (apiVersion: string) =>
    cases.map(([what, object, problems = []]): CrdCase => [what, { ...object, apiVersion }, problems])
  return Object.fromEntries(policyVersions.map((version) => [`${kind} of ${version}`, inVersion(version)]))
}

const named = (cases: readonly CrdCase[]) =>
  cases.map(([what, object, problems = []]) => ({ what, object: resource(object), problems }))

describe.each(Object.entries(tables))('%s', (_, cases) => {
  test.each(named(cases))('$what', ({ object, problems }) => {
    const reading = readResource(object, { defaultNamespace: 'default', unknownFields: 'error' })
    expect(summarize(reading.problems)).toEqual(problems)
    expect(reading.declaration === undefined).toBe(problems.length > 0)
  })
})

describe('unknown fields', () => {
  test.each(named(unknownFieldCases))('$what: an error where asked for', ({ object, problems }) => {
    const reading = readResource(object, { defaultNamespace: 'default', unknownFields: 'error' })
    expect(summarize(reading.problems)).toEqual(problems)
  })

  test.each(named(unknownFieldCases))('$what: else a warning, and the resource is used', ({ object, problems }) => {
    const reading = readResource(object, { defaultNamespace: 'default', unknownFields: 'warning' })
    expect(summarize(reading.problems)).toEqual(problems.map((problem) => `warning ${problem}`))
    expect(reading.declaration).toBeDefined()
  })
})
