import { z } from 'zod'
import { show } from '../catalog/fields.ts'
import { didYouMean } from '../catalog/nearest.ts'
import type { Endpoint } from '../pool/endpoint.ts'
import { engineNames, parseSelector } from '../pool/engines.ts'
import { settingKind } from './configuration-settings.ts'
import { goDuration } from './go-duration.ts'

const file = z.string().optional()

/** Accepted: they have no effect. */
export const certificateFiles = ['caCertPath', 'clientCertPath', 'clientKeyPath'] as const
export const cacheFields = [
  'cacheBlockSizeLabelName',
  'cacheNumBlocksLabelName',
  'cacheBlockSizeSpec',
  'cacheNumBlocksSpec',
] as const

const sourceParameters = z.strictObject({
  scheme: z.enum(['http', 'https']).default('http'),
  path: z.string().startsWith('/', 'a path that begins with /').default('/metrics'),
  /** Instead of the endpoint's own port. */
  port: z.int().min(1).max(65_535).optional(),
  insecureSkipVerify: z.boolean().default(true),
  caCertPath: file,
  clientCertPath: file,
  clientKeyPath: file,
  interval: goDuration.optional(),
})

const selector = z
  .string()
  .refine((text) => text === '' || parseSelector(text) !== undefined, {
    error: ({ input }) => `found ${show(input)}, allowed: a metric with at most one label, such as name{label=value}`,
  })
  .default('')

const engineConfig = z.strictObject({
  name: z.string().regex(/\S/, 'a name'),
  queuedRequestsSpec: selector,
  runningRequestsSpec: selector,
  kvUsageSpec: selector,
  loraSpec: selector,
  cacheInfoSpec: selector,
  cacheBlockSizeLabelName: z.string().optional(),
  cacheNumBlocksLabelName: z.string().optional(),
  cacheBlockSizeSpec: z.string().optional(),
  cacheNumBlocksSpec: z.string().optional(),
  customMetrics: z.array(z.strictObject({ attributeKey: z.string(), metricSpec: z.string() })).default([]),
})

const extractorParameters = z
  .strictObject({
    engineLabelKey: z.string().optional(),
    defaultEngine: z.string().default('vllm'),
    engineConfigs: z.array(engineConfig).default([]),
  })
  .superRefine(({ defaultEngine, engineConfigs }, context) => {
    const names = [...engineNames, ...engineConfigs.map(({ name }) => name)]
    if (names.includes(defaultEngine)) return
    const near = didYouMean(defaultEngine, names) || `, allowed: ${names.join(', ')}`
    context.addIssue({
      code: 'custom',
      path: ['defaultEngine'],
      message: `unknown engine ${show(defaultEngine)}${near}`,
    })
  })

/** The metrics of one kind of model server, as PromQL selectors; '' for none. */
export type EngineConfig = z.output<typeof engineConfig>

/** How the metrics of endpoints are fetched and read. */
export type DataLayer = {
  readonly scheme: 'http' | 'https'
  readonly path: string
  /** Undefined is each endpoint's own port. */
  readonly port: number | undefined
  readonly insecureSkipVerify: boolean
  /** From one scrape to the next; undefined is the service's own. */
  readonly intervalMs: number | undefined
  /** The label of endpoints that names their engine; undefined is the usual ones. */
  readonly engineLabelKey: string | undefined
  /** The engine of endpoints without that label. */
  readonly defaultEngine: string
  /** Engines beside the built-in ones, or in place of those of the same name. */
  readonly engineConfigs: readonly EngineConfig[]
}

export const metricsDataSource = settingKind('data source', 'metrics-data-source', sourceParameters)

/** Gives out what it extracts under the names that the reference's attributes have. */
const metricAttributes = {
  attribute({ metrics }: Endpoint, key: string): number | undefined {
    switch (key) {
      case 'WaitingQueueSize':
        return metrics.queued
      case 'RunningRequestsSize':
        return metrics.running
      case 'KVCacheUsagePercent':
        return metrics.kvUsage
      case 'MaxActiveModels':
        return metrics.maxAdapters
      default:
        return undefined
    }
  },
}

export const coreMetricsExtractor = settingKind(
  'extractor',
  'core-metrics-extractor',
  extractorParameters,
  metricAttributes,
)

/** Its name before GIE 1.5. */
export const modelServerProtocolMetrics = settingKind(
  'extractor',
  'model-server-protocol-metrics',
  extractorParameters,
  metricAttributes,
)

export type SourceParameters = z.output<typeof sourceParameters>
export type ExtractorParameters = z.output<typeof extractorParameters>

export function dataLayerOf(
  source: SourceParameters | undefined,
  extractor: ExtractorParameters | undefined,
): DataLayer {
  const { scheme, path, port, insecureSkipVerify, interval } = source ?? sourceParameters.parse({})
  const { engineLabelKey, defaultEngine, engineConfigs } = extractor ?? extractorParameters.parse({})
  return { scheme, path, port, insecureSkipVerify, intervalMs: interval, engineLabelKey, defaultEngine, engineConfigs }
}
