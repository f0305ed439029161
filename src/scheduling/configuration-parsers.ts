import { z } from 'zod'
import type { PluginSet } from './configuration-plugins.ts'
import type { ConfigurationReader } from './configuration-reader.ts'
import { settingKind } from './configuration-settings.ts'
import { noParameters } from './plugin-kind.ts'

/** Plugin types that say which request bodies are read. */
export const parserTypes = [
  'openai-parser',
  'anthropic-parser',
  'vllmhttp-parser',
  'sglanghttp-parser',
  'vllmgrpc-parser',
  'vertexai-parser',
  'passthrough-parser',
] as const

export type ParserType = (typeof parserTypes)[number]

export const parserKinds = parserTypes.map((type) => settingKind('parser', type, noParameters))

const reference = z.strictObject({ pluginRef: z.string().default('openai-parser') })
const requestHandler = z.strictObject({ parsers: z.array(reference).optional() })

/** The parsers that the configuration names, in its order; undefined when it names none. */
export function readParsers(
  sections: Readonly<Record<string, unknown>>,
  plugins: PluginSet,
  reader: ConfigurationReader,
): readonly ParserType[] | undefined {
  const handler = reader.read(requestHandler.optional(), sections.requestHandler, ['requestHandler'])
  const parser = reader.read(reference.optional(), sections.parser, ['parser'])
  const references = (handler?.parsers ?? []).map(({ pluginRef }, i) => ({
    pluginRef,
    path: ['requestHandler', 'parsers', i, 'pluginRef'],
  }))
  if (parser !== undefined && references.length > 0) {
    reader.warn(['parser'], 'has no effect beside requestHandler.parsers')
  } else if (parser !== undefined) {
    references.push({ pluginRef: parser.pluginRef, path: ['parser', 'pluginRef'] })
  }
  const named = references.map(({ pluginRef, path }) => plugins.named(pluginRef, 'parser', path, parserTypes))
  for (const { path, plugin } of plugins.playing('parser')) {
    if (!named.includes(plugin))
      reader.warn(path, `${plugin.type} has no effect: requestHandler.parsers does not name it`)
  }
  const types = named.flatMap((plugin) => (plugin === undefined ? [] : [plugin.type as ParserType]))
  return types.length === 0 ? undefined : types
}
