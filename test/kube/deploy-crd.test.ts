import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { metadataCases, modelCases } from '../catalog/crd-cases.ts'
import { type Fields, model } from '../catalog/resources.ts'
import { deploy } from '../deploy/objects.ts'
import { createCrds } from '../real/crds.ts'
import { type KubeApi, type KubeObject, startKubeApi } from '../real/kube-api.ts'
import { findParts } from '../real/parts.ts'

const { found, missing } = findParts(['KUBEBUILDER_ASSETS'])
for (const line of missing) console.log(`skipped: the CRD of InferenceModel on a real API server: ${line}`)

const models = '/apis/inference.networking.x-k8s.io/v1alpha2/namespaces/default/inferencemodels'
const condition = {
  type: 'Accepted',
  status: 'True',
  reason: 'Accepted',
  message: '',
  lastTransitionTime: '2026-01-31T12:00:00Z',
  observedGeneration: 1,
}

describe.skipIf(missing.length > 0)('the CRD of InferenceModel', () => {
  let folder: string
  let api: KubeApi

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'signalbox-crd-'))
    api = await startKubeApi(found.KUBEBUILDER_ASSETS, folder)
    await createCrds(api, join(deploy, 'crds'), ['inferencemodels.inference.networking.x-k8s.io'])
  })

  afterAll(async () => {
    await api?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const create = (object: Fields, query = '') => api.create(`${models}${query}`, object as KubeObject)

  const rows = [...modelCases, ...metadataCases].map(([what, object, problems = []]) => ({
    what,
    object,
    outcome: problems.length > 0 ? 'refused' : 'accepted',
  }))
  test.each(rows)('$what: $outcome', async ({ object, outcome }) => {
    const created = create(object, '?dryRun=All').then(
      () => 'accepted',
      () => 'refused',
    )
    expect(await created).toBe(outcome)
  })

  test('gives a reference to a pool its group and kind', async () => {
    const { spec } = await create(model({}, { name: 'short' }))
    expect(spec).toEqual({
      modelName: 'llama',
      poolRef: { group: 'inference.networking.x-k8s.io', kind: 'InferencePool', name: 'pool' },
    })
  })

  test('keeps status apart from spec', async () => {
    await create({ ...model({}, { name: 'judged' }), status: { conditions: [condition] } })
    expect(await api.get(`${models}/judged`)).not.toHaveProperty('status')
    await api.patch(`${models}/judged/status`, {
      spec: { criticality: 'Critical' },
      status: { conditions: [condition] },
    })
    const judged = (await api.get(`${models}/judged`)) as KubeObject
    expect(judged.status).toEqual({ conditions: [condition] })
    expect(judged.spec).not.toHaveProperty('criticality')
  })

  test('refuses a condition without a reason', async () => {
    await create(model({}, { name: 'unreasoned' }))
    const { reason: _, ...unreasoned } = condition
    const patched = api.patch(`${models}/unreasoned/status`, { status: { conditions: [unreasoned] } })
    await expect(patched).rejects.toThrow('status.conditions[0].reason: Required value')
  })

  test('keeps the modelName for ever, and nothing else', async () => {
    await create(model({}, { name: 'fixed' }))
    await api.patch(`${models}/fixed`, { spec: { criticality: 'Critical' } })
    const renamed = api.patch(`${models}/fixed`, { spec: { modelName: 'other' } })
    await expect(renamed).rejects.toThrow('modelName is immutable')
  })
})
