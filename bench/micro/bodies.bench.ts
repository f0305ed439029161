import { gzipSync } from 'node:zlib'
import { bench, do_not_optimize, run } from 'mitata'
import type { BodyReader } from '../../src/request/bodies/body-reader.ts'
import { EngineGrpcReader } from '../../src/request/bodies/engine-grpc.ts'
import { decodeBody } from '../../src/request/bodies/inflate.ts'
import { MultipartReader } from '../../src/request/bodies/multipart.ts'
import { createReader, readerFor } from '../../src/request/bodies/parsers.ts'
import { chatBody } from '../bodies.ts'

const kib = 1024
const chunkBytes = 16 * kib
const boundary = '------------------------d74496d66958873e'
const contentType = `multipart/form-data; boundary=${boundary}`

function inChunks(body: Buffer): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0; at < body.length; at += chunkBytes) chunks.push(body.subarray(at, at + chunkBytes))
  return chunks
}

const part = (headers: string, content: Buffer | string): Buffer =>
  Buffer.concat([
    Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; ${headers}\r\n\r\n`),
    Buffer.from(content),
    Buffer.from('\r\n'),
  ])

/** As curl -F file=@… -F model=… writes it. */
const form = (content: Buffer): Buffer =>
  Buffer.concat([
    part('name="file"; filename="a.wav"\r\nContent-Type: audio/wav', content),
    part('name="model"', 'whisper-large-v3'),
    part('name="language"', 'en'),
    Buffer.from(`--${boundary}--\r\n`),
  ])

function engineRequest(bytes: number): Buffer {
  const prefix = Buffer.alloc(11)
  prefix.writeUInt32BE(bytes + 6, 1)
  // GenerateRequest.text, with its length in five bytes.
  prefix[5] = 0x1a
  for (let i = 0; i < 5; i++) prefix[6 + i] = ((bytes >>> (7 * i)) & 0x7f) | (i < 4 ? 0x80 : 0)
  return Buffer.concat([prefix, Buffer.alloc(bytes, 'once upon a time ')])
}

const samples = Buffer.from(Uint8Array.from({ length: 1024 * kib }, (_, i) => 128 + 100 * Math.sin(i / 7) + (i % 13)))

type Body = { name: string; body: Buffer; open: () => BodyReader }
const openForm = () => new MultipartReader(contentType)
const openEngine = () => new EngineGrpcReader()
const bodies: Body[] = [
  { name: 'form, 1 KiB of audio', body: form(samples.subarray(0, kib)), open: openForm },
  { name: 'form, 1 MiB of audio', body: form(samples), open: openForm },
  { name: 'form, 1 MiB of lines', body: form(Buffer.alloc(1024 * kib, 'a line - of -- text\r\n')), open: openForm },
  { name: 'form, 1 MiB of dashes', body: form(Buffer.alloc(1024 * kib, '-')), open: openForm },
  { name: 'engine gRPC, 1 KiB of text', body: engineRequest(kib), open: openEngine },
  { name: 'engine gRPC, 1 MiB of text', body: engineRequest(1024 * kib), open: openEngine },
]

function read(chunks: readonly Buffer[], open: () => BodyReader): boolean {
  const reader = open()
  for (const chunk of chunks) reader.push(chunk)
  reader.end()
  return reader.isComplete
}

for (const { name, body, open } of bodies) {
  const chunks = inChunks(body)
  if (!read(chunks, open)) throw new Error(`${name}: not read to its end`)
  bench(name, () => do_not_optimize(read(chunks, open)))
}

const chat = chatBody(220 * kib, 'first', 'meta-llama/Llama-3.1-8B-Instruct')
const gzipped = inChunks(gzipSync(chat))
bench(
  'gzip, 220 KiB of chat',
  () => new Promise((done) => decodeBody(gzipped, 'gzip', 1024 * kib, (result) => done(do_not_optimize(result)))),
)

const headers = { path: '/v1/chat/completions', contentType: 'application/json', encoding: undefined }
bench('readerFor + createReader', () => {
  const { format } = readerFor(undefined, headers)
  do_not_optimize(createReader(format, headers.contentType))
})

const { benchmarks } = await run({ format: 'quiet' })

const sizes = new Map([
  ...bodies.map(({ name, body }) => [name, body.length] as const),
  ['gzip, 220 KiB of chat', chat.length],
])
for (const { alias, runs } of benchmarks) {
  const stats = runs[0].stats
  if (stats === undefined) throw new Error(`${alias} failed`)
  const bytes = sizes.get(alias)
  const speed = bytes === undefined ? '' : `${(bytes / stats.p50).toFixed(2).padStart(8)} GB/s`
  console.log(`${alias.padEnd(32)}${(stats.p50 / 1000).toFixed(3).padStart(12)} µs${speed}`)
}
