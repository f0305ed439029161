import { FlowController } from '../../src/admission/flow-controller.ts'
import { FlowItem } from '../../src/admission/flow-item.ts'
import { defaultFlowControlOptions } from '../../src/admission/options.ts'
import type { TargetSplit } from '../../src/catalog/catalog.ts'
import { compileCatalog } from '../../src/catalog/compile.ts'
import { createControllerMetrics } from '../../src/controller/metrics.ts'
import { Discovery } from '../../src/extension/discovery.ts'
import { messages } from '../../src/extension/messages.ts'
import { createMetrics as createExtensionMetrics } from '../../src/extension/metrics.ts'
import type { ResourceKind } from '../../src/kubernetes/object.ts'
import { LivePools } from '../../src/pool/live-pools.ts'
import type { RefusalCode } from '../../src/request/errors.ts'
import type { Route } from '../../src/request/resolve.ts'
import { createDefaultConfiguration } from '../../src/scheduling/default-configuration.ts'
import type { PrefixMatches } from '../../src/scheduling/plugin.ts'
import { createScheduler } from '../../src/scheduling/scheduler.ts'
import { readManifests } from '../../src/sources/manifests.ts'
import { createLog } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import type { MetricsPage } from '../../src/telemetry/metrics-page.ts'
import { sampleEvery } from '../../src/telemetry/scheduling-times.ts'
import { ManualClock } from '../pool/manual-clock.ts'
import { endpoints, schedulingRequest, seededRandom } from '../scheduling/endpoints.ts'
import { flightTo, requestWith, responseWith, routeTo } from '../telemetry/requests.ts'
import { type ParsedSample, parsePage } from '../telemetry/text-format.ts'

/** A metric as a page has it, and the series that it has after all has happened that can happen. */
export type PageFamily = {
  readonly type: string
  readonly labelNames: readonly string[]
  readonly samples: readonly ParsedSample[]
}

/** What the pages of `serve`, the controller and the extension server have, by name. */
export async function pageFamilies(refusals: readonly RefusalCode[]): Promise<ReadonlyMap<string, PageFamily>> {
  const families = new Map<string, PageFamily>()
  for (const page of [servePage(refusals), controllerPage(), extensionPage()]) {
    const declared = new Map([...declarations(page)])
    for (const [name, { type, samples }] of parsePage(await page.metrics())) {
      families.set(name, { type, labelNames: declared.get(name)!, samples })
    }
  }
  return families
}

function* declarations({ families, registry }: MetricsPage): Generator<[name: string, labelNames: readonly string[]]> {
  for (const { name, labelNames } of families) yield [name, labelNames]
  type Registered = { readonly name: string; readonly labelNames: readonly string[] }
  for (const { name, labelNames } of registry.getMetricsAsArray() as unknown as Registered[]) yield [name, labelNames]
}

class Waiting extends FlowItem {
  readonly model = 'qwen'
  readonly targetModel = 'qwen-v2'
  onAdmitted(): void {}
  onRejected(): void {}
}

const rollout = { resource: 'InferenceModel default/qwen' }

/** A pool of two endpoints that has seen answers, refusals, a queue and decisions. */
function servePage(refusals: readonly RefusalCode[]): MetricsPage {
  const servers = endpoints({ name: 'a', queued: 1, kvUsage: 0.5 }, { name: 'b', isReachable: false })
  const metrics = createMetrics(
    {
      openExchanges: () => 1,
      pools: () => [['default/pool', { queued: 1, running: 1, kvUsage: 0.5, ready: 2 }]],
      resourceProblems: () => 1,
      endpoints: () => servers,
      saturation: () => 0.5,
      heldBytes: () => 10,
      heldBytesLimit: () => 1000,
      prefixIndexSize: () => 5,
      splits: () => [{ targets: [{ name: 'qwen-v2', weight: 1 }], totalWeight: 2, rollout } as unknown as TargetSplit],
    },
    { emitsLlmdNames: false },
  )
  const { conversationObserver: observer, exchangeErrors, unroutable, scheduling } = metrics
  for (const reason of ['malformed', 'internal']) exchangeErrors.inc({ reason })
  unroutable.inc()
  const route = { ...routeTo('default/pool', 'rewrite'), rollout } as Route
  for (const [status, isStream] of [
    [200, true],
    [200, false],
    [503, false],
  ] as const) {
    const request = requestWith({ model: 'qwen', target: 'qwen-v2', isEnded: false, queuedAtMs: 1_001 })
    const usage = { promptTokens: 100, completionTokens: 50, cachedTokens: 80 }
    const times = isStream ? { firstTokenAtMs: 1_500, events: 50 } : {}
    observer.decided(request, route, flightTo(servers[0]), 10)
    observer.ended(request, flightTo(servers[0]), responseWith({ status, isStream, usage, model: 'qwen-v2', ...times }))
  }
  for (const code of refusals) observer.refused(code, requestWith({ model: 'qwen' }))

  const pool = { saturation: () => 0, hasEndpoints: () => true }
  const queue = metrics.queueObserver('default/pool')
  const controller = new FlowController(defaultFlowControlOptions, { pool, clock: new ManualClock(), observer: queue })
  controller.offer(
    new Waiting({
      priority: 0,
      fairnessId: 'team',
      bytes: 10,
      ttlMs: undefined,
      sloTtftMs: undefined,
      receivedAtMs: 0,
    }),
  )

  const configuration = createDefaultConfiguration({ nowMs: () => 0, staleAfterMs: (thresholdMs) => thresholdMs })
  const matches = { type: 'x', totalBytes: () => 100, matchedBytes: () => 50 } as unknown as PrefixMatches
  const scheduler = scheduling.timedScheduler(
    createScheduler(scheduling.timed(configuration), { keepsScores: false }),
    [matches],
  )
  for (let i = 0; i < sampleEvery; i += 1) scheduler.schedule(schedulingRequest(), servers, seededRandom())
  return metrics.registry
}

const kind: ResourceKind = {
  apiVersion: 'inference.networking.x-k8s.io/v1alpha2',
  kind: 'InferenceModel',
  plural: 'inferencemodels',
}

function controllerPage(): MetricsPage {
  const metrics = createControllerMetrics({
    isLeader: () => true,
    pendingWrites: () => 1,
    resourceProblems: () => 1,
    services: () => [[kind, 'Ready', 1]],
    rollouts: () => [{ resource: 'InferenceModel default/qwen', target: 'qwen-v2', phase: 'RolledBack' }],
    watches: () => [[kind, { name: 'forbidden', message: '' }]],
  })
  for (const result of ['written', 'failed'] as const) {
    metrics.countWrite(kind, result)
    metrics.countEvent(result)
  }
  return metrics.page
}

function extensionPage(): MetricsPage {
  const log = createLog(0)
  const discoveries = {
    endpoints: new Discovery(messages.loadAssignment.typeUrl, log),
    filters: new Discovery(messages.extension.typeUrl, log),
  }
  const pools = new LivePools()
  const pool = {
    apiVersion: 'inference.networking.k8s.io/v1',
    kind: 'InferencePool',
    metadata: { name: 'pool' },
    spec: {
      selector: { matchLabels: { app: 'x' } },
      targetPorts: [{ number: 8000 }],
      endpointPickerRef: { name: 'x', port: { number: 9002 } },
    },
  }
  pools.update(compileCatalog(readManifests('pool.yaml', JSON.stringify(pool)).resources).catalog, [])
  const { page, hooks } = createExtensionMetrics(pools, discoveries)
  for (const outcome of ['ok', 'error']) hooks.inc({ hook: 'postTranslateModify', outcome })
  return page
}
