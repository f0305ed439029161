import { createHash } from 'node:crypto'
import type { KubeObject } from '../../kubernetes/object.ts'
import { countCharacters } from './characters.ts'
import { toSegment } from './path.ts'

/** Names that are derived from that of an AIMService. */
export type DerivedNames = {
  readonly httpRoute: string
  readonly inferenceService: string
  /** The Service that KServe makes for the InferenceService. */
  readonly backend: string
  /** The first two with their namespace, as `namespace/name`: made once, as they are looked up after each change. */
  readonly httpRouteKey: string
  readonly inferenceServiceKey: string
}

/** Of a DNS label. An InferenceService and its namespace make one together, in its host name. */
const maxChars = 63
const maxInferenceServiceChars = 52
/** `-` and the hash. */
const suffixChars = 9

/** With a longer one there is no room for a name of one character. */
const maxNamespaceChars = maxInferenceServiceChars - suffixChars - 1

export function deriveNames({ metadata }: KubeObject): DerivedNames {
  const namespace = metadata.namespace!
  const hash = createHash('sha256').update(JSON.stringify(namespace)).digest('hex').slice(0, 8)
  const derive = (max: number) => `${cut(toSegment(metadata.name) || 'part', max - suffixChars)}-${hash}`
  const inferenceService = derive(maxInferenceServiceChars - countCharacters(namespace))
  const httpRoute = derive(maxChars)
  return {
    httpRoute,
    inferenceService,
    backend: `${inferenceService}-predictor`,
    httpRouteKey: `${namespace}/${httpRoute}`,
    inferenceServiceKey: `${namespace}/${inferenceService}`,
  }
}

/** At most `max` characters, but at least one, and no `-` at the end. */
function cut(segment: string, max: number): string {
  return segment.slice(0, Math.max(1, max)).replace(/-+$/, '')
}

/** Why nothing can be made in a namespace; undefined where it can. */
export function describeLongNamespace(namespace: string): string | undefined {
  const chars = countCharacters(namespace)
  if (chars <= maxNamespaceChars) return undefined
  return `namespace "${namespace}" is too long (${chars} chars); InferenceService hostname would exceed ${maxChars} characters`
}
