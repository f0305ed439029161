import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { systemClock } from '../../src/clock.ts'
import { generatedKinds } from '../../src/controller/applying.ts'
import { Controller } from '../../src/controller/controller.ts'
import { aimServices, inferenceServices, nextStatus } from '../../src/controller/service-status.ts'
import { writeLimits } from '../../src/controller/write-queue.ts'
import { KubeClient } from '../../src/kubernetes/client.ts'
import { kinds } from '../../src/kubernetes/kinds.ts'
import { loadKubeconfig } from '../../src/kubernetes/kubeconfig.ts'
import { listAll } from '../../src/kubernetes/list.ts'
import { type KubeObject, keyOf, objectPath, type ResourceKind } from '../../src/kubernetes/object.ts'
import { RouteCompiler } from '../../src/routes/compile.ts'
import type { CompiledService } from '../../src/routes/compiled.ts'
import type { KubeApi } from '../../test/real/kube-api.ts'
import { findParts } from '../../test/real/parts.ts'
import type { PartReport } from '../report.ts'
import { median } from '../statistics.ts'
import { type Cell, figure, type Table } from '../table.ts'
import { aimSpec, eachAtOnce, fillNamespace, omeConfig, startCluster } from './cluster.ts'

/** The first pass may take so many times the time that its writes take alone, or the benchmark fails. */
const ratioTarget = 1.5
/** Of each kind. */
const services = 1_000
const quickServices = 100
const rounds = 3

export type RoutesPlan = {
  readonly quick: boolean
  readonly directory: string
  readonly say: (line: string) => void
}

type Pass = { readonly ms: number; readonly writes: number }

/** Measures what the controller's first pass over many services takes, beside its writes alone, and what it writes after that. */
export async function measureRoutes({ quick, directory, say }: RoutesPlan): Promise<PartReport> {
  const { found, missing } = findParts(['KUBEBUILDER_ASSETS', 'SIGNALBOX_CRDS'])
  if (missing.length > 0) return { micro: [], tables: [], misses: [], leftOut: missing }
  const count = quick ? quickServices : services
  const misses: string[] = []
  const rows: Cell[][] = []
  const ratios: number[] = []
  for (let round = 1; round <= (quick ? 1 : rounds); round += 1) {
    const folder = join(directory, `routes-${round}`)
    mkdirSync(folder)
    const api = await startCluster(found.KUBEBUILDER_ASSETS, found.SIGNALBOX_CRDS, folder)
    try {
      say(`routes: round ${round}: creating ${count} AIMServices and ${count} InferenceServices, twice`)
      for (const namespace of ['first', 'second']) await fillNamespace(api, namespace, count)
      const client = new KubeClient(await loadKubeconfig(api.kubeconfig))
      // Who comes second has more in the store, so they take turns.
      const [ofBare, ofController] = round % 2 === 1 ? ['first', 'second'] : ['second', 'first']
      const runs = { bare: () => writeBare(client, ofBare), controller: () => runController(client, ofController) }
      const order = round % 2 === 1 ? (['bare', 'controller'] as const) : (['controller', 'bare'] as const)
      const passes = {} as Record<(typeof order)[number], Pass>
      for (const name of order) passes[name] = await runs[name]()
      const { bare, controller } = passes
      const ratio = controller.ms / bare.ms
      ratios.push(ratio)
      const change = await countAfterChange(api, client, ofController)
      const restart = await runController(client, ofController)
      const cells = [round, bare.writes, figure(bare.ms), controller.writes, figure(controller.ms), figure(ratio)]
      rows.push([...cells, change, restart.writes].map(String))
      say(`routes: round ${round}: ${figure(controller.ms)} ms, ${figure(ratio)} times its writes alone`)
      if (bare.writes !== controller.writes)
        misses.push(`round ${round}: ${controller.writes} writes, not ${bare.writes}`)
      if (change !== 2) misses.push(`round ${round}: ${change} writes after a change, not 2`)
      if (restart.writes !== 0) misses.push(`round ${round}: ${restart.writes} writes after a restart`)
    } finally {
      await api.stop()
    }
  }
  if (median(ratios) > ratioTarget)
    misses.push(`first pass: ${figure(median(ratios))} times its writes, at most ${ratioTarget}`)
  const table: Table = {
    title: 'Routes of services',
    columns: [
      'round',
      'writes alone',
      'ms',
      'writes of the first pass',
      'ms',
      'ratio',
      'after a change',
      'after a restart',
    ],
    rows,
    labelColumns: 1,
    note:
      `${count} AIMServices and ${count} InferenceServices on a real API server: an HTTPRoute or an Ingress and a status each. ` +
      `Alone: the same writes from the same process, ${writeLimits.concurrency} of a kind at once. The first pass begins with ` +
      'the start of the controller: lists, the lease, compiling, writing, and seeing what was written. The change is to the path of one AIMService.',
  }
  return { micro: [], tables: [table], misses, leftOut: [] }
}

