import type { Place } from '../compiled.ts'

/** Why nothing is generated for a service, where that is an error. */
export type FailureReason =
  | 'NameInvalid'
  | 'DeploymentModeInvalid'
  | 'ConfigInvalid'
  | 'AuthUnsupported'
  | 'DomainTemplateInvalid'
  | 'PathTemplateInvalid'

/** Ends the compilation of one service: thrown where the first fault is found, made a condition of by the compiler. */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly reason: FailureReason
  /** The field to mend. */
  readonly at: Place

  /** @param message names the field and its value */
  constructor(reason: FailureReason, message: string, at: Place) {
    super(message)
    this.reason = reason
    this.at = at
  }
}

/**
 * @param field as its documents call it, e.g. `ome.io/ingress-domain`, `ingress.urlScheme`
 * @param allowed in words
 */
export function configInvalid(field: string, found: unknown, allowed: string, at: Place): Failure {
  return new Failure('ConfigInvalid', `${field}: found ${showFound(found)}, allowed: ${allowed}`, at)
}

/** More than any template or host name needs; a condition has no room for all that an annotation can hold. */
const maxShownChars = 1000

/** Text as it is written, without escapes, as people look for it in their manifests; of other values the type, too. */
export function showFound(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (typeof value === 'string') return `"${shorten(value)}"`
  if (typeof value !== 'object') return `${shorten(String(value))} (a ${typeof value})`
  const type = Array.isArray(value) ? 'a list' : 'an object'
  try {
    return `${shorten(JSON.stringify(value))} (${type})`
  } catch {
    // Aliases of YAML can make an object a part of itself.
    return type
  }
}

/** Without halves of characters: an API server would not give them back as they were sent. */
export function shorten(text: string): string {
  const shown = text.length > maxShownChars ? `${text.slice(0, maxShownChars)}…` : text
  return shown.toWellFormed()
}
