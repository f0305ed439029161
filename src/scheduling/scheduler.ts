import type { Endpoint } from '../pool/endpoint.ts'
import type { SchedulingConfiguration } from './configuration.ts'
import { saturationOfStages } from './detectors/stages.ts'
import type { Plugin, Scheduled, SchedulingRequest, Usage } from './plugin.ts'

/** Decides by a configuration, and tells its plugins what comes of it. */
export type Scheduler = {
  /** Lower-case names of the request headers that plugins read, each once. */
  readonly headerNames: readonly string[]
  /** Decisions wait for the leading part of the prompt. */
  readonly readsPrompt: boolean
  /** Decisions ask whether the prompt has images, audio or video. */
  readonly readsMedia: boolean
  /** {@link refusal} may refuse. */
  readonly hasAdmitters: boolean
  /** `random` gives [0, 1). */
  schedule(request: SchedulingRequest, candidates: readonly Endpoint[], random: () => number): Scheduled
  /** How full a pool with these endpoints is: 1 is full. Where requests queue it is the fuller one of its stages. */
  saturation(candidates: readonly Endpoint[]): number
  /** Why the request must not be taken now, for people; undefined when it may. */
  refusal(
    request: SchedulingRequest,
    candidates: readonly Endpoint[],
    saturation: number,
    random: () => number,
  ): string | undefined
  /** The request goes to the first endpoint of `scheduled`, and its helpers work for it. */
  routed(request: SchedulingRequest, scheduled: Scheduled): void
  /** The whole prompt has been read, after {@link routed}. Not to be called when it was complete by then. */
  promptRead(request: SchedulingRequest, scheduled: Scheduled): void
  /** The first bytes of the answer's body have come. True when some plugin may have freed capacity by that. */
  responseStarted(request: SchedulingRequest, scheduled: Scheduled): boolean
  /** The flow that the request belongs to where it names none; undefined when no plugin knows. */
  fairnessIdOf(request: SchedulingRequest): string | undefined
  /** Headers to set on the response of `endpoint`, flat: name, value … */
  responseHeaders(request: SchedulingRequest, endpoint: Endpoint): readonly string[]
  /** The exchange is over, however it ended; once for each {@link routed}. */
  ended(request: SchedulingRequest, scheduled: Scheduled, usage: Usage | undefined): void
}

type Hook = 'routed' | 'promptRead' | 'responseStarted' | 'fairnessId' | 'responseHeaders' | 'ended'

const noHeaders: readonly string[] = []

/** @param keepsScores the results of {@link Scheduler.schedule} tell the scores that they come from */
export function createScheduler(
  configuration: SchedulingConfiguration,
  { keepsScores }: { readonly keepsScores: boolean },
): Scheduler {
  const { plugins, detector, admitters, handler, profiles, flowControl } = configuration
  const decide = handler.over(profiles, keepsScores)
  const producing = configuration.producers.filter((plugin) => plugin.produce !== undefined)
  const routed = having('routed', plugins)
  const promptRead = having('promptRead', plugins)
  const starting = having('responseStarted', plugins)
  const identifying = having('fairnessId', plugins)
  const responding = having('responseHeaders', plugins)
  const ended = having('ended', plugins)

  return {
    headerNames: [...new Set(plugins.flatMap(({ headerNames }) => headerNames ?? []))],
    readsPrompt: plugins.some((plugin) => plugin.readsPrompt === true),
    readsMedia: plugins.some((plugin) => plugin.readsMedia === true),
    hasAdmitters: admitters.length > 0,

    schedule(request, candidates, random) {
      for (const producer of producing) producer.produce!(request, candidates)
      return decide(request, candidates, random)
    },

    saturation: (candidates) =>
      flowControl === undefined ? detector.saturation(candidates) : saturationOfStages(detector, candidates),

    refusal(request, candidates, saturation, random) {
      for (const admitter of admitters) {
        const refusal = admitter.refusal(request, candidates, saturation, random)
        if (refusal !== undefined) return refusal
      }
      return undefined
    },

    routed(request, { endpoints, profileName, helpers, helperProfiles }) {
      for (const plugin of routed) {
        if (endpoints.length > 0) plugin.routed(request, endpoints[0], profileName, false)
        for (let i = 0; i < helpers.length; i += 1) plugin.routed(request, helpers[i], helperProfiles?.[i], true)
      }
    },

    promptRead(request, { endpoints, helpers }) {
      for (const plugin of promptRead) {
        if (endpoints.length > 0) plugin.promptRead(request, endpoints[0])
        for (const helper of helpers) plugin.promptRead(request, helper)
      }
    },

    responseStarted(request, { endpoints, helpers }) {
      for (const plugin of starting) {
        if (endpoints.length > 0) plugin.responseStarted(request, endpoints[0], false)
        for (const helper of helpers) plugin.responseStarted(request, helper, true)
      }
      return starting.length > 0
    },

    fairnessIdOf(request) {
      for (const plugin of identifying) {
        const id = plugin.fairnessId(request)
        if (id !== undefined) return id
      }
      return undefined
    },

    responseHeaders(request, endpoint) {
      let headers = noHeaders
      for (const plugin of responding) {
        const more = plugin.responseHeaders(request, endpoint)
        if (more.length > 0) headers = headers.length === 0 ? more : [...headers, ...more]
      }
      return headers
    },

    ended(request, { endpoints, helpers }, usage) {
      for (const plugin of ended) {
        if (endpoints.length > 0) plugin.ended(request, endpoints[0], usage)
        // The usage is that of the endpoint that answered.
        for (const helper of helpers) plugin.ended(request, helper, undefined)
      }
    },
  }
}

function having<H extends Hook>(hook: H, plugins: readonly Plugin[]): readonly (Plugin & Required<Pick<Plugin, H>>)[] {
  return plugins.filter((plugin): plugin is Plugin & Required<Pick<Plugin, H>> => plugin[hook] !== undefined)
}
