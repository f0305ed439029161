import { bench, do_not_optimize, run, summary } from 'mitata'
import { createResponseReader } from '../../src/response/response-reader.ts'

const served = 'meta-llama/Llama-3.1-8B-Instruct'
const restore = { served, asked: 'llama' }
const eventCount = 10_000

/** One chunk of a chat completion as vLLM sends it with continuous usage statistics: 250 bytes with the line ends. */
function chunk(tokens: number): Buffer {
  const document = {
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    model: served,
    choices: [{ index: 0, delta: { content: ' token' }, finish_reason: null }],
    usage: { prompt_tokens: 12, total_tokens: 12 + tokens, completion_tokens: tokens },
  }
  return Buffer.from(`data: ${JSON.stringify(document)}\n\n`)
}

const events = Array.from({ length: eventCount }, (_, tokens) => chunk(tokens))

/** The same bytes, in pieces that end `shift` bytes before the events do, so that over all shifts every place is cut. */
function shifted(shift: (index: number) => number): Buffer[] {
  const whole = Buffer.concat(events)
  const pieces: Buffer[] = []
  let at = 0
  let end = 0
  for (const [index, event] of events.entries()) {
    end += event.length
    const border = index === events.length - 1 ? end : end - shift(index)
    pieces.push(whole.subarray(at, border))
    at = border
  }
  return pieces
}

function read(pieces: readonly Buffer[], contentType: string, names: typeof restore | undefined): number {
  const reader = createResponseReader({ contentType, contentEncoding: undefined, restore: names })!
  const out: Buffer[] = []
  for (const piece of pieces) {
    out.length = 0
    reader.push(piece, out)
  }
  reader.end(out)
  return reader.usage?.completionTokens ?? -1
}

const answer = Buffer.from(
  JSON.stringify({
    model: served,
    choices: [
      { message: { role: 'assistant', content: 'a "quoted"\nline of text '.repeat(37_000) }, finish_reason: 'stop' },
    ],
    usage: { prompt_tokens: 12, total_tokens: 21, completion_tokens: eventCount - 1 },
  }),
)
const answerPieces: Buffer[] = []
for (let at = 0; at < answer.length; at += 16 * 1024) answerPieces.push(answer.subarray(at, at + 16 * 1024))

const eventStream = 'text/event-stream'
const cases = [
  { name: 'events, each a piece', pieces: events, type: eventStream, names: undefined },
  { name: 'events, each a piece, model restored', pieces: events, type: eventStream, names: restore },
  {
    name: 'events cut at every place, model restored',
    pieces: shifted((index) => index % 200),
    type: eventStream,
    names: restore,
  },
  { name: '1 MB of JSON, model restored', pieces: answerPieces, type: 'application/json', names: restore },
]

for (const { name, pieces, type, names } of cases) {
  if (read(pieces, type, names) !== eventCount - 1) throw new Error(`${name}: the usage was not found`)
  summary(() => {
    bench(name, () => do_not_optimize(read(pieces, type, names)))
  })
}

const { benchmarks } = await run({ format: 'quiet' })

for (const { name, pieces } of cases) {
  const stats = benchmarks.find(({ alias }) => alias === name)?.runs[0].stats
  const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0)
  const median = stats?.p50 ?? Number.NaN
  const perPiece = `${(median / pieces.length).toFixed(0).padStart(6)} ns for a piece of ${Math.round(bytes / pieces.length)} bytes`
  console.log(`${name.padEnd(44)}${perPiece}${((bytes / median) * 1000).toFixed(0).padStart(8)} MB/s`)
}
