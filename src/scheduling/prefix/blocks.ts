/**
 * How a prompt is cut into blocks. Blocks grow with their distance from the start, so that a prompt of any length has few,
 * and what a match misses at its end stays a small share of it: each level has 32 blocks, of twice the bytes of the level
 * before. The smallest has the bytes of a block of 16 tokens, which is what model servers share by default.
 */

const smallestBlockBytes = 64
const blocksPerLevelBits = 5
const blocksPerLevel = 1 << blocksPerLevelBits
const levels = 9

/** The blocks of 1,046,528 bytes. What comes after them has no part in affinity. */
export const maxBlocks = levels * blocksPerLevel

export const bytesOfBlock = (block: number): number => smallestBlockBytes << (block >> blocksPerLevelBits)

/** Prompt bytes from the start to the end of `block`; 0 for block -1. */
export function endOfBlock(block: number): number {
  const level = (block + 1) >> blocksPerLevelBits
  const levelStart = smallestBlockBytes * blocksPerLevel * ((1 << level) - 1)
  return levelStart + ((block + 1) & (blocksPerLevel - 1)) * (smallestBlockBytes << level)
}

/** How many blocks lie whole in the first `bytes` of a prompt. */
export function blocksWithin(bytes: number): number {
  let first = 0
  let beyond = maxBlocks
  while (first < beyond) {
    const middle = (first + beyond) >> 1
    if (endOfBlock(middle) <= bytes) first = middle + 1
    else beyond = middle
  }
  return first
}
