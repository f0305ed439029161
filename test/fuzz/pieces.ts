import type { Random } from './random.ts'

/** `bytes` cut at these offsets (ascending), each piece in memory of its own. */
export function cutAt(bytes: Buffer, offsets: readonly number[]): Buffer[] {
  const borders = [0, ...offsets, bytes.length]
  return borders.slice(1).map((border, index) => {
    const piece = Buffer.allocUnsafeSlow(border - borders[index])
    bytes.copy(piece, 0, borders[index], border)
    return piece
  })
}

export const wholly = (bytes: Buffer): Buffer[] => cutAt(bytes, [])

export const byteByByte = (bytes: Buffer): Buffer[] =>
  cutAt(
    bytes,
    Array.from({ length: Math.max(0, bytes.length - 1) }, (_, index) => index + 1),
  )

/** All cuts in two, those with an empty half among them. */
export const atEverySplit = (bytes: Buffer): Buffer[][] =>
  Array.from({ length: bytes.length + 1 }, (_, offset) => cutAt(bytes, [offset]))

/** Few or many pieces, even or uneven, some of them empty. */
export function randomPieces(bytes: Buffer, random: Random): Buffer[] {
  const offsets: number[] = []
  const largest = random.pick([1, 2, 7, 40, 1000, 20_000])
  for (let at = random.below(largest + 1); at < bytes.length; at += random.below(largest + 1)) {
    offsets.push(at)
    // Many small pieces of a large message would only take time.
    if (offsets.length > 2000) break
  }
  return cutAt(bytes, offsets)
}
