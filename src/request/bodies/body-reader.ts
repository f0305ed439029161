/** Why a body is not what it should be. A `ScanError` of the JSON scanner is one. */
export type BodyError = {
  readonly code: 'invalid_json' | 'model_invalid' | 'invalid_multipart' | 'invalid_grpc'
  /** Of the first byte that is wrong. */
  readonly offset: number
  readonly message: string
}

/**
 * What the conversation needs of whatever reads a request body: `BodyScanner` for JSON, `MultipartReader` for forms,
 * `EngineGrpcReader` for the engine's own protocol. All offsets are those of the body as it is pushed.
 */
export type BodyReader = {
  /** Reads the next bytes; they are not kept. After {@link error} is set it does nothing. */
  push(piece: Buffer): void
  /** To be called after the last piece: a body that is not complete becomes an error. */
  end(): void
  readonly error: BodyError | undefined
  /** Nothing of interest can follow. */
  readonly isComplete: boolean
  /** The first `model`, once it is complete. */
  readonly model: string | undefined
  readonly user: string | undefined
  readonly stream: boolean
  /** Most tokens that the answer may have. */
  readonly maxTokens: number | undefined
  /** Where the prompt lies; -1 as long as not reached. */
  readonly promptStart: number
  readonly promptEnd: number
  /** What comes before the prompt for the model server, such as tool definitions: flat start, end … as far as it has come. */
  readonly headSpans?: readonly number[]
  /** Only prompts of equal salts may share a cache. */
  readonly cacheSalt?: string | undefined
  /** What clients give to requests that begin alike. */
  readonly promptCacheKey?: string | undefined
  /** What a rename replaces, flat: start, end, start, end … An odd count: the last one has begun and not ended. */
  readonly modelSpans: number[]
  /** What a span becomes to say `model`; a reader without this method has JSON strings in its spans. */
  modelBytes?(model: string): Buffer
}

/** Would break a header line, or be refused by Envoy. */
export const controlCharacter = /[\x00-\x1f\x7f]/
