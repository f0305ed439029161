import { expect, it } from 'vitest'
import { blocksWithin, bytesOfBlock, endOfBlock, maxBlocks } from '../../../src/scheduling/prefix/blocks.ts'

it.each([
  [0, 64, 64],
  [1, 64, 128],
  [31, 64, 2_048],
  [32, 128, 2_176],
  [63, 128, 6_144],
  [64, 256, 6_400],
  [96, 512, 14_848],
  [287, 16_384, 1_046_528],
])('block %i has %i bytes and ends after %i', (block, bytes, end) => {
  expect(bytesOfBlock(block)).toBe(bytes)
  expect(endOfBlock(block)).toBe(end)
})

it('has blocks that follow on each other without a gap', () => {
  expect(endOfBlock(-1)).toBe(0)
  for (let block = 0; block < maxBlocks; block += 1) {
    expect(endOfBlock(block)).toBe(endOfBlock(block - 1) + bytesOfBlock(block))
  }
})

it.each([
  [0, 0],
  [63, 0],
  [64, 1],
  [127, 1],
  [16 * 1024, 100],
  [220 * 1024, 215],
  [1_046_527, 287],
  [1_046_528, 288],
  [Number.POSITIVE_INFINITY, 288],
])('of %d bytes, %i blocks are whole', (bytes, blocks) => {
  expect(blocksWithin(bytes)).toBe(blocks)
})
