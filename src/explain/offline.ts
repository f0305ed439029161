import pino from 'pino'
import { type Compiled, compileCatalog } from '../catalog/compile.ts'
import type { Resource } from '../catalog/resource.ts'
import { systemClock } from '../clock.ts'
import { type ConversingOptions, createConversing } from '../conversing.ts'
import { type EndpointSpec, unknownMetrics } from '../pool/endpoint.ts'
import { engineFinder } from '../pool/engines.ts'
import { LivePools } from '../pool/live-pools.ts'
import { metricsSourceLimits, openMetricsSource } from '../pool/metrics-source.ts'
import { Scraper } from '../pool/scraper.ts'
import type { Known } from '../preflight/inventory.ts'
import { createHeaderTable } from '../request/control-headers.ts'
import { defaultLimits } from '../request/limits.ts'
import { createConfiguration, readConfiguration, type SchedulingConfiguration } from '../scheduling/configuration.ts'
import { createDefaultConfiguration } from '../scheduling/default-configuration.ts'
import { readDocuments } from '../sources/document.ts'
import { createMetrics } from '../telemetry/metrics.ts'
import type { ClientRequest } from './client-request.ts'
import type { Explanation } from './explanation.ts'
import { explainRequest } from './ground.ts'
import { withServedModels } from './served-models.ts'
import { complete } from './surroundings.ts'

/** What a request is explained by where no service runs. */
export type OfflineInput = {
  readonly resources: readonly Resource[]
  /** Undefined where nothing says which there are. */
  readonly endpoints: readonly EndpointSpec[] | undefined
  /** An EndpointPickerConfig; undefined takes the one among the resources, or the default. */
  readonly configuration: { readonly name: string; readonly text: string } | undefined
  readonly rejectsUnknownModels: boolean
  readonly trustsHints: boolean
  /** Ask the endpoints for their metrics and models. */
  readonly scrapes: boolean
  /** What is known of a cluster beside the resources. */
  readonly cluster: Pick<Known, 'envoyGateways' | 'isUnread'> | undefined
}

/** Explains by resources alone, put together as a service would. @throws ConfigurationError */
export async function explainOffline(client: ClientRequest, input: OfflineInput): Promise<Explanation> {
  const { resources, cluster, scrapes } = input
  const compiled = compileCatalog(resources)
  const configuration = readScheduling(input)
  const pools = new LivePools()
  pools.update(compiled.catalog, input.endpoints ?? [])
  if (scrapes) await scrapeOnce(pools, configuration)
  else takeForIdle(pools)
  const options: ConversingOptions = { ...defaults, ...input }
  const metrics = createMetrics(
    { pools: () => [], openExchanges: () => 0, resourceProblems: () => 0 },
    { emitsLlmdNames: false },
  )
  const silent = { otlp: undefined, accessLog: undefined, decisions: undefined }
  const conversing = createConversing(options, configuration, pools, idle, metrics, silent, pino({ level: 'silent' }))
  const { catalog } = compiled
  const table = createHeaderTable([...catalog.headerNames, ...conversing.headerNames])
  const explanation = await explainRequest(client, { catalog, table }, conversing.trialGround())
  const asked = scrapes ? await withServedModels(explanation) : withoutMetrics(explanation)
  return complete(asked, client, knownOf(input, compiled, cluster))
}

const idle = { touched() {}, released() {} }

/** As `serve` has them without flags. */
const defaults = {
  limits: defaultLimits,
  keepsContentLength: false,
  emitsEndpointScores: false,
  keepsToSubset: true,
  answersModels: true,
}

function knownOf({ resources, endpoints }: OfflineInput, compiled: Compiled, cluster: OfflineInput['cluster']): Known {
  const view = cluster ?? { envoyGateways: [], isUnread: () => false }
  return { ...view, resources, compiled, endpoints, isCluster: cluster !== undefined }
}

function readScheduling({ configuration, resources }: OfflineInput): SchedulingConfiguration {
  // Metrics are read once and stay what there is, however long it takes; those that never came are stale all the same.
  const world = { nowMs: systemClock.nowMs, staleAfterMs: () => Number.MAX_VALUE }
  if (configuration !== undefined) {
    return readConfiguration(configuration.text, configuration.name, { ...world, readDocuments })
  }
  const own = resources.find(({ kind }) => kind === 'EndpointPickerConfig')
  if (own !== undefined) return createConfiguration({ value: own.object, origin: own.origin }, world)
  return createDefaultConfiguration(world)
}

/** What was never scraped counts as busy, which would hide everything else. */
function takeForIdle(pools: LivePools): void {
  const metrics = { ...unknownMetrics, updatedAtMs: systemClock.nowMs() }
  for (const endpoints of pools.members.values()) for (const endpoint of endpoints) endpoint.metrics = metrics
}

/** What was made up is not told. */
function withoutMetrics(explanation: Explanation): Explanation {
  if (explanation.endpoints.length === 0) return explanation
  const note =
    'The endpoints were not scraped: it is decided as if all were idle. Ask them with --scrape, or a running Signalbox with --server.'
  return {
    ...explanation,
    endpoints: explanation.endpoints.map(({ metrics: _, ...endpoint }) => endpoint),
    notes: [...explanation.notes, note],
  }
}

/** Once each; who does not answer stays without metrics. */
async function scrapeOnce(pools: LivePools, { dataLayer }: SchedulingConfiguration): Promise<void> {
  const scraper = new Scraper({
    clock: systemClock,
    openSource: (address) => openMetricsSource(address, systemClock, metricsSourceLimits, dataLayer),
    engineOf: engineFinder(dataLayer.engineLabelKey, dataLayer.defaultEngine, dataLayer.engineConfigs),
    onUnreachable() {},
    onReachable() {},
    limits: { failuresUntilUnreachable: 1 },
  })
  scraper.update(pools.members)
  await scraper.scrapeOnce()
  scraper.close()
}
