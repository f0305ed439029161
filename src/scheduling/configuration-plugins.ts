import { z } from 'zod'
import { show } from '../catalog/fields.ts'
import { didYouMean } from '../catalog/nearest.ts'
import type { FieldPath } from '../catalog/problem.ts'
import { isObject } from '../catalog/resource.ts'
import type { ConfigurationReader } from './configuration-reader.ts'
import { BadReference } from './configuration-reference.ts'
import { article, type Plays, plays, type Role, roleOf } from './configuration-roles.ts'
import type { Plugin, PluginContext, Producer } from './plugin.ts'
import type { PluginKind } from './plugin-kind.ts'

/** What plugins get of the world, but for each other. */
export type World = Pick<PluginContext, 'nowMs' | 'staleAfterMs'>

export type NamedPlugin = { readonly name: string; readonly path: FieldPath; readonly plugin: Plugin }

type Entry = {
  readonly name: string
  readonly type: string
  readonly path: FieldPath
  readonly parameters: unknown
  state: 'new' | 'begun' | 'done'
  /** Undefined before it is made, and for good when it can't be. */
  plugin: Plugin | undefined
}

const entrySchema = z.strictObject({
  type: z.string(),
  /** '' is the type, as without a name. */
  name: z.string().optional(),
  parameters: z.unknown().optional(),
})

/** The plugins of a configuration by name, made in the order in which they need each other. */
export class PluginSet {
  readonly #kinds: ReadonlyMap<string, PluginKind>
  readonly #reader: ConfigurationReader
  readonly #world: World
  readonly #entries = new Map<string, Entry>()
  /** Names that stand in entries that can't be read, so that nothing more is said of them. */
  readonly #unusable = new Set<unknown>()
  readonly #made: NamedPlugin[] = []

