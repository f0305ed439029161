import { z } from 'zod'
import type { Filter, Picker, Scorer } from './profile.ts'

/** A kind of plugin: what a configuration names by its type, and how its parameters make one. */
export type PluginKind<Plugin> = {
  readonly type: string
  /** @throws ZodError for parameters of the wrong shape, unknown ones included */
  create(parameters?: unknown): Plugin
}

/** Defines a kind of scorer; `create` gets the parameters as `schema` leaves them, with defaults filled in. */
export const scorerKind = kindOf<Scorer>()

/** The same for a kind of picker. */
export const pickerKind = kindOf<Picker>()

/** The same for a kind of filter. */
export const filterKind = kindOf<Filter>()

function kindOf<Plugin extends { readonly type: string }>() {
  return <Schema extends z.ZodType>(
    type: string,
    schema: Schema,
    create: (parameters: z.output<Schema>) => Omit<Plugin, 'type'>,
  ): PluginKind<Plugin> => ({
    type,
    create: (parameters = {}) => ({ type, ...create(schema.parse(parameters)) }) as Plugin,
  })
}

export const noParameters = z.strictObject({})
