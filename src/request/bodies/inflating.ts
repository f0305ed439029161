import type { Refusal } from '../errors.ts'
import { maxInflating } from '../limits.ts'
import { type DecodedBody, decodeBody } from './inflate.ts'

// zlib's threads are those of the process, and so is the queue before them.
let inflating = 0
/** Those that wait, the oldest first. */
const waiting = new Set<() => void>()

/** {@link decodeBody} in its turn: of all bodies, {@link maxInflating} are decoded at a time. A place is given up by cancelling. */
export function decodeInTurn(
  pieces: readonly Buffer[],
  encoding: string,
  maxBytes: number,
  done: (result: DecodedBody | Refusal) => void,
): () => void {
  let cancel: (() => void) | undefined
  const begin = (): void => {
    cancel = decodeBody(pieces, encoding, maxBytes, (result) => {
      end()
      done(result)
    })
    inflating += 1
  }
  const end = (): void => {
    cancel = undefined
    inflating -= 1
    const [next] = waiting
    if (next === undefined) return
    waiting.delete(next)
    next()
  }
  if (inflating < maxInflating) begin()
  else waiting.add(begin)
  return () => {
    waiting.delete(begin)
    if (cancel === undefined) return
    cancel()
    end()
  }
}
