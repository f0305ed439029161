import { z } from 'zod'
import type { Admitter, Filter, Picker, Plugin, PluginContext, Producer, SaturationDetector, Scorer } from './plugin.ts'

/** A kind of plugin: what a configuration names by its type, and how its parameters make one. */
export type PluginKind<P extends Plugin = Plugin> = {
  readonly type: string
  readonly parameters: z.ZodType
  /** @throws ZodError for parameters of the wrong shape, unknown ones included */
  create(parameters: unknown, context: PluginContext): P
}

/** Defines a kind of plugin; `create` gets the parameters as `schema` leaves them, with defaults filled in. */
export const pluginKind = kindOf<Plugin>()
export const scorerKind = kindOf<Scorer>()
export const filterKind = kindOf<Filter>()
export const pickerKind = kindOf<Picker>()
export const producerKind = kindOf<Producer>()
export const admitterKind = kindOf<Admitter>()
/** A detector that can stand among a profile's filters, too. */
export const detectorKind = kindOf<SaturationDetector & Filter>()

export function kindOf<P extends Plugin>() {
  return <Schema extends z.ZodType>(
    type: string,
    schema: Schema,
    create: (parameters: z.output<Schema>, context: PluginContext) => Omit<P, 'type'>,
  ): PluginKind<P> => ({
    type,
    parameters: schema,
    create: (parameters, context) => ({ type, ...create(schema.parse(parameters ?? {}), context) }) as P,
  })
}

export const noParameters = z.strictObject({})
