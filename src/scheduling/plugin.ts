import type { Endpoint } from '../pool/endpoint.ts'

/** What plugins may know of the request that they decide about. */
export type SchedulingRequest = {
  /** The pool that its candidates belong to, `namespace/name`. */
  readonly poolKey: string
  /** The model that the server will be asked for (an adapter or a base model); '' when the request names none. */
  readonly targetModel: string
  /** Higher ones first; below 0 the request may be shed. */
  readonly priority: number
  /** Bytes of the prompt that have been read, of a body whose prompt is not known bytes of the body; see {@link tokensIn}. */
  readonly promptBytes: number
  /** The token limit that the request names. */
  readonly maxOutputTokens: number | undefined
  /** The prompt has parts that are images, audio or video. */
  readonly isMultimodal: boolean
  /** The leading part of the prompt as it has been read; undefined where no plugin reads it, or there is none. */
  readonly prompt: PromptPrefix | undefined
  /** The endpoint that a profile before this one chose for the request; the profile handler says so. */
  peer?: Endpoint | undefined
  /** A request header by its lower-case name, which some plugin must have declared ({@link Plugin.headerNames}). */
  header(name: string): string | undefined
}

/**
 * The leading part of a prompt as a chain of block hashes: equal keys mean equal bytes up to the end of that block (and the
 * same model). Blocks grow with their distance from the start, so that long prompts have few.
 */
export type PromptPrefix = {
  /** Complete blocks that have been read. */
  readonly blocks: number
  /** Identifies blocks 0 to `block` for `model`: an integer below 2^53. */
  key(block: number, model: string): number
  /** Prompt bytes from the start to the end of `block`. */
  endOf(block: number): number
}

/** About how many bytes of a prompt make a token, as the reference endpoint picker estimates it. */
export const bytesPerToken = 4

export const tokensIn = (bytes: number): number => Math.ceil(bytes / bytesPerToken)

/** What a response said of itself; undefined where it did not. */
export type Usage = {
  readonly promptTokens: number | undefined
  readonly completionTokens: number | undefined
  /** Prompt tokens that came from the server's prefix cache. */
  readonly cachedTokens: number | undefined
  readonly totalTokens: number | undefined
}

/** What every plugin may do beside its own kind of work. */
export type Plugin = {
  /** As configurations name it, e.g. `queue-scorer`. */
  readonly type: string
  /** Lower-case names of request headers that it reads. */
  readonly headerNames?: readonly string[]
  /** The decision waits for the leading part of the prompt. */
  readonly readsPrompt?: boolean
  /** It counts on seeing the ends of answers; without them it goes by what servers say in their metrics. */
  readonly needsEnds?: boolean
  /** It asks whether the prompt has parts that are no text ({@link SchedulingRequest.isMultimodal}). */
  readonly readsMedia?: boolean
  /**
   * The request goes to `endpoint`. `prompt` may still grow.
   * @param profileName of the profile that chose it
   * @param isHelper another endpoint answers
   */
  routed?(request: SchedulingRequest, endpoint: Endpoint, profileName?: string, isHelper?: boolean): void
  /** The whole prompt has been read, after {@link routed}. Not called when it was complete by then. */
  promptRead?(request: SchedulingRequest, endpoint: Endpoint): void
  /** The first bytes of the answer's body have come: the prompt has been worked off. At most once for each {@link routed}. */
  responseStarted?(request: SchedulingRequest, endpoint: Endpoint, isHelper: boolean): void
  /** The flow that the request belongs to where it names none; undefined when it is not known. */
  fairnessId?(request: SchedulingRequest): string | undefined
  /** Headers to set on the response of `endpoint`, flat: name, value … */
  responseHeaders?(request: SchedulingRequest, endpoint: Endpoint): readonly string[]
  /** The exchange is over, however it ended; once for each {@link routed}. */
  ended?(request: SchedulingRequest, endpoint: Endpoint, usage: Usage | undefined): void
  /** Has `tell` hear what it learns of requests and other processes of the service should know: plain data of its own form. */
  onLesson?(tell: (lesson: unknown) => void): void
  /** Its like in another process has learned that. @param endpointAt undefined where there is none at an address (any more) */
  learn?(lesson: unknown, endpointAt: (address: string) => Endpoint | undefined): void
}

