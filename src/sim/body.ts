import type { IncomingMessage } from 'node:http'
import type { Clock } from '../clock.ts'
import { bodyTooLarge } from './refusal.ts'
import { wait } from './wait.ts'

export type BodyOptions = {
  readonly maxBytes: number
  /** Undefined reads as fast as the bytes come. */
  readonly bytesPerSecond?: number | undefined
  readonly onChunk?: (bytes: number) => void
  readonly clock: Clock
  readonly signal: AbortSignal
}

/**
 * Reads a request body to its end.
 * @throws RefusedError 413 at once where content-length is over the limit, else as soon as the bytes are; what follows is
 * discarded, so that the client can still read the answer. The signal's reason when the connection breaks.
 */
export async function readBody(request: IncomingMessage, options: BodyOptions): Promise<Buffer> {
  const { maxBytes, bytesPerSecond, onChunk, clock, signal } = options
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw bodyTooLarge(maxBytes)
  const chunks: Buffer[] = []
  let bytes = 0
  await new Promise<void>((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      onChunk?.(chunk.length)
      if (bytes > maxBytes) {
        chunks.length = 0
        reject(bodyTooLarge(maxBytes))
        return
      }
      chunks.push(chunk)
      if (bytesPerSecond === undefined) return
      request.pause()
      wait(clock, (chunk.length / bytesPerSecond) * 1000, signal).then(() => request.resume(), reject)
    })
    request.on('end', resolve)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, bytes)
}
