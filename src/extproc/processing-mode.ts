import type { Catalog } from '../catalog/catalog.ts'
import { usageNamespace } from '../response/usage-metadata.ts'
import type { SchedulingConfiguration } from '../scheduling/configuration.ts'

/** A setting of the ext_proc filter's ProcessingMode (processing_mode.proto), and why it is what it is. */
export type ModeSetting = { readonly field: string; readonly value: string; readonly why: string }

/**
 * The cheapest processing mode in which everything that is in use works. When Envoy ends a stream was tried for each mode
 * (test/e2e/stream-end.test.ts): with full-duplex requests it keeps the stream to the end of the answer for the sake of
 * trailers, too, without showing any of it. An answer whose end is waited for is cut when this process dies; one that is not
 * goes on. So nothing is asked for that nobody needs.
 */
export function cheapestMode(catalog: Catalog, configuration: SchedulingConfiguration): readonly ModeSetting[] {
  const bodyFor = readsAnswers(catalog, configuration)
  const endFor = bodyFor === undefined ? countsEnds(configuration) : undefined
  const trailers = endFor === undefined ? 'SKIP' : 'SEND'
  return [
    { field: 'request_header_mode', value: 'SEND', why: '' },
    { field: 'request_body_mode', value: 'FULL_DUPLEX_STREAMED', why: 'the model is in the body' },
    { field: 'request_trailer_mode', value: 'SEND', why: 'full duplex asks for it' },
    { field: 'response_header_mode', value: 'SEND', why: 'the status, and which server answered' },
    { field: 'response_body_mode', value: bodyFor === undefined ? 'NONE' : 'STREAMED', why: bodyFor ?? '' },
    { field: 'response_trailer_mode', value: trailers, why: endFor ?? '' },
  ]
}

/** What reads the bodies of answers; undefined when nothing does. */
function readsAnswers(catalog: Catalog, { reporters }: SchedulingConfiguration): string | undefined {
  if (reporters.length > 0) return 'request-attribute-reporter reads what an answer has used'
  const renaming = renamingSource(catalog)
  return renaming && `${renaming} renames a model: the answer gets the name that the client asked for`
}

function renamingSource({ models, rewrites }: Catalog): string | undefined {
  for (const [name, { rules }] of models) {
    const renaming = rules.find(({ targets }) => targets.some((target) => target.name !== name))
    if (renaming !== undefined) return renaming.source
  }
  for (const { exact, generic } of rewrites.values()) return (generic ?? exact.values().next().value)?.source
  return undefined
}

/** What has to see the ends of answers; undefined when nothing has. */
function countsEnds({ flowControl, plugins }: SchedulingConfiguration): string | undefined {
  const counting = plugins.find(({ needsEnds }) => needsEnds === true)
  if (counting !== undefined) return `${counting.type} counts requests until their answers have ended`
  return flowControl && 'the queue goes on when an answer has ended'
}

/** The settings as YAML, for the filter's `processing_mode` and, where answers are read, for what it takes from us. */
export function describeMode(settings: readonly ModeSetting[]): readonly string[] {
  const readsAnswers = settings.some(({ field, value }) => field === 'response_body_mode' && value !== 'NONE')
  const width = Math.max(...settings.map(({ field, value }) => `${field}: ${value}`.length))
  return [
    'processing_mode:',
    ...settings.map(({ field, value, why }) => {
      const setting = `${field}: ${value}`
      return why === '' ? `  ${setting}` : `  ${setting.padEnd(width)}  # ${why}`
    }),
    ...(readsAnswers
      ? [
          'metadata_options:',
          `  receiving_namespaces: {untyped: [envoy.lb, ${usageNamespace}]}  # what an answer has used`,
        ]
      : []),
  ]
}
