import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseAllDocuments, stringify } from 'yaml'
import { isObject } from '../../src/catalog/resource.ts'
import type { Controller } from '../../src/controller/controller.ts'
import { kinds } from '../../src/kubernetes/kinds.ts'
import { collectionPath, type ObjectMeta, type ResourceKind } from '../../src/kubernetes/object.ts'
import { byAge } from '../../src/routes/precedence.ts'
import type { KubeApi, KubeObject } from '../real/kube-api.ts'
import { routeCases } from '../real/route-cases.ts'
import { isSkipped } from './cluster.ts'
import { eventually, type Stored } from './controller.ts'
import {
  clear,
  createNamespace,
  ignoreMissing,
  list,
  listGenerated,
  type OmeCrd,
  type Owned,
  pathOf,
  startRouteCluster,
  startRouteController,
  untilStill,
} from './route-cluster.ts'

const { folder, missing } = routeCases
const isLeftOut = isSkipped || missing.length > 0
if (missing.length > 0) console.warn(`skipped: ${missing.join('; ')}`)

/** Cases that no cluster can have, and why. */
const leftOut: Readonly<Record<string, string>> = {
  'aim/28-no-uid-no-namespace': 'every object of a cluster has a uid',
  'ome/35-own-conditions-are-not-readiness': 'a list of conditions is not empty any more once a condition was written',
}

/** With the CRD of OME's releases some of the cases have to do; what they have from the guide alone it drops. */
const withFullCrd = ['01', '06', '09', '16', '22', '24', '32', '33']

const namesOf = (family: string) =>
  isLeftOut ? [] : readdirSync(join(folder, family)).map((name) => `${family}/${name}`)

type Input = KubeObject & { status?: Record<string, unknown>; spec?: Record<string, unknown> }

function readInput(name: string): Input[] {
  const text = readFileSync(join(folder, name, 'input.yaml'), 'utf8')
  return parseAllDocuments(text).flatMap((document) => (document.toJS() as Input | null) ?? [])
}

const kindOf = ({ kind }: KubeObject): ResourceKind | undefined =>
  [
    kinds.inferenceService,
    kinds.aimService,
    kinds.aimRuntimeConfig,
    kinds.aimClusterRuntimeConfig,
    kinds.configMap,
    kinds.service,
    kinds.httpRoute,
  ].find((each) => each.kind === kind)

const isServiceKind = ({ kind }: KubeObject): boolean => kind === 'InferenceService' || kind === 'AIMService'

describe.skipIf(isLeftOut)('routes of the cases, through a controller on a real API server', () => {
  describe.each([
    { families: ['aim', 'ome'], ome: 'minimal' as OmeCrd },
    { families: ['ome'], ome: 'full' as OmeCrd },
  ])('with the $ome CRD of OME', ({ families, ome }) => {
    let api: KubeApi
    beforeAll(async () => {
      api = await startRouteCluster(ome)
    })
    afterAll(() => api?.stop())

    const names = families.flatMap(namesOf).filter((name) => ome !== 'full' || withFullCrd.includes(name.slice(4, 6)))
    test.each(names.filter((name) => !(name in leftOut)))('%s', async (name) => {
      let controller: Controller | undefined
      try {
        const uids = await putInputs(api, readInput(name))
        controller = await startRouteController(api)
        await untilStill(api, controller)
        await putRouteStatus(api, readInput(name), controller)
        const actual = await print(api, uids, readInput(name))
        expect(await differences(join(folder, name, 'expected.yaml'), actual)).toBe('')
      } finally {
        await controller?.close()
        await clear(api)
      }
    })
  })
})

/** Puts the inputs into the cluster, in order of age. Gives the uids that they were given, by those that they have in the case. */
async function putInputs(api: KubeApi, inputs: readonly Input[]): Promise<Map<string, string>> {
  const uids = new Map<string, string>()
  const rank = (object: Input) => (isServiceKind(object) ? 1 : object.kind === 'HTTPRoute' ? 2 : 0)
  const ordered = inputs.toSorted((a, b) => rank(a) - rank(b) || (rank(a) === 1 ? byAge(a as never, b as never) : 0))
  let older: Input | undefined
  const namespaces = new Set<string>()
  for (const input of ordered) {
    const kind = kindOf(input)
    if (kind === undefined) continue
    const namespace = kind === kinds.aimClusterRuntimeConfig ? undefined : (input.metadata.namespace ?? 'default')
    if (namespace !== undefined && !namespaces.has(namespace)) await createNamespace(api, namespace)
    if (namespace !== undefined) namespaces.add(namespace)
    const {
      uid,
      creationTimestamp: _,
      generation: __,
      ownerReferences,
      ...metadata
    } = input.metadata as Stored['metadata'] & {
      ownerReferences?: { uid?: string }[]
    }
    if (isServiceKind(input)) {
      if (older !== undefined && isOlderByTime(older, input)) await nextSecond()
      older = input
    }
    const owners = ownerReferences?.map((owner) => ({
      ...owner,
      uid: uids.get(owner.uid ?? '') ?? owner.uid ?? 'none',
    }))
    const { status, ...object } = input
    const { apiVersion } = kind
    const given = {
      ...object,
      apiVersion,
      metadata: { ...metadata, ...(namespace && { namespace }), ...(owners && { ownerReferences: owners }) },
    }
    // Routes that are observed are those that a controller has made before. The rest comes as kubectl creates it: what a CRD
    // does not know it drops.
    const stored = (
      kind === kinds.httpRoute
        ? await api.apply(pathOf(kind, input), given, 'signalbox')
        : await api.create(collectionPath(kind, namespace), given)
    ) as Stored
    uids.set(uid ?? `${input.kind} ${namespace}/${metadata.name}`, stored.metadata.uid)
    if (isServiceKind(input) && status !== undefined) await api.patch(pathOf(kind, input, 'status'), { status })
  }
  return uids
}

