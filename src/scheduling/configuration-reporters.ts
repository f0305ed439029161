import { type AttributeReporter, attributeParameters, attributeReporter } from '../response/attributes.ts'
import type { PluginSet } from './configuration-plugins.ts'
import { settingKind } from './configuration-settings.ts'

export const requestAttributeReporter = settingKind('reporter', 'request-attribute-reporter', attributeParameters)

/** The reporters among the plugins, which say something of a request's usage when its response has ended. */
export function reportersOf(plugins: PluginSet): readonly AttributeReporter[] {
  return plugins
    .playing('reporter')
    .map(({ plugin }) => attributeReporter(plugin.parameters as Parameters<typeof attributeReporter>[0]))
}