/** Takes candidates away. An empty result means that none is fit. */
export type Filter = Plugin & {
  filter(request: SchedulingRequest, candidates: readonly Endpoint[], random: () => number): readonly Endpoint[]
}

/** Rates every candidate from 0 (worst) to 1 (best). */
export type Scorer = Plugin & {
  /** Writes the score of `candidates[i]` to `scores[i]`. Allocates nothing per candidate. */
  score(request: SchedulingRequest, candidates: readonly Endpoint[], scores: Float64Array): void
}

/** Chooses from the rated candidates, best first. */
export type Picker = Plugin & {
  /** `scores[i]` belongs to `candidates[i]`; `random` gives [0, 1). Returns at least one endpoint of a non-empty list. */
  pick(candidates: readonly Endpoint[], scores: Float64Array, random: () => number): readonly Endpoint[]
}

/**
 * Finds out something of the candidates that other plugins read, such as how much of the prompt each has cached. The
 * plugins that read it get the producer itself when they are made; there is no store between them.
 */
export type Producer = Plugin & {
  /** Called once a request, before any filter or scorer, with all candidates. */
  produce?(request: SchedulingRequest, candidates: readonly Endpoint[]): void
  /** How many blocks of prompts it remembers of an endpoint, for metrics. */
  indexEntries?(endpoint: Endpoint): number
  /** A numeric attribute of an endpoint; undefined when it is not known. For plugins that name attributes in parameters. */
  attribute?(endpoint: Endpoint, key: string): number | undefined
  /** What it says of a request in one text, such as the session that it belongs to; undefined when there is nothing. */
  requestText?(request: SchedulingRequest): string | undefined
}

/** Knows, of the candidates of the request that is being decided, how much of the prompt each has in its cache. */
export type PrefixMatches = Producer & {
  /** Prompt bytes from the start that `endpoint` is thought to have cached. */
  matchedBytes(endpoint: Endpoint): number
  /** Bytes of the prompt's complete blocks: what {@link matchedBytes} can be at most. */
  totalBytes(): number
}

/** How full a pool is: 1 is full. */
export type SaturationDetector = Plugin & {
  saturation(candidates: readonly Endpoint[]): number
}

/** Refuses requests that the pool should not take now. */
export type Admitter = Plugin & {
  /** Why the request is refused, for people; undefined when it is not. */
  refusal(
    request: SchedulingRequest,
    candidates: readonly Endpoint[],
    saturation: number,
    random: () => number,
  ): string | undefined
}

/** What was scheduled for a request. */
export type Scheduled = {
  /** Best first; empty when no candidate is fit. */
  readonly endpoints: readonly Endpoint[]
  /** The profile that chose them; undefined when there are none. */
  readonly profileName?: string
  /** Where to send the request instead of to their own addresses, such as to a proxy in front of them. */
  readonly destination?: string
  /** Other endpoints that work for this request, such as the one that computes the prefill. */
  readonly helpers: readonly Endpoint[]
  /** The profile that chose each of the helpers; undefined when there are none. */
  readonly helperProfiles?: readonly string[]
  /** Request headers that tell the server of them, flat: name, value … */
  readonly headers: readonly string[]
  /** `[address, total score]` of the candidates that were scored, when the scheduler was asked to keep them. */
  readonly scores: readonly (readonly [address: string, score: number])[]
}

export const nothingScheduled: Scheduled = { endpoints: [], helpers: [], headers: [], scores: [] }

/** What plugins get of the world when they are made. */
export type PluginContext = {
  /** Milliseconds of a clock that only goes forward. */
  readonly nowMs: () => number
  /** From what age metrics count as stale, milliseconds: at least `thresholdMs`, more where scrapes come less often. */
  staleAfterMs(thresholdMs: number): number
  /** Finds the producer that the configuration names, or makes one of `type` with its defaults. @throws when there is none */
  producer<P extends Producer>(type: string, name?: string): P
  /** Says, once all plugins are made, which producer of `type` the configuration has, by itself or for another plugin. */
  producerIfAny<P extends Producer>(type: string): () => P | undefined
  /** Finds a plugin by the name or type that a parameter refers to. @throws when there is none */
  plugin(name: string): Plugin
  /** Something that the operator should know once, at the start. */
  warn(message: string): void
}
