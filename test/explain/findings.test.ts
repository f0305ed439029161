import { describe, expect, test } from 'vitest'
import { complete } from '../../src/explain/surroundings.ts'
import { chat, createStage, model, pool, type StageInput, server } from './stage.ts'

const route = (status = ''): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: models}
spec:
  parentRefs: [{name: gateway}]
  rules: [{matches: [{headers: [{name: X-Gateway-Model-Name, value: qwen}]}], backendRefs: [{name: qwen, port: 80}]}]
${status}`

const qwen = [pool('qwen-pool', 'qwen'), model('qwen', 'qwen-pool')]
const servers = [server('qwen-0', 'qwen', '10.0.0.1')]

async function findingsOf(input: StageInput, body: object = { model: 'qwen' }, headers = {}, more: object = {}) {
  const stage = createStage({ servers, ...input })
  const client = { ...chat(body, headers), ...more }
  const { findings, outcome } = complete(await stage.explain(client), client, stage.known)
  const told = findings.filter(({ id }) => id !== 'endpoints-not-scraped')
  return { outcome, ids: told.map(({ id }) => id), texts: told.map(({ message, remedy }) => `${message}: ${remedy}`) }
}

describe('findings', () => {
  test('are none where nothing is wrong', async () => {
    expect((await findingsOf({ manifests: qwen })).ids).toEqual([])
  })

  test('say nothing of a catch-all where no Gateway has the routes, and something where one has', async () => {
    expect((await findingsOf({ manifests: [...qwen, route()] })).ids).toEqual([])
    const status = 'status: {parents: [{parentRef: {name: gateway}, conditions: []}]}'
    const attached = await findingsOf({ manifests: [...qwen, route(status)] })
    expect(attached).toMatchObject({ outcome: 'endpoint', ids: ['missing-catch-all'] })
  })

  test.each([
    ['no model', {}, {}, {}, 'model-missing'],
    ['broken JSON', {}, {}, { body: Buffer.from('{"model":') }, 'invalid-body'],
    ['a body that is too long', { model: 'qwen' }, { 'content-length': '999999999' }, {}, 'body-limit'],
    ['an unknown pool of the metadata', { model: 'qwen' }, {}, { poolHint: 'default/none' }, 'pool-not-found'],
    ['an unknown model', { model: 'qwem' }, {}, {}, 'unknown-model'],
    ['a subset of nobody', { model: 'qwen' }, {}, { subset: ['10.9.9.9'] }, 'subset-excludes-all'],
    ['an unknown objective', { model: 'qwen' }, { 'x-llm-d-inference-objective': 'none' }, {}, 'unknown-objective'],
    ['an encoding that is not read', { model: 'qwen' }, { 'content-encoding': 'compress' }, {}, 'unsupported-encoding'],
  ])('of %s', async (_, body, headers, more, id) => {
    const { ids, texts } = await findingsOf({ manifests: qwen, rejectsUnknownModels: true }, body, headers, more)
    expect(ids).toEqual([id])
    expect(texts[0]).toMatch(/: \S+ .*\S$/)
  })

  test('of hints that are not trusted', async () => {
    const headers = { 'x-llm-d-model-name-rewrite': 'other' }
    const { ids, texts } = await findingsOf({ manifests: qwen, trustsHints: false }, { model: 'qwen' }, headers)
    expect(ids).toEqual(['hint-not-trusted'])
    expect(texts[0]).toContain('x-llm-d-model-name-rewrite of the client does not count here')
  })

  test('of a name that is claimed twice, and a resource that is invalid', async () => {
    const second = model('qwen', 'qwen-pool').replace('metadata: {name: qwen', 'metadata: {name: second')
    const twice = await findingsOf({ manifests: [...qwen, second] })
    expect(twice.ids).toEqual(['claimed-twice'])
    expect(twice.texts[0]).toContain('InferenceModel default/second claims "qwen" as well')
    const invalid = pool('other', 'other').replace('number: 8000', 'number: 0')
    expect((await findingsOf({ manifests: [...qwen, invalid] })).ids).toEqual(['invalid'])
  })

  test('of a pool whose Pods are in another namespace', async () => {
    const elsewhere = [{ ...servers[0], namespace: 'gpu' }]
    const { texts } = await findingsOf({ manifests: qwen, servers: elsewhere })
    expect(texts[0]).toContain('the pool has to be in the namespace of its Pods: gpu has such')
  })
})