  constructor(list: unknown, kinds: ReadonlyMap<string, PluginKind>, reader: ConfigurationReader, world: World) {
    this.#kinds = kinds
    this.#reader = reader
    this.#world = world
    for (const [i, item] of reader.items(list, ['plugins']).entries()) this.#add(item, ['plugins', i])
    for (const entry of [...this.#entries.values()]) this.#make(entry)
  }

  /** All that could be made; a plugin stands behind those that it needs. */
  get made(): readonly NamedPlugin[] {
    return this.#made
  }

  /** The plugins that can be used as `role`, as they stand in the file, then those that others needed. */
  playing<R extends Role>(role: R): readonly (NamedPlugin & { readonly plugin: Plays[R] })[] {
    const found: (NamedPlugin & { readonly plugin: Plays[R] })[] = []
    for (const { name, path, plugin } of this.#entries.values()) {
      if (plugin !== undefined && plays(plugin, role)) found.push({ name, path, plugin })
    }
    return found
  }

  /** The first plugin of this type, made with its defaults if the file has none; undefined when that can't be. */
  ofType(type: string): Plugin | undefined {
    for (const entry of this.#entries.values()) if (entry.type === type) return this.#make(entry)
    const name = this.#entries.has(type) ? `${type} by default` : type
    const entry: Entry = { name, type, path: ['plugins'], parameters: {}, state: 'new', plugin: undefined }
    this.#entries.set(name, entry)
    return this.#make(entry)
  }

  /**
   * The plugin that the field at `path` names; undefined after an error, when there is none or it can't be used as
   * `role`. Types in `implied` need no entry of their own.
   */
  named<R extends Role>(name: string, role: R, path: FieldPath, implied: readonly string[] = []): Plays[R] | undefined {
    const entry = this.#entries.get(name)
    if (entry === undefined && implied.includes(name)) return this.ofType(name) as Plays[R] | undefined
    if (entry === undefined) {
      if (!this.#unusable.has(name)) this.#reader.error(path, this.#nothingNamed(name))
      return undefined
    }
    const { plugin } = entry
    if (plugin === undefined) return undefined
    if (plays(plugin, role)) return plugin
    this.#reader.error(path, `found ${show(name)}, ${article(roleOf(plugin))}, allowed: ${article(role)}`)
    return undefined
  }

  /** The plugin of this name, whatever it is; undefined after an error. */
  member(name: string, path: FieldPath): Plugin | undefined {
    const entry = this.#entries.get(name)
    if (entry === undefined && !this.#unusable.has(name)) this.#reader.error(path, this.#nothingNamed(name))
    return entry?.plugin
  }

  #nothingNamed(name: string): string {
    const names = [...this.#entries.keys()]
    const there = names.length === 0 ? ', there are none' : `, there are: ${names.join(', ')}`
    return `no plugin is named ${show(name)}${didYouMean(name, names) || there}`
  }

  #add(item: unknown, path: FieldPath): void {
    const read = this.#reader.read(entrySchema, item, path)
    const known = read !== undefined && this.#kinds.has(read.type)
    if (read !== undefined && !known) {
      const types = [...this.#kinds.keys()]
      this.#reader.error([...path, 'type'], `unknown type ${show(read.type)}${didYouMean(read.type, types)}`)
    }
    if (read === undefined || !known) {
      if (isObject(item)) this.#unusable.add(item.name || item.type)
      return
    }
    const name = read.name || read.type
    if (this.#entries.has(name)) {
      const field = read.name ? 'name' : 'type'
      this.#reader.error([...path, field], `a second plugin named ${show(name)}, allowed: each name once`)
      return
    }
    this.#entries.set(name, {
      name,
      type: read.type,
      path,
      parameters: read.parameters ?? {},
      state: 'new',
      plugin: undefined,
    })
  }

  #make(entry: Entry): Plugin | undefined {
    if (entry.state === 'done') return entry.plugin
    if (entry.state === 'begun') throw new BadReference(entry.name, `${show(entry.name)} needs itself`)
    entry.state = 'begun'
    const kind = this.#kinds.get(entry.type)
    if (kind === undefined) throw new Error(`no kind of plugin has the type ${entry.type}`)
    const path = [...entry.path, 'parameters']
    if (this.#reader.read(kind.parameters, entry.parameters, path) !== undefined) {
      try {
        entry.plugin = kind.create(entry.parameters, this.#contextOf(entry))
        this.#made.push({ name: entry.name, path: entry.path, plugin: entry.plugin })
      } catch (error) {
        const found = error instanceof BadReference ? pathTo(error.reference, entry.parameters) : []
        // Of a plugin that is broken itself enough has been said.
        if (!(error instanceof Broken)) {
          this.#reader.error(found === undefined ? entry.path : [...path, ...found], (error as Error).message)
        }
      }
    }
    entry.state = 'done'
    return entry.plugin
  }

  #contextOf(entry: Entry): PluginContext {
    return {
      ...this.#world,
      warn: (message) => this.#reader.warn(entry.path, message),
      plugin: (name) => this.#needed(name),
      producer: <P extends Producer>(type: string, name?: string) => this.#producer(type, name) as P,
      producerIfAny: <P extends Producer>(type: string) => this.#later(type) as () => P | undefined,
    }
  }

  /** @throws BadReference when there is no plugin of this name, or else of this type */
  #needed(name: string): Plugin {
    const entry = this.#entries.get(name) ?? [...this.#entries.values()].find(({ type }) => type === name)
    if (entry === undefined) {
      if (this.#unusable.has(name)) throw new Broken()
      throw new BadReference(name, this.#nothingNamed(name))
    }
    const plugin = this.#make(entry)
    if (plugin === undefined) throw new Broken()
    return plugin
  }

  #producer(type: string, name: string | undefined): Plugin {
    if (name === undefined) {
      const plugin = this.ofType(type)
      if (plugin === undefined) throw new Broken()
      return plugin
    }
    const plugin = this.#needed(name)
    const [work, what] = worksOf[type]
    if (work in plugin) return plugin
    throw new BadReference(name, `found ${show(name)}, ${article(roleOf(plugin))}, allowed: ${what}`)
  }

  /** Asked for the first time when requests come: all are made by then. */
  #later(type: string): () => Plugin | undefined {
    let found: Entry | undefined | 'unknown' = 'unknown'
    return () => {
      if (found === 'unknown') found = [...this.#entries.values()].find((entry) => entry.type === type)
      return found?.plugin
    }
  }
}

/** What other plugins ask of a producer, by the type of the usual one, and what one is called that can be asked. */
const worksOf: Readonly<Record<string, readonly [work: string, what: string]>> = {
  'approx-prefix-cache-producer': ['matchedBytes', 'a producer of prefix matches'],
  'inflight-load-producer': ['tokensFor', 'an inflight-load-producer'],
  'topology-extractor': ['sharedLevel', 'a topology-extractor'],
  'session-id-producer': ['requestText', 'a producer of session ids'],
  'agent-identity': ['requestText', 'a producer of session ids'],
}

/** A plugin needs another one that is broken and has been complained of. */
class Broken extends Error {}

/** Where `text` stands in parameters; undefined when nowhere. */
function pathTo(text: string, value: unknown): FieldPath | undefined {
  if (value === text) return []
  if (typeof value !== 'object' || value === null) return undefined
  for (const [key, field] of Object.entries(value)) {
    const path = pathTo(text, field)
    if (path !== undefined) return [Array.isArray(value) ? Number(key) : key, ...path]
  }
  return undefined
}
