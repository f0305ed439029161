import type { Metadata, MetadataValue } from '../extproc/encode.ts'
import type { AttributeReporter } from './attributes.ts'
import type { ResponseReader } from './response-reader.ts'

/** Where Envoy's filters, such as its rate limits, find what a response has used. */
export const usageNamespace = 'signalbox'

/** Dynamic metadata of a response that has ended: its tokens, and what the reporters make of them; undefined for none. */
export function usageMetadata(reader: ResponseReader, reporters: readonly AttributeReporter[]): Metadata | undefined {
  const { usage } = reader
  if (usage === undefined) return undefined
  const metadata: Record<string, Record<string, MetadataValue>> = {}
  const tokens: Record<string, number> = {}
  if (usage.promptTokens !== undefined) tokens.prompt_tokens = usage.promptTokens
  if (usage.completionTokens !== undefined) tokens.completion_tokens = usage.completionTokens
  if (usage.cachedTokens !== undefined) tokens.cached_tokens = usage.cachedTokens
  if (usage.totalTokens !== undefined) tokens.total_tokens = usage.totalTokens
  metadata[usageNamespace] = tokens
  if (reporters.length === 0) return metadata
  const named = reader.namedUsage
  for (const reporter of reporters) {
    for (const { namespace, name, value } of reporter.report(named)) {
      metadata[namespace] ??= {}
      metadata[namespace][name] = value
    }
  }
  return metadata
}
