/** Every limit of the request path, with its unit. Set once at start; see `signalbox serve --help`. */
export type Limits = {
  /** The whole request body, bytes. A declared or counted length above it is answered 413. */
  readonly maxBodyBytes: number
  /** Body bytes that one request may hold in memory while `model` has not been found, bytes. */
  readonly maxHeldBytes: number
  /**
   * Memory that the held bodies of all requests may keep alive together, bytes. A request may hold as much as is left for
   * others, so that large bodies are turned away before small ones.
   */
  readonly maxTotalHeldBytes: number
  /**
   * The same as {@link maxHeldBytes} for Envoy's STREAMED mode, bytes. Envoy stops sending at its own buffer limit (1 MiB by default), which the
   * server cannot see; this one must be below it, so that the client gets an answer and not a timeout.
   */
  readonly streamedHoldBytes: number
  /** Bytes of the prompt that a decision by prefix waits for, at most. */
  readonly maxAffinityBytes: number
  /** Milliseconds that it waits for them once the model is known. A fast sender is through long before. */
  readonly maxAffinityWaitMs: number
}

export const defaultLimits: Limits = {
  maxBodyBytes: 20 * 1024 * 1024,
  maxHeldBytes: 20 * 1024 * 1024,
  // A quarter of the 2 GiB that the chart's pods may have: what is let go of stays until it is collected, and the buffers of
  // connections, the index of prompts and the program itself come on top.
  maxTotalHeldBytes: 512 * 1024 * 1024,
  streamedHoldBytes: 512 * 1024,
  maxAffinityBytes: 64 * 1024,
  maxAffinityWaitMs: 20,
}

/** Nesting of arrays and objects in a body; deeper ones are refused before a server has to cope with them. */
export const maxJsonDepth = 512

/** UTF-8 bytes of a model name as it is written in the body (escapes count as written); it becomes a header value. */
export const maxModelBytes = 1024

/**
 * Values of one top-level key that a body may have, of those keys that each of them is noted for (`model`, and what stands before
 * the prompt). Without a limit a body of nothing else would take several times its own size, and a look at each for each piece.
 */
export const maxKeyRepeats = 16

/**
 * Compressed bodies that are decoded at a time; the others wait. Each may take maxBodyBytes and a decoder's window (16 MiB for
 * Brotli) before its bytes can be counted. zlib has four threads (UV_THREADPOOL_SIZE), so that more would not be faster.
 */
export const maxInflating = 4

/** Characters of a fairness id; it is remembered, and a label of metrics. A longer one counts as none. */
export const maxFairnessIdLength = 256

/** Room for what surrounds a body in a gRPC message: headers, metadata, attributes. */
const messageOverheadBytes = 1024 * 1024

/**
 * Largest gRPC message that is gathered before it is read, bytes. All but bodies are, and the first one in any case, which may
 * be a whole body and what surrounds it.
 */
export const maxMessageBytes = (limits: Limits): number => limits.maxBodyBytes + messageOverheadBytes

/** Body bytes in one full-duplex answer: Envoy's limit is 64 KiB, the margin is that of the reference. */
export const maxStreamedChunkBytes = 62_000
