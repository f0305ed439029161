import { isObject } from '../catalog/resource.ts'
import { type Condition, type Finding, readConditions, transition } from './condition.ts'

/** What the status of an InferencePool shall say of one Gateway. */
export type ParentFinding = {
  readonly namespace: string
  readonly name: string
  readonly findings: readonly Finding[]
}

/** How the two versions of the API write the list, which both have as an atomic one. */
export type ParentFormat = {
  readonly field: 'parents' | 'parent'
  /** Entries say whose they are. */
  readonly hasControllerName: boolean
  /** A pool without Gateways has an entry of kind Status. */
  readonly hasPlaceholder: boolean
}

export const parentFormatV1: ParentFormat = { field: 'parents', hasControllerName: true, hasPlaceholder: false }
export const parentFormatV1alpha2: ParentFormat = { field: 'parent', hasControllerName: false, hasPlaceholder: true }

export const controllerName = 'signalbox.dev/controller'

/** Marks entries of ours: v1alpha2, and the first v1, have no controllerName to tell them by. */
const markType = 'signalbox.dev/Controller'

/** Of both lists. */
const maxParents = 32

const gatewayGroup = 'gateway.networking.k8s.io'

type Entry = {
  readonly parentRef: {
    readonly group?: string
    readonly kind?: string
    readonly name: string
    readonly namespace?: string
  }
  readonly controllerName?: string
  readonly conditions?: readonly Condition[]
}

/**
 * The status with our entries as they shall be, and all others as they are; undefined when it is so already.
 * @param namespace of the pool
 */
export function withParents(
  status: unknown,
  wanted: readonly ParentFinding[],
  format: ParentFormat,
  namespace: string,
  epochMs: number,
): Record<string, unknown> | undefined {
  const before = isObject(status) ? status : {}
  const list = before[format.field]
  const entries = (Array.isArray(list) ? list : []) as Entry[]
  const ours = entries.filter(isOurs)
  const others = entries.filter((entry) => !isOurs(entry) && !isPlaceholder(entry))
  const kept = wanted.slice(0, Math.max(0, maxParents - others.length))
  const next = kept.map((parent) => entryFor(parent, ours, format, namespace, epochMs))
  const isSame = next.length === ours.length && next.every((entry) => ours.includes(entry))
  // A placeholder that has company is not ours to remove as long as we have nothing to say.
  if (isSame && (ours.length === 0 || others.length + ours.length === entries.length)) return undefined
  const all = [...others, ...next]
  return { ...before, [format.field]: all.length === 0 && format.hasPlaceholder ? [placeholder] : all }
}

/** The same entry as before when nothing in it changes. */
function entryFor(
  { namespace: gatewayNamespace, name, findings }: ParentFinding,
  ours: readonly Entry[],
  { hasControllerName }: ParentFormat,
  namespace: string,
  epochMs: number,
): Entry {
  const known = ours.find(
    ({ parentRef }) => parentRef.name === name && (parentRef.namespace ?? namespace) === gatewayNamespace,
  )
  const before = readConditions(known)
  const mark: Finding = { type: markType, status: 'True', reason: 'Written', message: controllerName }
  const written = [...findings, mark].map((each) => transition(each, before, epochMs))
  const foreign = before.filter(({ type }) => !written.some((each) => each.type === type))
  const conditions = [...written, ...foreign]
  if (known !== undefined && conditions.length === before.length && conditions.every((each) => before.includes(each))) {
    return known
  }
  return {
    parentRef: { group: gatewayGroup, kind: 'Gateway', name, namespace: gatewayNamespace },
    ...(hasControllerName && { controllerName }),
    conditions,
  }
}

const isOurs = (entry: Entry): boolean =>
  entry.controllerName === controllerName || readConditions(entry).some(({ type }) => type === markType)

/** v1alpha2: says that no controller has taken the pool on. */
const placeholder: Entry = {
  parentRef: { group: gatewayGroup, kind: 'Status', name: 'default' },
  conditions: [
    {
      type: 'Accepted',
      status: 'Unknown',
      reason: 'Pending',
      message: 'Waiting for controller',
      lastTransitionTime: '1970-01-01T00:00:00Z',
    },
  ],
}

const isPlaceholder = ({ parentRef }: Entry): boolean => parentRef.kind === 'Status' && parentRef.name === 'default'
