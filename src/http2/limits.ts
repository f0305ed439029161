/** Largest payload of a frame, both ways, bytes: HTTP/2's own default, which no gateway raises. */
export const maxFrameBytes = 16_384

/** Largest block of compressed headers, with its CONTINUATION frames, bytes. */
export const maxHeaderBlockBytes = 64 * 1024

/** CONTINUATION frames of one block: empty ones would cost nothing against {@link maxHeaderBlockBytes}. */
export const maxContinuations = 16

/** Decoded names and values of one request, and 32 each as RFC 7541 counts (section 4.1), bytes. */
export const maxHeaderListBytes = 64 * 1024

/** HPACK's dynamic table of what clients send, bytes: HTTP/2's own default. */
export const headerTableBytes = 4096

/**
 * Bytes that a client may send on a stream before it is told that there is room for more. What a stream receives is taken at
 * once, so this bounds what it can have received while its answers do not leave.
 */
export const streamWindowBytes = 64 * 1024

/** The same for all streams of a connection together, of which a gateway has one a worker. */
export const connectionWindowBytes = 64 * 1024 * 1024

/** Answers of one stream that have not left, bytes: above it the client gets no room for more. */
export const maxStreamUnsentBytes = 16 * 1024

/** Bytes handed to a socket that have not left it: above it the answers of streams wait with the streams, in turn. */
export const maxSocketUnsentBytes = 256 * 1024

/** Above it nothing more is read from the socket: a client that reads nothing makes us owe it acknowledgements without end. */
export const maxSocketOwedBytes = 2 * maxSocketUnsentBytes

/** Open streams of one connection. Far above what a gateway has; a lower announced limit fails requests (see {@link Connection}). */
export const maxOpenStreams = 50_000

/** Changes of the window of streams in one piece of what is read: each concerns every open stream. Gateways make a few in a lifetime. */
export const maxWindowChanges = 10

/** From the beginning of a connection until its client has said that it speaks HTTP/2, milliseconds. */
export const prefaceTimeoutMs = 10_000

/** For a connection that has said goodbye to be closed by its client, milliseconds. */
export const lingerMs = 1000
