import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import { describe, expect, test } from 'vitest'
import { defaultBandOptions, defaultFlowControlOptions } from '../../src/admission/options.ts'
import { compileCatalog } from '../../src/catalog/compile.ts'
import { defaultLimits } from '../../src/request/limits.ts'
import { readManifests } from '../../src/sources/manifests.ts'
import { flowControlOfWorker, limitsOfWorker } from '../../src/workers/limits.ts'

const examples = join(import.meta.dirname, '../../examples')
const files = [
  'two-models/pools.yaml',
  'two-models/models.yaml',
  'two-models/routes.yaml',
  'scheduling/objectives.yaml',
  'rollout/inferencemodel.yaml',
  'rollout/rewrite.yaml',
]

test('a catalog is the same after its way between processes', () => {
  const resources = files.flatMap((file) => readManifests(file, readFileSync(join(examples, file), 'utf8')).resources)
  const { catalog, problems } = compileCatalog(resources, { missingStates: 'ignore' })
  expect(problems).toEqual([])
  expect([catalog.models.size, catalog.objectives.size]).not.toContain(0)
  // As node:child_process does with 'advanced' serialization.
  const copy: typeof catalog = deserialize(serialize(catalog))
  expect(copy).toStrictEqual(catalog)
  // One pool stays one object: it is compared by identity.
  for (const { rules } of copy.models.values()) {
    for (const { pool, targets } of rules) {
      expect(copy.pools.get(pool.key)).toBe(pool)
      expect(targets.every(({ literal }) => Buffer.isBuffer(literal))).toBe(true)
    }
  }
})

describe('the limits of a worker', () => {
  test('are its part of those of the service; of one stream they are the same', () => {
    const { maxTotalHeldBytes, ...ofStreams } = limitsOfWorker(defaultLimits, 4)
    expect(maxTotalHeldBytes).toBe(defaultLimits.maxTotalHeldBytes / 4)
    expect(ofStreams).toEqual((({ maxTotalHeldBytes: _, ...rest }) => rest)(defaultLimits))
  })

  test('of its queues are never none, and none where the service has none', () => {
    const bands = [{ ...defaultBandOptions, priority: 1, maxRequests: 1, maxBytes: undefined }]
    const options = { ...defaultFlowControlOptions, maxRequests: 10, bands }
    const ofWorker = flowControlOfWorker(options, 4)
    expect([ofWorker.maxRequests, ofWorker.maxBytes, ofWorker.defaultNegativeBand]).toEqual([3, undefined, undefined])
    expect(ofWorker.bands).toEqual([{ ...bands[0], maxRequests: 1 }])
    expect(ofWorker.defaultBand).toEqual({ ...defaultBandOptions, maxRequests: 1_250, maxBytes: 2.5e8 })
    expect(ofWorker.defaultRequestTtlMs).toBe(options.defaultRequestTtlMs)
  })
})
