/** Error codes of RST_STREAM and GOAWAY (RFC 9113, section 7). */
export const errorCode = {
  noError: 0x0,
  protocolError: 0x1,
  internalError: 0x2,
  flowControlError: 0x3,
  streamClosed: 0x5,
  frameSizeError: 0x6,
  refusedStream: 0x7,
  cancel: 0x8,
  compressionError: 0x9,
  enhanceYourCalm: 0xb,
} as const

/** Ends a connection with GOAWAY (RFC 9113, section 5.4.1). */
export class ConnectionError extends Error {
  override name = 'ConnectionError'
  readonly code: number

  /** @param code of {@link errorCode} */
  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}
