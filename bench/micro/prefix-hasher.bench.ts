/** What it costs to hash prompts that stream by in Envoy's pieces, and to make the keys of their blocks. */
import { bench, do_not_optimize, run, summary } from 'mitata'
import { PromptHasher } from '../../src/scheduling/prefix/prompt-hasher.ts'

const chunkBytes = 16 * 1024
const kib = 1024

function chunksOf(bytes: number): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes; at += chunkBytes) {
    // Pieces lie anywhere in the received memory, at no particular alignment.
    const chunk = Buffer.from(new ArrayBuffer(chunkBytes + 8)).subarray(3, 3 + Math.min(chunkBytes, bytes - at))
    for (let i = 0; i < chunk.length; i += 1) chunk[i] = 32 + ((i * 31 + at) % 90)
    chunks.push(chunk)
  }
  return chunks
}

function hash(chunks: readonly Buffer[]): PromptHasher {
  const hasher = new PromptHasher()
  for (const chunk of chunks) hasher.push(chunk, 0, chunk.length)
  return hasher
}

summary(() => {
  for (const size of [1, 18, 220, 1024]) {
    const chunks = chunksOf(size * kib)
    bench(`prompt of ${size} KiB`, () => do_not_optimize(hash(chunks)))
  }
  const hasher = hash(chunksOf(220 * kib))
  bench(`${hasher.blocks} keys`, () => {
    let sum = 0
    for (let block = 0; block < hasher.blocks; block += 1) sum += hasher.key(block, 'llama')
    do_not_optimize(sum)
  })
})

const { benchmarks } = await run()
for (const { alias, runs } of benchmarks) {
  const size = /of (\d+) KiB/.exec(alias)?.[1]
  const stats = runs[0].stats
  if (size !== undefined && stats !== undefined) {
    console.log(`${alias}: ${((Number(size) * kib) / stats.p50).toFixed(2)} GB/s`)
  }
}
