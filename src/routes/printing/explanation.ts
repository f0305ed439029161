import { formatPath } from '../../catalog/problem.ts'
import { keyOf } from '../../kubernetes/object.ts'
import type { CompiledService, Place, Setting } from '../compiled.ts'
import { alignColumns } from './columns.ts'

/** What a service was compiled with, as it is printed. */
export type Explanation = {
  readonly apiVersion: string
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly settings: readonly ExplainedSetting[]
}

export type ExplainedSetting = {
  readonly name: string
  readonly value: unknown
  readonly from: 'default' | ExplainedPlace
}

type ExplainedPlace = {
  /** `InferenceService ml-team/chat`. */
  readonly object: string
  /** The field, e.g. `metadata.annotations["ome.io/ingress-domain"]`. */
  readonly path: string
  /** `services.yaml:7:5`. */
  readonly place: string
}

/** @param placeOf where a field stands, for people */
export function explain({ service, settings }: CompiledService, placeOf: (place: Place) => string): Explanation {
  const { apiVersion, kind, metadata } = service
  const explainFrom = (from: Setting['from']): ExplainedSetting['from'] =>
    from === 'default'
      ? from
      : {
          object: `${from.object.kind} ${keyOf(from.object).replace(/^\//, '')}`,
          path: formatPath(from.path),
          place: placeOf(from),
        }
  return {
    apiVersion,
    kind,
    namespace: metadata.namespace!,
    name: metadata.name,
    settings: settings.map(({ name, value, from }) => ({ name, value: value ?? null, from: explainFrom(from) })),
  }
}

/** A line that names the service, and one for each setting: name, value, and what gave it. */
export function explanationLines({ kind, namespace, name, settings }: Explanation): readonly string[] {
  const service = `${kind} ${namespace}/${name}`
  const from = (from: ExplainedSetting['from']) => {
    if (from === 'default') return from
    return `${from.path}${from.object === service ? '' : ` of ${from.object}`} (${from.place})`
  }
  const rows = settings.map((setting) => [setting.name, JSON.stringify(setting.value), from(setting.from)])
  return [`${service} is compiled with`, ...alignColumns(rows).map((line) => `  ${line}`)]
}
