import { show } from '../../catalog/fields.ts'
import type { FieldPath } from '../../catalog/problem.ts'
import { isObject } from '../../catalog/resource.ts'
import type { ParentRef } from '../parent-ref.ts'
import type { Given } from './settings.ts'

/** What keeps a gatewayRef from being used; `path` is inside of it. */
export type GatewayRefFault = { readonly path: FieldPath; readonly found: unknown; readonly allowed: string }

const defaults = { group: 'gateway.networking.k8s.io', kind: 'Gateway' } as const

/** Reads a reference as gateway.networking.k8s.io/v1 ParentReference, with group and kind filled in and null as absent. */
export function readGatewayRef({ value }: Given): ParentRef | GatewayRefFault {
  if (!isObject(value)) return { path: [], found: value, allowed: 'an object with a name' }
  const given = Object.fromEntries(
    fields.map(([field]) => [field, value[field]]).filter(([, found]) => found !== undefined && found !== null),
  )
  for (const [field, isAllowed, allowed] of fields) {
    if (field in given ? !isAllowed(given[field]) : field === 'name') {
      return { path: [field], found: given[field], allowed }
    }
  }
  return { ...defaults, ...given } as ParentRef
}

const isName = (value: unknown): boolean => typeof value === 'string' && value !== ''
const name = 'a text that is not empty'

/** In the order in which they are written. */
const fields: readonly (readonly [field: keyof ParentRef, isAllowed: (value: unknown) => boolean, allowed: string])[] =
  [
    // That of Services is ''.
    ['group', (value) => typeof value === 'string', 'a string'],
    ['kind', isName, name],
    ['name', isName, name],
    ['namespace', isName, name],
    ['sectionName', isName, name],
    ['port', (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 65535, '1 to 65535'],
  ]

/** `found "", allowed: a text that is not empty`. */
export function describeFault({ found, allowed }: GatewayRefFault): string {
  return `found ${show(found)}, allowed: ${allowed}`
}
