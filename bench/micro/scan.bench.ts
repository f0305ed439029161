import { bench, do_not_optimize, run, summary } from 'mitata'
import { BodyScanner } from '../../src/request/scan.ts'
import { strictTokens } from '../../test/fuzz/strict-tokens.ts'
import { chatBody, modelPositions } from '../bodies.ts'

/** Envoy's HTTP/2 frames and its buffers for HTTP/1 come in pieces of this size. */
const chunkBytes = 16 * 1024

const kib = 1024
const model = 'meta-llama/Llama-3.1-8B-Instruct'

/** Program text as it stands in a JSON string: every line ends in \n, every tenth character or so is a \". */
function codeBody(bytes: number): Buffer {
  const line = '  log.info("points set", "track", "7")\n'
  const content = line.repeat(Math.floor(bytes / (JSON.stringify(line).length - 2)))
  return Buffer.from(JSON.stringify({ model, messages: [{ role: 'user', content }] }))
}

/** A long conversation with short turns: mostly structure and short strings. */
function turnsBody(bytes: number): Buffer {
  const turn = { role: 'user', content: 'and what is the next one?' }
  const messages = new Array(Math.floor(bytes / JSON.stringify(turn).length)).fill(turn)
  return Buffer.from(JSON.stringify({ model, messages }))
}

/** A prompt that is tokenised already. */
function tokenIdsBody(bytes: number): Buffer {
  const prompt = Array.from({ length: Math.floor(bytes / 6) }, (_, index) => 10_000 + ((index * 7919) % 90_000))
  return Buffer.from(JSON.stringify({ model, prompt, max_tokens: 16 }))
}

function inChunks(body: Buffer): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0; at < body.length; at += chunkBytes) chunks.push(body.subarray(at, at + chunkBytes))
  return chunks
}

function scan(chunks: readonly Buffer[]): string | undefined {
  const scanner = new BodyScanner()
  for (const chunk of chunks) scanner.push(chunk)
  scanner.end()
  return scanner.model
}

const parse = (chunks: readonly Buffer[]): string => JSON.parse(Buffer.concat(chunks).toString('utf8')).model

const bodies: { name: string; body: Buffer }[] = []
for (const size of [1, 16, 220, 1024]) {
  for (const position of modelPositions) {
    bodies.push({ name: `${size} KiB of plain text, model ${position}`, body: chatBody(size * kib, position, model) })
  }
}
for (const size of [16, 1024]) {
  bodies.push({ name: `${size} KiB of code (\\" and \\n)`, body: codeBody(size * kib) })
  bodies.push({ name: `${size} KiB of short turns`, body: turnsBody(size * kib) })
  bodies.push({ name: `${size} KiB of token ids`, body: tokenIdsBody(size * kib) })
}

for (const { name, body } of bodies) {
  const chunks = inChunks(body)
  if (scan(chunks) !== model || parse(chunks) !== model) throw new Error(`${name}: the model was not found`)
  summary(() => {
    bench(`${name}: scan`, () => do_not_optimize(scan(chunks)))
    bench(`${name}: JSON.parse`, () => do_not_optimize(parse(chunks)))
    bench(`${name}: stream-json`, () => do_not_optimize(strictTokens(chunks)))
  })
}

const { benchmarks } = await run({ format: 'quiet' })

console.log(`${'body'.padEnd(36)}${'scan'.padStart(28)}${'JSON.parse'.padStart(28)}${'stream-json'.padStart(28)}`)
for (const { name, body } of bodies) {
  const cells = ['scan', 'JSON.parse', 'stream-json'].map((parser) => {
    const stats = benchmarks.find(({ alias }) => alias === `${name}: ${parser}`)?.runs[0].stats
    if (stats === undefined) return 'failed'
    const mebibytesPerSecond = (body.length / kib / kib) * (1e9 / stats.p50)
    return `${(stats.p50 / 1000).toFixed(2).padStart(9)} µs ${mebibytesPerSecond.toFixed(0).padStart(6)} MiB/s`
  })
  console.log(name.padEnd(36) + cells.map((cell) => cell.padStart(28)).join(''))
}
