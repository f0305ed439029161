import { apiKeyHeaders, type StickyKey } from '../catalog/catalog.ts'
import type { HeaderTable, HeaderValues } from '../extproc/headers.ts'
import type { SchedulingRequest } from '../scheduling/plugin.ts'
import type { PromptHasher } from '../scheduling/prefix/prompt-hasher.ts'
import type { RequestSeries } from '../telemetry/request-series.ts'
import type { TargetSeries } from '../telemetry/target-series.ts'
import type { BodyReader } from './bodies/body-reader.ts'
import { type Hint, hintOf } from './control-headers.ts'
import type { Refusal } from './errors.ts'
import { type RequestFacts, unknownFacts } from './facts.ts'
import { maxFairnessIdLength } from './limits.ts'
import type { MediaSearch } from './media.ts'
import type { PromptText } from './prompt-text.ts'
import type { ModelRequest, Route } from './resolve.ts'
import type { TraceContext } from './trace-context.ts'

/** The flow of requests that name none. */
const defaultFairnessId = 'default-flow'

/** One request as it becomes known: what its headers and its body say, then what is decided about it. */
export class InferenceRequest implements ModelRequest, SchedulingRequest {
  readonly table: HeaderTable
  /** `namespace/name` from the gRPC metadata `x-inference-pool`. */
  readonly poolHint: string | undefined
  readonly #trustsHints: boolean
  /** Undefined when they were not sent to us. */
  headers: HeaderValues | undefined
  facts: RequestFacts = unknownFacts
  /** The endpoints that the proxy allows, `ip` or `ip:port` each; undefined allows all. */
  subset: readonly string[] | undefined
  /** Reads the body; undefined for one that is not read. */
  reader: BodyReader | undefined
  /** Hashes the prompt while it passes; undefined where nobody asks for it. */
  prompt: PromptHasher | undefined
  /** Looks for images and the like; undefined where nobody asks for them. */
  media: MediaSearch | undefined
  /** Keeps the leading part of the prompt for traces; undefined where those shall not have it. */
  promptText: PromptText | undefined
  /** Bytes of the body that have come. */
  bodyBytes = 0
  /** Nothing more of it will come. */
  hasEnded = false

  /** Its place in a trace; undefined as long as nobody asked for it, and where nothing is traced. */
  trace: TraceContext | undefined

  // Decided:
  /** What was resolved; undefined before. */
  route: Route | undefined
  poolKey = ''
  targetModel = ''
  priority = 0
  /** The flow that plugins take it for; undefined when none does. */
  guessedFairnessId: string | undefined
  /** Bytes of the body that had to wait for the decision. */
  heldBytes = 0
  /** Why it was refused, before or after its decision; undefined when it was not. */
  refusal: Refusal | undefined
  /** Envoy shows the end of the answer, if it comes to that. */
  seesEnd = false
  /** The body goes on as it was before it was compressed. */
  isSentDecoded = false
  /** The whole exchange has ended. */
  isOver = false
  /** The response names a model that the client does not know by that name. */
  restoredModel: { readonly served: string; readonly asked: string } | undefined
  /** Where metrics count it. */
  series: RequestSeries | undefined
  /** Where they count it for its target, while one of its resource is rolled out. */
  targetSeries: TargetSeries | undefined

  // Milliseconds of the clock; NaN as long as it has not happened.
  startedAtMs = Number.NaN
  queuedAtMs = Number.NaN
  decidedAtMs = Number.NaN
  bodyEndedAtMs = Number.NaN

  constructor(table: HeaderTable, poolHint: string | undefined, trustsHints: boolean) {
    this.table = table
    this.poolHint = poolHint
    this.#trustsHints = trustsHints
  }

  /** The model that the client asks for. */
  get model(): string | undefined {
    return this.reader?.model || undefined
  }

  get objective(): string | undefined {
    return this.hint('objective')
  }

