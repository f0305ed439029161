import { execFile } from 'node:child_process'
import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { kinds } from '../../src/kubernetes/kinds.ts'
import { collectionPath, type ObjectMeta, type ResourceKind } from '../../src/kubernetes/object.ts'
import { routes } from '../cli/run-routes.ts'
import { envoy } from '../e2e/envoy.ts'
import { socketAddress } from '../gateway/extension-envoy.ts'
import type { KubeApi, KubeObject } from '../real/kube-api.ts'
import { findParts } from '../real/parts.ts'
import { isSkipped } from './cluster.ts'
import { istioProblems, regexesOf, type VirtualServiceSpec } from './istio-rules.ts'
import { createNamespace, generated, startRouteCluster } from './route-cluster.ts'

const cases = findParts(['SIGNALBOX_ROUTE_CASES'])
for (const line of cases.missing) console.warn(`only the golden examples are checked: ${line}`)

const golden = join(import.meta.dirname, '..', 'routes', 'golden')
const inputs = [
  ...globSync('*/*.input.yaml', { cwd: golden }).map((name) => ({ name, file: join(golden, name) })),
  ...Object.values(cases.found).flatMap((folder) =>
    globSync('*/*/input.yaml', { cwd: folder }).map((name) => ({ name, file: join(folder, name) })),
  ),
]

/** What `signalbox routes` prints of a file, without the statuses. */
async function generate(file: string): Promise<KubeObject[]> {
  const { stdout } = await routes('-f', file)
  const documents = parseAllDocuments(stdout).flatMap((document) => (document.toJS() as KubeObject | null) ?? [])
  return documents.filter((document) => kindOf(document) !== undefined)
}

const kindOf = ({ apiVersion, kind }: KubeObject): ResourceKind | undefined =>
  generated.find((each) => each.apiVersion === apiVersion && each.kind === kind)

describe.skipIf(isSkipped)('every object that is generated, on a real API server', () => {
  let api: KubeApi
  let all: ReadonlyMap<string, readonly KubeObject[]>
  beforeAll(async () => {
    api = await startRouteCluster(undefined)
    // One by one, as each takes the output of the process.
    const objects = new Map<string, readonly KubeObject[]>()
    for (const { name, file } of inputs) objects.set(name, await generate(file))
    all = objects
    for (const namespace of new Set(everything().map(({ metadata }) => metadata.namespace!))) {
      await createNamespace(api, namespace)
    }
  })
  afterAll(() => api?.stop())

  const everything = () => [...all.values()].flat()
  const virtualServices = () =>
    everything()
      .filter(({ kind }) => kind === kinds.virtualService.kind)
      .map(({ spec }) => spec as VirtualServiceSpec)

  /** What the API server says against objects, which it does not keep. */
  async function refusals(objects: readonly KubeObject[]): Promise<string[]> {
    const dryRun = (object: KubeObject) => {
      const collection = collectionPath(kindOf(object)!, object.metadata.namespace)
      return api.create(`${collection}?dryRun=All&fieldValidation=Strict`, withUid(object))
    }
    const results = await Promise.allSettled(objects.map(dryRun))
    return results.flatMap((result) => (result.status === 'rejected' ? [result.reason.message] : []))
  }

  test.each(inputs)('$name: their schemas take them', async ({ name }) => {
    expect(await refusals(all.get(name)!)).toEqual([])
  })

  test.each(generated)('$kind: a field that there is not would be told', async (kind) => {
    const object = everything().find((each) => kindOf(each) === kind)!
    const mistaken = { ...object, spec: { ...(object.spec as object), noSuchField: true } }
    expect(await refusals([mistaken])).toEqual([
      expect.stringMatching(/strict decoding error: unknown field "spec\.noSuchField"/),
    ])
  })

  test('Istio takes each VirtualService', () => {
    expect(virtualServices().length).toBeGreaterThan(0)
    expect(virtualServices().flatMap(istioProblems)).toEqual([])
  })

  test.skipIf(envoy === undefined)('Envoy takes each regular expression of a VirtualService', async () => {
    const regexes = [...new Set(virtualServices().flatMap(regexesOf))]
    expect(regexes.length).toBeGreaterThan(0)
    expect(await envoyRefusal(regexes)).toBe(undefined)
    expect(await envoyRefusal(['^(?!a).*$'])).toMatch('invalid perl operator')
  })
})

/** In a cluster the owner has been stored, and has one. */
function withUid(object: KubeObject): KubeObject {
  const { ownerReferences = [], ...metadata } = object.metadata as ObjectMeta
  const owners = ownerReferences.map((owner) => ({ ...owner, uid: owner.uid ?? 'none' }))
  return { ...object, metadata: { ...metadata, ownerReferences: owners } as KubeObject['metadata'] }
}

/** What Envoy, with Istio's limit for regular expressions, says against them as authorities; undefined when it takes them. */
async function envoyRefusal(regexes: readonly string[]): Promise<string | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-envoy-'))
  const file = join(folder, 'envoy.json')
  const routes = regexes.map((regex) => ({
    match: { prefix: '/', headers: [{ name: ':authority', string_match: { safe_regex: { regex } } }] },
    direct_response: { status: 200 },
  }))
  const manager = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'gateway',
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes }] },
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
      },
    ],
  }
  const filters = [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }]
  const listener = { name: 'gateway', address: socketAddress(0), filter_chains: [{ filters }] }
  const limit = { 're2.max_program_size.error_level': 32_768 }
  const bootstrap = {
    static_resources: { listeners: [listener] },
    layered_runtime: { layers: [{ name: 'static', static_layer: limit }] },
  }
  writeFileSync(file, JSON.stringify(bootstrap))
  try {
    await promisify(execFile)(envoy!, ['--mode', 'validate', '-c', file])
    return undefined
  } catch (error) {
    return (error as Error).message
  } finally {
    rmSync(folder, { recursive: true })
  }
}
