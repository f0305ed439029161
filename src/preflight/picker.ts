import { baseModelNameHeader, modelNameHeader } from '../request/control-headers.ts'
import { type Listener, policyOfRule, type ServedListener, servedListeners } from './attachment.ts'
import { findEntry } from './entry.ts'
import type { Inventory, PolicyEntry, RouteEntry } from './inventory.ts'
import { type ExtProc, extensionPolicy, type PolicySpec, type RouteMatch, type RouteRule } from './schema.ts'

/** Our port, and that of every endpoint picker whose pool names none. */
export const defaultPickerPort = 9002

/** An entry of `spec.extProc` that leads to Signalbox, or to whatever else takes the model from bodies. */
export type Picker = { readonly policy: PolicyEntry; readonly index: number; readonly extProc: ExtProc }

/** The inventory, and what of it has to do with a picker. */
export type Survey = Inventory & {
  readonly pickers: readonly Picker[]
  /** Listeners that have routes. */
  readonly listeners: readonly ServedListener[]
  /** Those where a picker is asked for at least one of the routes. */
  readonly pickedListeners: readonly ServedListener[]
}

export function survey(inventory: Inventory): Survey {
  const pickers = pickersOf(inventory)
  const listeners = servedListeners(inventory)
  const found = { ...inventory, pickers, listeners, pickedListeners: [] }
  const pickedListeners = listeners.filter((listener) =>
    listener.routes.some((route) =>
      route.value.spec.rules.some((rule) => pickerOf(found, route, rule, listener) !== undefined),
    ),
  )
  return { ...found, pickedListeners }
}

function pickersOf(inventory: Inventory): Picker[] {
  return inventory.policies.EnvoyExtensionPolicy.flatMap((policy) => {
    const extProcs = readExtProcs(policy.value.spec)
    const named = extProcs
      .map((extProc, index) => ({ policy, index, extProc }))
      .filter(({ extProc }) => leadsToPicker(inventory, policy, extProc))
    if (named.length > 0) return named
    // Names are anyone's choice. One that is alone where routes match on model names is there to say the model.
    return extProcs.length === 1 && targetsMatchModels(inventory, policy)
      ? [{ policy, index: 0, extProc: extProcs[0] }]
      : []
  })
}

/** The picker that requests of this rule go by when it is the first that they match. */
export function pickerOf(survey: Survey, route: RouteEntry, rule: RouteRule, listener: Listener): Picker | undefined {
  const effective = policyOfRule(survey, 'EnvoyExtensionPolicy', route, rule.name, listener)
  if (effective === undefined) return undefined
  const extProcs = readExtProcs(effective.spec)
  return survey.pickers.find(
    ({ policy, extProc }) =>
      (policy === effective.policy || policy === effective.parent) &&
      extProcs.some((each) => isSameBackend(each, extProc)),
  )
}

const isSameBackend = (a: ExtProc, b: ExtProc): boolean =>
  JSON.stringify(a.backendRefs) === JSON.stringify(b.backendRefs)

function readExtProcs(spec: PolicySpec): readonly ExtProc[] {
  return extensionPolicy.safeParse(spec).data?.extProc ?? []
}

function leadsToPicker(inventory: Inventory, policy: PolicyEntry, { backendRefs }: ExtProc): boolean {
  return backendRefs.some(({ kind, namespace = policy.namespace, name, port }) => {
    if (name.includes('signalbox') || port === defaultPickerPort) return true
    if (kind === 'Backend') {
      const endpoints = findEntry(inventory.backends, namespace, name)?.value.spec.endpoints ?? []
      return endpoints.some(({ ip, fqdn }) => (ip ?? fqdn)?.port === defaultPickerPort)
    }
    return inventory.pools.some(({ namespace: ownNamespace, value }) => {
      const { endpointPickerRef, extensionRef } = value.spec
      return ownNamespace === namespace && (endpointPickerRef ?? extensionRef)?.name === name
    })
  })
}

function targetsMatchModels({ routes }: Inventory, { targets }: PolicyEntry): boolean {
  const isTargeted = (route: RouteEntry) =>
    targets.some(
      ({ entry }) =>
        entry === route ||
        (entry.resource.kind === 'Gateway' &&
          route.value.spec.parentRefs.some(
            ({ namespace = route.namespace, name }) => namespace === entry.namespace && name === entry.name,
          )),
    )
  return routes.some(
    (route) => isTargeted(route) && route.value.spec.rules.some(({ matches }) => matches.some(isModelMatch)),
  )
}

const headersNamed = ({ headers }: RouteMatch, wanted: string) =>
  headers.filter(({ name }) => name.toLowerCase() === wanted)

/** The header that we set from the body, and that routes match on. */
export const modelHeadersOf = (match: RouteMatch) => headersNamed(match, modelNameHeader)

export const isModelMatch = (match: RouteMatch): boolean => modelHeadersOf(match).length > 0

/** Whether the base model of an adapter decides. */
export const isBaseModelMatch = (match: RouteMatch): boolean => headersNamed(match, baseModelNameHeader).length > 0

/** What every request matches that no other rule wants: any path, no condition that a body can't meet at first. */
export const isCatchAll = ({ path, headers, queryParams }: RouteMatch): boolean =>
  path.type === 'PathPrefix' && path.value === '/' && headers.length === 0 && queryParams.length === 0
