import { z } from 'zod'
import {
  type BandOptions,
  defaultBandOptions,
  defaultFlowControlOptions,
  type FairnessOptions,
  type FlowControlOptions,
  fairnessKinds,
  type OrderingOptions,
  orderingKinds,
  type UsageLimitOptions,
  usageLimitKinds,
} from '../admission/options.ts'
import type { FieldPath } from '../catalog/problem.ts'
import type { PluginSet } from './configuration-plugins.ts'
import { quantity } from './configuration-quantity.ts'
import type { ConfigurationReader } from './configuration-reader.ts'
import { type Setting, type SettingRole, settingKind } from './configuration-settings.ts'
import { goDuration } from './go-duration.ts'
import type { PluginKind } from './plugin-kind.ts'

export const flowPolicyPluginKinds: readonly PluginKind[] = [
  ...policyKinds('fairness policy', fairnessKinds),
  ...policyKinds('ordering policy', orderingKinds),
  ...policyKinds('usage limit policy', usageLimitKinds),
]

function policyKinds(role: SettingRole, kinds: Readonly<Record<string, z.ZodType>>): PluginKind<Setting>[] {
  return Object.entries(kinds).map(([type, schema]) => settingKind(role, type, schema))
}

const band = z.strictObject({
  priority: z.int(),
  maxBytes: quantity.optional(),
  maxRequests: quantity.optional(),
  fairnessPolicyRef: z.string().optional(),
  orderingPolicyRef: z.string().optional(),
})

/** Stands for all priorities without a band, so its own says nothing. */
const defaultBandSchema = band.extend({ priority: z.int().optional() })

const flowControl = z.strictObject({
  saturationDetector: z.unknown().optional(),
  maxBytes: quantity.optional(),
  maxRequests: quantity.optional(),
  defaultRequestTTL: goDuration.optional(),
  noEndpointRequestTTL: goDuration.optional(),
  defaultPriorityBand: defaultBandSchema.optional(),
  defaultNegativePriorityBand: defaultBandSchema.optional(),
  priorityBands: z.array(band).default([]),
  usageLimitPolicyPluginRef: z.string().optional(),
  enableEviction: z.boolean().default(false),
})

/** The section `flowControl`; the defaults without one, or after an error. */
export function readFlowControl(section: unknown, plugins: PluginSet, reader: ConfigurationReader): FlowControlOptions {
  const at = 'flowControl'
  const read = reader.read(flowControl.optional(), section ?? undefined, [at])
  if (read === undefined) return defaultFlowControlOptions
  if (read.enableEviction) reader.warn([at, 'enableEviction'], 'has no effect: requests that run are not evicted')
  const defaultBand =
    read.defaultPriorityBand === undefined
      ? defaultFlowControlOptions.defaultBand
      : bandOf(read.defaultPriorityBand, [at, 'defaultPriorityBand'], plugins)
  const defaultNegativeBand =
    read.defaultNegativePriorityBand === undefined
      ? undefined
      : bandOf(read.defaultNegativePriorityBand, [at, 'defaultNegativePriorityBand'], plugins)
  const bands = read.priorityBands.map((given, i) => ({
    priority: given.priority,
    ...bandOf(given, [at, 'priorityBands', i], plugins),
  }))
  for (const [i, { priority }] of bands.entries()) {
    if (bands.findIndex((other) => other.priority === priority) < i) {
      reader.error([at, 'priorityBands', i, 'priority'], `a second band of priority ${priority}, allowed: each once`)
    }
  }
  const defaultRequestTtlMs = read.defaultRequestTTL ?? defaultFlowControlOptions.defaultRequestTtlMs
  return {
    // 0 is no limit.
    maxBytes: read.maxBytes || undefined,
    maxRequests: read.maxRequests || undefined,
    defaultRequestTtlMs,
    noEndpointTtlMs: read.noEndpointRequestTTL ?? defaultRequestTtlMs,
    bands,
    defaultBand,
    defaultNegativeBand,
    usageLimit: (policy(
      read.usageLimitPolicyPluginRef,
      'usage limit policy',
      [at, 'usageLimitPolicyPluginRef'],
      plugins,
    ) ?? defaultFlowControlOptions.usageLimit) as UsageLimitOptions,
  }
}

function bandOf(given: Omit<z.output<typeof band>, 'priority'>, path: FieldPath, plugins: PluginSet): BandOptions {
  const { fairnessPolicyRef, orderingPolicyRef } = given
  return {
    // The bands always have a limit: 0 is the default.
    maxBytes: given.maxBytes || defaultBandOptions.maxBytes,
    maxRequests: given.maxRequests || defaultBandOptions.maxRequests,
    fairness: (policy(fairnessPolicyRef, 'fairness policy', [...path, 'fairnessPolicyRef'], plugins) ??
      defaultBandOptions.fairness) as FairnessOptions,
    ordering: (policy(orderingPolicyRef, 'ordering policy', [...path, 'orderingPolicyRef'], plugins) ??
      defaultBandOptions.ordering) as OrderingOptions,
  }
}

/** Policies that stand for themselves by their type, as the reference's defaults do, without an entry in the plugins. */
const implied = ['global-strict-fairness-policy', 'fcfs-ordering-policy', 'static-usage-limit-policy']

function policy(
  name: string | undefined,
  role: 'fairness policy' | 'ordering policy' | 'usage limit policy',
  path: FieldPath,
  plugins: PluginSet,
): { readonly type: string; readonly parameters: unknown } | undefined {
  const found = name ? plugins.named(name, role, path, implied) : undefined
  return found && { type: found.type, parameters: found.parameters }
}
