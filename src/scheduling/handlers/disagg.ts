import { z } from 'zod'
import type { Endpoint } from '../../pool/endpoint.ts'
import { type Decider, deciderNamed } from '../deciders/decider.ts'
import { nothingScheduled, type PluginContext, type SchedulingRequest } from '../plugin.ts'
import { pluginKind } from '../plugin-kind.ts'
import type { Profile } from '../profile.ts'
import { throughPort } from './data-parallel.ts'
import { handlerKind, type ProfileHandler, profileNamed, scheduledBy } from './handler.ts'

const profileNames = z.strictObject({
  decode: z.string().default('decode'),
  prefill: z.string().default('prefill'),
  encode: z.string().default('encode'),
})

const stageOrder = z.enum(['decode-first', 'prefill-first']).default('decode-first')

const name = z.string().optional()

const parameters = z
  .strictObject({
    /** The stage that chooses later knows the earlier one's choice. With prefill-first every request has a prefill. */
    stageOrder,
    profiles: z.strictObject({ decode: name, prefill: name, encode: name }).default({}),
    /** A stage without a decider is off. */
    deciders: z.strictObject({ prefill: name, encode: name }).default({}),
    // The names of all these before they had groups.
    decodeProfile: name,
    prefillProfile: name,
    encodeProfile: name,
    prefillDeciderPluginName: name,
    deciderPluginName: name,
    encodeDeciderPluginName: name,
  })
  .transform(({ stageOrder, profiles, deciders, ...old }) => ({
    stageOrder,
    profiles: profileNames.parse({
      decode: profiles.decode || old.decodeProfile || undefined,
      prefill: profiles.prefill || old.prefillProfile || undefined,
      encode: profiles.encode || old.encodeProfile || undefined,
    }),
    deciders: {
      prefill: deciders.prefill || old.prefillDeciderPluginName || old.deciderPluginName || undefined,
      encode: deciders.encode || old.encodeDeciderPluginName || undefined,
    },
  }))
  .refine(({ stageOrder, deciders }) => stageOrder === 'decode-first' || deciders.prefill === undefined, {
    error: 'has no place in the order prefill-first, where every request has a prefill',
    path: ['deciders', 'prefill'],
  })

/**
 * The request goes to an endpoint of the decode profile. Where a decider wants it so, the prefill or the encoding of
 * images is done by other endpoints, of profiles of their own, of which the sidecar in front of the decode server learns
 * by headers. A stage whose profile finds no endpoint is left out.
 */
export const disaggProfileHandler = handlerKind('disagg-profile-handler', parameters, (given, context) =>
  stages(given.stageOrder, given.profiles, given.deciders, context),
)

const legacyParameters = z.strictObject({
  decodeProfile: z.string().default('decode'),
  prefillProfile: z.string().default('prefill'),
  deciderPluginName: z.string().default('prefix-based-pd-decider'),
  prefixMatchInfoProducerName: z.string().optional(),
  /** Of no use in the reference either. */
  prefixPluginType: z.string().optional(),
  prefixPluginName: z.string().optional(),
  /** Of the sidecar for data parallelism; 0 is none. */
  primaryPort: z.int().min(0).max(65_535).default(0),
})

/** The older name and parameters of {@link disaggProfileHandler}, without an encode stage. */
export const pdProfileHandler = handlerKind('pd-profile-handler', legacyParameters, (given, context) => {
  context.warn('pd-profile-handler is deprecated: disagg-profile-handler does the same')
  const { decodeProfile, prefillProfile, deciderPluginName, primaryPort } = given
  const profiles = { decode: decodeProfile, prefill: prefillProfile, encode: 'encode' }
  const handler = stages('decode-first', profiles, { prefill: deciderPluginName }, context)
  if (primaryPort === 0) return handler
  return {
    over(...given) {
      const decide = handler.over(...given)
      return (request, candidates, random) => throughPort(primaryPort, decide(request, candidates, random))
    },
  }
})

const headerParameters = z.strictObject({ prefillProfile: z.string().optional(), encodeProfile: z.string().optional() })

/** Set headers in older releases; the handlers do so themselves now. */
export const disaggHeadersHandler = pluginKind('disagg-headers-handler', headerParameters, () => ({}))
export const prefillHeaderHandler = pluginKind('prefill-header-handler', headerParameters, () => ({}))

type Stage = { readonly decider: Decider; readonly profile: Profile }

const noEndpoints: readonly Endpoint[] = []
const always: Decider = { type: 'prefill-first', disaggregates: () => true }

function stages(
  order: z.output<typeof stageOrder>,
  names: z.output<typeof profileNames>,
  deciderNames: { readonly prefill?: string | undefined; readonly encode?: string | undefined },
  context: PluginContext,
): Omit<ProfileHandler, 'type'> {
  const prefillDecider = deciderNames.prefill === undefined ? undefined : deciderNamed(deciderNames.prefill, context)
  const encodeDecider = deciderNames.encode === undefined ? undefined : deciderNamed(deciderNames.encode, context)
  return {
    over(profiles, keepsScores) {
      const stage = (decider: Decider | undefined, name: string): Stage | undefined =>
        decider && { decider, profile: profileNamed(profiles, name) }
      const decode = profileNamed(profiles, names.decode)
      const isPrefillFirst = order === 'prefill-first'
      const isPrefilled = isPrefillFirst && profiles.has(names.prefill)
      const prefill = stage(isPrefilled ? always : prefillDecider, names.prefill)
      const encode = stage(encodeDecider, names.encode)
      return (request, candidates, random) => {
        request.peer = undefined
        let prefillers = noEndpoints
        if (isPrefillFirst) {
          prefillers = chosenBy(prefill, request, undefined, candidates, random).slice(0, 1)
          request.peer = prefillers[0]
        }
        const endpoints = decode.schedule(request, candidates, random)
        if (endpoints.length === 0) return nothingScheduled
        const scheduled = scheduledBy(names.decode, decode, endpoints, keepsScores)
        request.peer = endpoints[0]
        const encoders = chosenBy(encode, request, endpoints[0], candidates, random)
        if (!isPrefillFirst) {
          prefillers = chosenBy(prefill, request, endpoints[0], candidates, random).slice(0, 1)
        }
        if (prefillers.length === 0 && encoders.length === 0) return scheduled
        const headers: string[] = []
        if (prefillers.length > 0) headers.push('x-prefiller-host-port', prefillers[0].address)
        if (encoders.length > 0) headers.push('x-encoder-hosts-ports', encoders.map((e) => e.address).join(','))
        return {
          ...scheduled,
          helpers: [...prefillers, ...encoders],
          helperProfiles: [...prefillers.map(() => names.prefill), ...encoders.map(() => names.encode)],
          headers,
        }
      }
    },
  }
}

/** The endpoints of a stage; none when it is off, not wanted for this request, or finds no endpoint. */
function chosenBy(
  stage: Stage | undefined,
  request: SchedulingRequest,
  decode: Endpoint | undefined,
  candidates: readonly Endpoint[],
  random: () => number,
): readonly Endpoint[] {
  if (stage?.decider.disaggregates(request, decode) !== true) return noEndpoints
  return stage.profile.schedule(request, candidates, random)
}
