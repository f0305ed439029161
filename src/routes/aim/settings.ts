import { show } from '../../catalog/fields.ts'
import { type FieldPath, formatPath } from '../../catalog/problem.ts'
import { isObject } from '../../catalog/resource.ts'
import { type KubeObject, keyOf } from '../../kubernetes/object.ts'
import type { Place, Setting } from '../compiled.ts'
import { valueAt } from '../value-at.ts'

/** A value that is set, which is to say present and not null, and the field that gave it. */
export type Given = { readonly value: unknown; readonly from: Place }

/** What spec.routing says, each field by the highest layer where it is set. Values are unchecked. */
export type RoutingSettings = {
  readonly enabled: Given | undefined
  readonly gatewayRef: Given | undefined
  readonly pathTemplate: Given | undefined
  readonly requestTimeout: Given | undefined
  /** Merged key by key. */
  readonly annotations: ReadonlyMap<string, Given>
}

/** Of an object where there should be routing settings, a part that is none. */
export type Malformed = Given & { readonly allowed: string }

const routing = ['spec', 'routing'] as const
const annotations = [...routing, 'annotations'] as const

/** @param layers the AIMService, its AIMRuntimeConfig and its AIMClusterRuntimeConfig, as far as they exist, highest first */
export function readRoutingSettings(layers: readonly KubeObject[]): RoutingSettings {
  return {
    enabled: findSet(layers, [...routing, 'enabled']),
    gatewayRef: findSet(layers, [...routing, 'gatewayRef']),
    pathTemplate: findSet(layers, [...routing, 'pathTemplate']),
    requestTimeout: findSet(layers, [...routing, 'requestTimeout']),
    annotations: mergeAnnotations(layers),
  }
}

/** The field in the highest layer where it is set. */
export function findSet(layers: readonly KubeObject[], path: FieldPath): Given | undefined {
  for (const object of layers) {
    const value = valueAt(object, path)
    if (value !== undefined && value !== null) return { value, from: { object, path } }
  }
  return undefined
}

function mergeAnnotations(layers: readonly KubeObject[]): ReadonlyMap<string, Given> {
  const merged = new Map<string, Given>()
  for (const object of layers.toReversed()) {
    const given = findSet([object], annotations)?.value
    if (!isObject(given)) continue
    for (const [key, value] of Object.entries(given)) {
      if (value !== null && value !== undefined) {
        merged.set(key, { value, from: { object, path: [...annotations, key] } })
      }
    }
  }
  return merged
}

/** What keeps a layer, or whether routing is on, from being read. */
export function findMalformedRouting(
  layers: readonly KubeObject[],
  { enabled }: RoutingSettings,
): Malformed | undefined {
  const part = findNoObject(layers, ['spec']) ?? findNoObject(layers, routing)
  if (part !== undefined) return part
  if (enabled === undefined || typeof enabled.value === 'boolean') return undefined
  return { ...enabled, allowed: 'true or false' }
}

/** What can't be an annotation of an HTTPRoute. */
export function findMalformedAnnotation(
  layers: readonly KubeObject[],
  settings: RoutingSettings,
): Malformed | undefined {
  const part = findNoObject(layers, annotations)
  if (part !== undefined) return part
  for (const given of settings.annotations.values()) {
    if (typeof given.value !== 'string') return { ...given, allowed: 'a string' }
  }
  return undefined
}

function findNoObject(layers: readonly KubeObject[], path: FieldPath): Malformed | undefined {
  for (const object of layers) {
    const given = findSet([object], path)
    if (given !== undefined && !isObject(given.value)) return { ...given, allowed: 'an object' }
  }
  return undefined
}

/** `spec.routing.enabled of AIMService ml-team/chat: found "yes", allowed: true or false`. */
export function describeMalformed({ value, from, allowed }: Malformed): string {
  return `${describePlace(from)}: found ${show(value)}, allowed: ${allowed}`
}

/** `spec.routing.gatewayRef of AIMClusterRuntimeConfig default`. */
export function describePlace({ object, path }: Place): string {
  return `${formatPath(path)} of ${object.kind} ${keyOf(object).replace(/^\//, '')}`
}

/** For people, in the order of the documentation. */
export function listRoutingSettings(settings: RoutingSettings, defaultTemplate: string): readonly Setting[] {
  const { enabled, gatewayRef, pathTemplate, requestTimeout } = settings
  const list: Setting[] = [enabled === undefined ? unset('routing.enabled', false) : asSetting(enabled)]
  if (gatewayRef !== undefined) list.push(asSetting(gatewayRef))
  if (pathTemplate === undefined) list.push(unset('routing.pathTemplate', defaultTemplate))
  else
    list.push({ ...asSetting(pathTemplate), value: pathTemplate.value === '' ? defaultTemplate : pathTemplate.value })
  if (requestTimeout !== undefined) list.push(asSetting(requestTimeout))
  for (const given of settings.annotations.values()) list.push(asSetting(given))
  return list
}

const unset = (name: string, value: unknown): Setting => ({ name, value, from: 'default' })

/** By its name without `spec`. */
export function asSetting({ value, from }: Given): Setting {
  return { name: formatPath(from.path.slice(1)), value, from }
}
