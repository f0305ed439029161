import { describe, expect, test } from 'vitest'
import { readResource } from '../../src/catalog/read.ts'
import {
  adapterMapCases,
  type CrdCase,
  metadataCases,
  modelCases,
  poolV1alpha2Cases,
  poolV1Cases,
  routeCases,
  unknownFieldCases,
} from './crd-cases.ts'
import { resource, summarize } from './resources.ts'

const tables: Readonly<Record<string, readonly CrdCase[]>> = {
  'InferencePool v1': poolV1Cases,
  'InferencePool v1alpha2': poolV1alpha2Cases,
  'InferenceModel v1alpha2': modelCases,
  'HTTPRoute v1': routeCases,
  'ConfigMap v1': adapterMapCases,
  metadata: metadataCases,
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
