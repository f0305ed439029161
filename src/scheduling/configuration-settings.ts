import type { z } from 'zod'
import type { Plugin, Producer } from './plugin.ts'
import { kindOf, type PluginKind } from './plugin-kind.ts'

/** What plugins are for that do nothing themselves: other parts of the service go by their parameters. */
export type SettingRole =
  | 'parser'
  | 'fairness policy'
  | 'ordering policy'
  | 'usage limit policy'
  | 'data source'
  | 'extractor'
  | 'discovery'
  | 'reporter'
  | 'eviction policy'

/** A plugin that is only its parameters. */
export type Setting<Parameters = unknown> = Plugin & {
  readonly role: SettingRole
  readonly parameters: Parameters
}

export function settingKind<Schema extends z.ZodType>(
  role: SettingRole,
  type: string,
  schema: Schema,
  works: Omit<Producer, 'type'> = {},
): PluginKind<Setting<z.output<Schema>>> {
  return kindOf<Setting<z.output<Schema>>>()(type, schema, (parameters) => ({ ...works, role, parameters }))
}