/** What the controller would write, without one. */
async function writeBare(client: KubeClient, namespace: string): Promise<Pass> {
  const compiled = await compileNamespace(client, namespace)
  const startedMs = performance.now()
  const writes = compiled.flatMap(({ objects }) => objects)
  const objectsOf = (kind: ResourceKind) => writes.filter((object) => generatedKinds[object.kind] === kind)
  const servicesOf = (kind: ResourceKind) => compiled.filter(({ service }) => service.kind === kind.kind)
  await Promise.all([
    ...[kinds.httpRoute, kinds.ingress].map((kind) =>
      eachAtOnce(objectsOf(kind), writeLimits.concurrency, (object) =>
        client.apply(objectPath(kind, namespace, object.metadata.name), object, 'bare', false),
      ),
    ),
    ...[aimServices, inferenceServices].map((each) =>
      eachAtOnce(servicesOf(each.kind), writeLimits.concurrency, ({ service, status }) =>
        client.update(objectPath(each.kind, namespace, service.metadata.name, 'status'), {
          ...service,
          status: nextStatus(service, status, each, Date.now()),
        }),
      ),
    ),
  ])
  return { ms: performance.now() - startedMs, writes: writes.length + compiled.length }
}

async function compileNamespace(client: KubeClient, namespace: string): Promise<readonly CompiledService[]> {
  const list = async (kind: ResourceKind): Promise<ReadonlyMap<string, KubeObject>> => {
    const { objects } = await listAll(client, { kind, namespace })
    return new Map(objects.map((object) => [keyOf(object), object]))
  }
  const none = new Map<string, KubeObject>()
  const path = objectPath(kinds.configMap, omeConfig.namespace, omeConfig.name)
  return new RouteCompiler().compile({
    inferenceServices: await list(kinds.inferenceService),
    aimServices: await list(kinds.aimService),
    omeConfig: (await client.get(path)) as KubeObject,
    services: none,
    aimRuntimeConfigs: none,
    aimClusterRuntimeConfigs: none,
    httpRoutes: none,
  })
}

/** From the start of a controller until it has nothing more to write. */
async function runController(client: KubeClient, namespace: string): Promise<Pass> {
  const startedMs = performance.now()
  const controller = startController(client, namespace)
  await controller.start()
  const ms = (await untilDone(controller)) - startedMs
  const writes = await countWrites(controller)
  await controller.close()
  return { ms, writes }
}

async function countAfterChange(api: KubeApi, client: KubeClient, namespace: string): Promise<number> {
  const controller = startController(client, namespace)
  await controller.start()
  await untilDone(controller)
  const path = objectPath(kinds.aimService, namespace, 'aim-0')
  await api.patch(path, { spec: aimSpec(0, '/new') })
  const isDone = async () => {
    const { status } = (await api.get(path)) as { status: { routing: { path: string } } }
    return status.routing.path === `/new/${namespace}/aim-0`
  }
  while (!(await isDone())) await sleep(50)
  await untilDone(controller)
  const writes = await countWrites(controller)
  await controller.close()
  return writes
}

function startController(client: KubeClient, namespace: string): Controller {
  return new Controller(
    client,
    {
      namespace,
      routes: { omeConfig },
      poolStatusFor: undefined,
      rollouts: undefined,
      leaseNamespace: namespace,
      identity: 'bench',
      clock: systemClock,
      random: Math.random,
    },
    pino({ level: 'silent' }),
  )
}

/** Nothing to write for so long is the end of it. */
const idleMs = 1_000

/** When the last write was answered, in milliseconds of performance.now(). */
async function untilDone(controller: Controller): Promise<number> {
  let lastMs = performance.now()
  while (performance.now() - lastMs < idleMs) {
    if (!controller.isIdle) lastMs = performance.now()
    await sleep(5)
  }
  return lastMs
}

async function countWrites(controller: Controller): Promise<number> {
  let page = ''
  for await (const piece of controller.metrics.page.pieces()) page += piece
  const lines = page.split('\n').filter((line) => line.startsWith('signalbox_controller_writes_total{'))
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}
