import { z } from 'zod'
import { show } from '../catalog/fields.ts'
import type { FieldPath } from '../catalog/problem.ts'
import type { PluginSet } from './configuration-plugins.ts'
import type { ConfigurationReader } from './configuration-reader.ts'
import { article, plays, roleOf } from './configuration-roles.ts'
import type { ProfileHandler } from './handlers/handler.ts'
import type { Filter, Picker, Plugin, SaturationDetector, Scorer } from './plugin.ts'
import { createProfile, type Profile } from './profile.ts'

const profileSchema = z.strictObject({
  name: z.string().regex(/\S/, 'a name'),
  plugins: z.array(z.unknown()).default([]),
})

const weight = z.custom<number>((given) => typeof given === 'number' && given >= 0 && Number.isFinite(given), {
  error: ({ input }) => `found ${show(input)}, allowed: a number that is not negative`,
})

const memberSchema = z.strictObject({ pluginRef: z.string(), weight: weight.optional() })

type Member = { readonly plugin: Plugin; readonly weight: number | undefined; readonly path: FieldPath }

/** The profiles by name: those of the section, or one of all the plugins that a profile can have. */
export function readProfiles(
  section: unknown,
  plugins: PluginSet,
  detector: SaturationDetector,
  reader: ConfigurationReader,
): ReadonlyMap<string, Profile> {
  const list = reader.items(section, ['schedulingProfiles'])
  if (list.length === 0) return new Map([['default', assemble(allMembers(plugins, detector), plugins, reader)]])
  const profiles = new Map<string, Profile>()
  for (const [i, item] of list.entries()) {
    const path = ['schedulingProfiles', i]
    const read = reader.read(profileSchema, item, path)
    if (read === undefined) continue
    if (profiles.has(read.name)) {
      reader.error([...path, 'name'], `a second profile named ${show(read.name)}, allowed: each name once`)
    }
    const members = read.plugins.map((member, j) => readMember(member, [...path, 'plugins', j], plugins, reader))
    profiles.set(
      read.name,
      assemble(
        members.filter((member) => member !== undefined),
        plugins,
        reader,
      ),
    )
  }
  return profiles
}

/** The detector of the pool's saturation is a filter, too, but stands in the list for the other use. */
function allMembers(plugins: PluginSet, detector: SaturationDetector): Member[] {
  const named = [...plugins.playing('filter'), ...plugins.playing('scorer'), ...plugins.playing('picker')]
  const unique = new Map(named.map(({ plugin, path }) => [plugin as Plugin, path]))
  return [...unique]
    .filter(([plugin]) => plugin !== detector)
    .map(([plugin, path]) => ({ plugin, weight: undefined, path }))
}

function readMember(
  item: unknown,
  path: FieldPath,
  plugins: PluginSet,
  reader: ConfigurationReader,
): Member | undefined {
  const read = reader.read(memberSchema, item, path)
  if (read === undefined) return undefined
  const plugin = plugins.member(read.pluginRef, [...path, 'pluginRef'])
  if (plugin === undefined) return undefined
  if (read.weight !== undefined && !plays(plugin, 'scorer')) {
    reader.warn(
      [...path, 'weight'],
      `has no effect: ${show(read.pluginRef)} is ${article(roleOf(plugin))}, not a scorer`,
    )
  }
  if (plays(plugin, 'profile handler') || plays(plugin, 'decider')) {
    reader.warn([...path, 'pluginRef'], `has no effect: ${article(roleOf(plugin))} belongs to no profile`)
  }
  return { plugin, weight: read.weight, path }
}

function assemble(members: readonly Member[], plugins: PluginSet, reader: ConfigurationReader): Profile {
  const filters: Filter[] = []
  const scorers: { scorer: Scorer; weight: number }[] = []
  let picker: Picker | undefined
  for (const { plugin, weight, path } of members) {
    // Neutral scorers and filters have the role without the work.
    if ('filter' in plugin) filters.push(plugin as Filter)
    if ('score' in plugin) scorers.push({ scorer: plugin as Scorer, weight: weight ?? 1 })
    if (!plays(plugin, 'picker')) continue
    if (picker !== undefined) {
      reader.error(path, `a second picker: ${plugin.type} beside ${picker.type}, allowed: one a profile`)
    }
    picker ??= plugin
  }
  return createProfile({ filters, scorers, picker: picker ?? usualPicker(plugins) })
}

/** The picker of profiles that name none: one of the list, the best by score before others. */
function usualPicker(plugins: PluginSet): Picker {
  const listed = plugins.playing('picker').map(({ plugin }) => plugin)
  const best = listed.find(({ type }) => type === 'max-score-picker') ?? listed[0]
  return best ?? (plugins.ofType('max-score-picker') as Picker)
}

/** The one handler among the plugins; single-profile-handler if there is none. Undefined after an error. */
export function readHandler(
  profiles: ReadonlyMap<string, Profile>,
  plugins: PluginSet,
  reader: ConfigurationReader,
): ProfileHandler | undefined {
  const [named, ...more] = plugins.playing('profile handler')
  for (const { path, plugin } of more) {
    reader.error(path, `a second profile handler: ${plugin.type} beside ${named.plugin.type}, allowed: one`)
  }
  if (named === undefined && profiles.size > 1) {
    reader.error(
      ['schedulingProfiles'],
      `found ${profiles.size} profiles and no profile handler to choose between them`,
    )
    return undefined
  }
  const handler = named?.plugin ?? (plugins.ofType('single-profile-handler') as ProfileHandler | undefined)
  if (handler === undefined || profiles.size === 0) return undefined
  try {
    handler.over(profiles, false)
  } catch (error) {
    reader.error(named?.path ?? ['schedulingProfiles'], `${handler.type} ${(error as Error).message}`)
  }
  return handler
}
