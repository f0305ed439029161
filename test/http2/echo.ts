import { encodeHeaders } from '../../src/http2/hpack/encode.ts'
import type { ServerStream, StreamListener } from '../../src/http2/stream.ts'

export const okBlock = encodeHeaders({ ':status': '200', 'content-type': 'application/grpc' })
export const trailersBlock = encodeHeaders({ 'grpc-status': '0' })

/** Sends back what comes, and ends when the client does. */
export function echo(stream: ServerStream): StreamListener {
  stream.respond(okBlock)
  return {
    data(chunk, start, end) {
      stream.write(chunk.subarray(start, end))
      stream.flush()
    },
    end: () => stream.end(trailersBlock),
    closed() {},
  }
}
