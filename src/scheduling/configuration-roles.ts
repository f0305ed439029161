import type { Setting, SettingRole } from './configuration-settings.ts'
import type { Decider } from './deciders/decider.ts'
import type { ProfileHandler } from './handlers/handler.ts'
import type { Admitter, Filter, Picker, Plugin, Producer, SaturationDetector, Scorer } from './plugin.ts'

/** What a plugin can be used as. */
export type Plays = {
  readonly filter: Filter
  readonly scorer: Scorer
  readonly picker: Picker
  readonly 'profile handler': ProfileHandler
  readonly decider: Decider
  readonly producer: Producer
  readonly 'saturation detector': SaturationDetector
  readonly admitter: Admitter
} & { readonly [Role in SettingRole]: Setting }

export type Role = keyof Plays

/** The member that shows a role, of those roles that do something. */
const members: Readonly<Partial<Record<Role, readonly string[]>>> = {
  filter: ['filter'],
  scorer: ['score'],
  picker: ['pick'],
  'profile handler': ['over'],
  decider: ['disaggregates'],
  producer: ['produce', 'attribute', 'requestText', 'matchedBytes', 'sharedLevel'],
  'saturation detector': ['saturation'],
  admitter: ['refusal'],
  extractor: ['sharedLevel', 'extracts'],
}

/** Says whether a plugin can be used as `role`: by what it implements, or by what its kind says. */
export function plays<R extends Role>(plugin: Plugin, role: R): plugin is Plays[R] {
  if ('role' in plugin && plugin.role === role) return true
  return members[role]?.some((member) => member in plugin) === true
}

/** `an extractor`, `a scorer`. */
export const article = (role: string): string => (/^[aeiou]/.test(role) ? `an ${role}` : `a ${role}`)

/** What a plugin is, in a word for messages. */
export function roleOf(plugin: Plugin): string {
  if ('role' in plugin) return plugin.role as string
  return (Object.keys(members) as Role[]).find((role) => plays(plugin, role)) ?? 'plugin of no role'
}
