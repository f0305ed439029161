import type { Endpoint } from '../../pool/endpoint.ts'
import { BadReference } from '../configuration-reference.ts'
import type { Plugin, PluginContext, SchedulingRequest } from '../plugin.ts'
import { kindOf } from '../plugin-kind.ts'

/** Decides whether a stage of a request is worth an endpoint of its own. */
export type Decider = Plugin & {
  /** @param decode the endpoint that the request goes to; undefined when it is not chosen yet */
  disaggregates(request: SchedulingRequest, decode: Endpoint | undefined): boolean
}

export const deciderKind = kindOf<Decider>()

/** @throws BadReference when there is no plugin of this name, or it is no decider */
export function deciderNamed(name: string, context: PluginContext): Decider {
  const plugin = context.plugin(name)
  if ('disaggregates' in plugin) return plugin as Decider
  throw new BadReference(name, `found ${JSON.stringify(name)}, which is no decider`)
}
