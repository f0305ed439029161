// One whole exchange without sockets: bytes of ProcessingRequests in, bytes of answers out.
import { bench, group, run } from 'mitata'
import { loadProtos } from '../../protos/load.ts'
import { Conversation } from '../../src/extproc/conversation.ts'
import { MessageReader } from '../../src/extproc/message-reader.ts'
import { createHeaderTable } from '../../src/request/control-headers.ts'
import { defaultLimits, maxMessageBytes } from '../../src/request/limits.ts'
import { catalog, createContext, createEndpoints } from './one-pool.ts'

const { definition } = loadProtos()
const method = definition['envoy.service.ext_proc.v3.ExternalProcessor'] as unknown as {
  Process: { requestSerialize(value: object): Buffer }
}

function message(value: object): Buffer {
  const bytes = method.Process.requestSerialize(value)
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(bytes.length, 1)
  return Buffer.concat([prefix, bytes])
}

const headerNames = [
  ':method',
  ':path',
  ':scheme',
  ':authority',
  'content-type',
  'content-length',
  'user-agent',
  'accept',
]
const values = [
  'POST',
  '/v1/chat/completions',
  'http',
  'gateway:8080',
  'application/json',
  '1024',
  'openai/1.99',
  '*/*',
]
const more = Array.from({ length: 12 }, (_, i) => ({ key: `x-header-${i}`, raw_value: Buffer.from(`value ${i}`) }))
const headers = [...headerNames.map((key, i) => ({ key, raw_value: Buffer.from(values[i]) })), ...more]
const opening = message({
  request_headers: { headers: { headers } },
  protocol_config: { request_body_mode: 'FULL_DUPLEX_STREAMED', response_body_mode: 'NONE' },
})

/** DATA frames of 16 KiB, as clients cut a stream of messages of 16 KiB of body. */
function framesOf(bodyBytes: number): Buffer[] {
  const body = Buffer.from(
    JSON.stringify({
      model: 'qwen',
      messages: [{ role: 'user', content: 'lorem ipsum dolor '.repeat(bodyBytes / 18) }],
    }),
  )
  const messages: Buffer[] = [opening]
  for (let at = 0; at < body.length; at += 16384) {
    const piece = body.subarray(at, at + 16384)
    messages.push(message({ request_body: { body: piece, end_of_stream: at + 16384 >= body.length } }))
  }
  return messages.flatMap((bytes) => {
    const frames: Buffer[] = []
    for (let at = 0; at < bytes.length; at += 16384) frames.push(bytes.subarray(at, at + 16384))
    return frames
  })
}

const context = createContext(createEndpoints(4), { decided() {}, refused() {}, unroutable() {}, ended() {} })
const routing = { catalog, table: createHeaderTable([]) }
const stream = {
  bytes: 0,
  write: (bytes: Buffer) => void (stream.bytes += bytes.length),
  run: (step: () => void) => step(),
}

function exchange(frames: readonly Buffer[]): void {
  const conversation = new Conversation(context, routing, undefined, stream)
  const reader = new MessageReader(routing.table, conversation, maxMessageBytes(defaultLimits))
  for (const frame of frames) reader.push(frame)
  conversation.closed()
}

group('one exchange, full duplex', () => {
  for (const [name, bytes] of [
    ['1 KB', 1024],
    ['16 KB', 16_384],
    ['220 KB', 220_000],
    ['1 MB', 1_000_000],
  ] as const) {
    const frames = framesOf(bytes)
    bench(name, () => exchange(frames))
  }
})

await run()