  get modelRewrite(): string | undefined {
    return this.hint('modelRewrite')
  }

  get isMultimodal(): boolean {
    return this.media?.isFound === true
  }

  /** Requests of one priority that share it are one flow. */
  get fairnessId(): string {
    if (!this.#trustsHints) return defaultFairnessId
    const id = this.hint('fairnessId') ?? this.guessedFairnessId
    return id === undefined || id.length > maxFairnessIdLength ? defaultFairnessId : id
  }

  get maxOutputTokens(): number | undefined {
    return this.reader?.maxTokens
  }

  /** All of the prompt that there is has been read. */
  get isPromptRead(): boolean {
    const { reader } = this
    return reader === undefined || reader.promptEnd >= 0 || reader.isComplete || this.hasEnded
  }

  get promptBytes(): number {
    const { reader } = this
    if (reader === undefined || reader.promptStart < 0) return this.bodyBytes
    return (reader.promptEnd < 0 ? this.bodyBytes : reader.promptEnd) - reader.promptStart
  }

  /** What was resolved. */
  take(route: Route): void {
    const { pool, target, priority } = route
    const { model } = this
    this.route = route
    this.poolKey = pool?.key ?? ''
    this.targetModel = target?.name ?? model ?? ''
    this.priority = priority
    const isRenamed = model !== undefined && this.targetModel !== model
    if (isRenamed) this.restoredModel = { served: this.targetModel, asked: model }
    // One that comes later in the body is too late: the keys of a prompt must not change any more.
    if (this.prompt !== undefined) this.prompt.salt = this.reader?.cacheSalt ?? ''
  }

  /** Reads the decoded body in place of the one that came. */
  readDecoded(pieces: readonly Buffer[]): void {
    let offset = 0
    for (const piece of pieces) {
      this.reader?.push(piece)
      this.readPrompt(piece, offset)
      offset += piece.length
    }
    this.reader?.end()
  }

  /** Reads what `piece`, at body offset `offset`, has of the prompt and of what comes before it. The reader must have read it. */
  readPrompt(piece: Buffer, offset: number): void {
    const { prompt, media, promptText, reader } = this
    if (prompt === undefined && media === undefined && promptText === undefined) return
    if (prompt !== undefined) this.#readHead(prompt, piece, offset)
    if (reader!.promptStart < 0) return
    const start = Math.max(0, reader!.promptStart - offset)
    const end = Math.min(piece.length, reader!.promptEnd < 0 ? piece.length : reader!.promptEnd - offset)
    if (start >= end) return
    prompt?.push(piece, start, end)
    media?.push(piece, start, end)
    promptText?.push(piece, start, end)
  }

  #readHead(prompt: PromptHasher, piece: Buffer, offset: number): void {
    const spans = this.reader!.headSpans
    if (spans === undefined) return
    for (let i = 0; i < spans.length; i += 2) {
      const start = Math.max(0, spans[i] - offset)
      const end = Math.min(piece.length, (spans[i + 1] ?? Number.POSITIVE_INFINITY) - offset)
      if (start < end) prompt.head(piece, start, end)
    }
  }

  /** What a header of the request asks for, if such headers are trusted. */
  hint(hint: Hint): string | undefined {
    return this.headers === undefined || !this.#trustsHints ? undefined : hintOf(this.headers, hint)
  }

  header(name: string): string | undefined {
    return this.headers?.[this.table.slotOf(name)]
  }

  stickyValue(key: StickyKey): string | undefined {
    switch (key.kind) {
      case 'user':
        return this.reader?.user
      case 'prompt-cache-key':
        return this.reader?.promptCacheKey
      case 'header':
        return this.header(key.name)
      case 'api-key':
        return this.#apiKey
    }
  }

  get #apiKey(): string | undefined {
    for (let i = 0; i < apiKeyHeaders.length; i++) {
      const value = this.header(apiKeyHeaders[i])
      if (value) return value
    }
    return undefined
  }
}
