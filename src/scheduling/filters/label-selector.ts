import { z } from 'zod'
import type { Endpoint } from '../../pool/endpoint.ts'
import type { PluginContext } from '../plugin.ts'
import { filterKind } from '../plugin-kind.ts'
import { narrow } from './narrow.ts'

const key = z.string().min(1)

const requirement = z
  .strictObject({
    key,
    operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
    values: z.array(z.string()).default([]),
  })
  .superRefine(({ operator, values }, context) => {
    const comparesValues = operator === 'In' || operator === 'NotIn'
    if (comparesValues === values.length > 0) return
    const message = `${operator} takes ${comparesValues ? 'at least one value' : 'no values'}`
    context.addIssue({ code: 'custom', path: ['values'], message })
  })

type Requirement = z.output<typeof requirement>

/** A LabelSelector of Kubernetes (meta/v1): all of it must hold; an empty one holds for every server. */
const labelSelector = z.strictObject({
  matchLabels: z.record(key, z.string()).default({}),
  matchExpressions: z.array(requirement).default([]),
})

function selecting({ matchLabels, matchExpressions }: z.output<typeof labelSelector>) {
  const requirements: readonly Requirement[] = [
    ...Object.entries(matchLabels).map(([key, value]) => ({ key, operator: 'In' as const, values: [value] })),
    ...matchExpressions,
  ]
  return {
    filter: (_request: unknown, candidates: readonly Endpoint[]) => narrow(candidates, meetsAll, requirements),
  }
}

function meetsAll(endpoint: Endpoint, requirements: readonly Requirement[]): boolean {
  for (const requirement of requirements) if (!meets(endpoint.labels[requirement.key], requirement)) return false
  return true
}

function meets(label: string | undefined, requirement: Requirement): boolean {
  switch (requirement.operator) {
    case 'In':
      return label !== undefined && requirement.values.includes(label)
    case 'NotIn':
      return label === undefined || !requirement.values.includes(label)
    case 'Exists':
      return label !== undefined
    case 'DoesNotExist':
      return label === undefined
  }
}

/** Keeps the servers whose labels a selector matches. */
export const labelSelectorFilter = filterKind('label-selector-filter', labelSelector, selecting)

/** The same under its name of before. */
export const byLabelSelectorFilter = filterKind('by-label-selector', labelSelector, (selector, context) => {
  isOld('by-label-selector', context)
  return selecting(selector)
})

const byLabel = z
  .strictObject({
    label: key,
    validValues: z.array(z.string()).default([]),
    /** Keeps servers that don't have the label, too. */
    allowsNoLabel: z.boolean().default(false),
  })
  .refine(({ validValues, allowsNoLabel }) => validValues.length > 0 || allowsNoLabel, {
    error: 'needs at least one value, or no server would ever be kept',
    path: ['validValues'],
  })

type ByLabel = z.output<typeof byLabel>

/** Keeps the servers that have one of some values for a label. */
export const byLabelFilter = filterKind('by-label', byLabel, (parameters, context) => {
  isOld('by-label', context)
  return { filter: (_request, candidates) => narrow(candidates, hasValue, parameters) }
})

function hasValue(endpoint: Endpoint, { label, validValues, allowsNoLabel }: ByLabel): boolean {
  const value = endpoint.labels[label]
  return value === undefined ? allowsNoLabel : validValues.includes(value)
}

function isOld(type: string, { warn }: PluginContext): void {
  warn(`${type}: the type is on its way out of llm-d; label-selector-filter does the same.`)
}