const isOlderByTime = (a: Input, b: Input): boolean =>
  (a.metadata as Stored['metadata']).creationTimestamp !== (b.metadata as Stored['metadata']).creationTimestamp

/** Ages in a cluster are in whole seconds. */
async function nextSecond(): Promise<void> {
  const second = Math.floor(Date.now() / 1000)
  await eventually(() => expect(Math.floor(Date.now() / 1000)).toBeGreaterThan(second + 1))
}

/** The Gateway's verdict on routes, as fresh or as stale as in the case. */
async function putRouteStatus(api: KubeApi, inputs: readonly Input[], controller: Controller): Promise<void> {
  const judged = inputs.filter(({ kind, status }) => kind === 'HTTPRoute' && status !== undefined)
  if (judged.length === 0) return
  for (const input of judged) {
    const path = pathOf(kinds.httpRoute, input)
    const live = (await api.get(path).catch(ignoreMissing)) as Stored | undefined
    if (live === undefined) continue
    const { generation = 1 } = input.metadata as Stored['metadata']
    const shifted = shift(input.status, live.metadata.generation - generation)
    await api.patch(`${path}/status`, { status: shifted as object })
  }
  await untilStill(api, controller)
}

/** With each observedGeneration moved. */
function shift(value: unknown, by: number): unknown {
  if (Array.isArray(value)) return value.map((item) => shift(item, by))
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [
      key,
      key === 'observedGeneration' ? Number(each) + by : shift(each, by),
    ]),
  )
}

/** What `signalbox routes` would print of it, with the uids of the case. */
async function print(api: KubeApi, uids: ReadonlyMap<string, string>, inputs: readonly Input[]): Promise<string> {
  const live = new Set(uids.values())
  const controlled = await listGenerated(api)
  const objects = controlled.filter(({ metadata }) => metadata.ownerReferences!.some(({ uid }) => live.has(uid)))
  const isGiven = ({ metadata }: Owned) =>
    inputs.some((each) => each.kind === 'HTTPRoute' && each.metadata.name === metadata.name)
  const isNew = (uid: string) =>
    !objects.some((each) => isGiven(each) && each.metadata.ownerReferences!.some((owner) => owner.uid === uid))
  const services = [...(await list(api, kinds.inferenceService)), ...(await list(api, kinds.aimService))]
  const documents = [
    ...objects.map(plain),
    ...services.map((service) => statusOf(service, isNew(service.metadata.uid))),
  ]
  let text = documents.map((document) => stringify(document)).join('---\n')
  for (const [inCase, live] of uids) text = text.replaceAll(live, inCase)
  return text
}

/** Without what the API server has filled in. */
function plain({ apiVersion, kind, metadata, spec }: Owned & { spec?: unknown }): object {
  const { name, namespace, labels, annotations } = metadata as KubeObject['metadata'] & Pick<ObjectMeta, 'annotations'>
  const { ownerReferences } = metadata
  return {
    apiVersion,
    kind,
    metadata: { name, namespace, labels, annotations, ownerReferences },
    spec: withoutDefaults(kind, spec),
  }
}

const serviceDefaults = [
  'clusterIP',
  'clusterIPs',
  'internalTrafficPolicy',
  'ipFamilies',
  'ipFamilyPolicy',
  'externalTrafficPolicy',
  'allocateLoadBalancerNodePorts',
]

function withoutDefaults(kind: string, spec: unknown): unknown {
  if (kind !== 'Service') return withoutWeights(spec)
  const { sessionAffinity, ports, ...fields } = spec as { sessionAffinity?: string; ports?: object[]; type: string }
  const kept = Object.fromEntries(Object.entries(fields).filter(([key]) => !serviceDefaults.includes(key)))
  return {
    ...kept,
    ...(ports && { ports: ports.map(({ nodePort: _, ...port }: { nodePort?: number }) => port) }),
    ...(fields.type === 'ExternalName' && { sessionAffinity }),
  }
}

/** Backends of HTTPRoutes get the core group, and weight 1. */
function withoutWeights(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutWeights)
  if (!isObject(value)) return value
  const isBackend = value.weight === 1 && value.group === ''
  const { group: _, weight: __, ...backend } = value
  const isSecret = value.kind === 'Secret' && value.group === ''
  const { group: ___, kind: ____, ...secret } = value
  const kept = isBackend ? backend : isSecret ? secret : value
  return Object.fromEntries(Object.entries(kept).map(([key, each]) => [key, withoutWeights(each)]))
}

function statusOf({ apiVersion, kind, metadata, status }: Stored, isRouteNew: boolean): object {
  const { name, namespace } = metadata as KubeObject['metadata']
  const conditions = status?.conditions?.map((condition) => {
    const isNew = condition.reason === 'HTTPRoutePending' && isRouteNew
    // In files a route that is generated is not there yet. Here it is, and no gateway has seen it.
    return isNew
      ? { ...condition, status: 'Unknown', reason: 'HTTPRouteCreating', message: 'HTTPRoute is being created' }
      : condition
  })
  return { apiVersion, kind, metadata: { name, namespace }, status: { ...status, conditions } }
}

/** What the judge of the cases says; nothing when all is as expected. */
function differences(expected: string, actual: string): Promise<string> {
  return new Promise((resolve) => {
    const judge = execFile('python3', [join(folder, 'compare.py'), expected], (error, stdout, stderr) =>
      resolve(error === null ? '' : `${stdout}${stderr}`),
    )
    judge.stdin!.end(actual)
  })
}
