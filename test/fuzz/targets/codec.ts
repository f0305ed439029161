import { deepEqual, equal, ok } from 'node:assert/strict'
import { GrpcError } from '../../../src/extproc/message-reader.ts'
import { MalformedMessage } from '../../../src/extproc/wire.ts'
import { deserializeRequest, grpcMessage, serializeRequest } from '../ext-proc-oracle.ts'
import { mutateBytes } from '../mutate-bytes.ts'
import { randomPieces, wholly } from '../pieces.ts'
import { expectedEvents, processingRequest, type Told } from '../processing-request.ts'
import { forProtobufjs, processingRequestShape, rewriteMessage } from '../protobuf.ts'
import { seededRandom } from '../random.ts'
import { anyOf } from '../random-of.ts'
import { openReader } from '../read-stream.ts'
import { type BytesCase, defineTarget, toBytes, toText } from '../target.ts'

/** A protocol_config may be told before the damage to its message is seen, or not. */
const steady = (events: readonly Told[]) => events.filter(({ told }) => told !== 'protocolConfig')

function read(pieces: readonly Buffer[]) {
  const { recorder, reader } = openReader()
  let error: Error | undefined
  try {
    for (const piece of pieces) reader.push(piece)
  } catch (thrown) {
    if (!(thrown instanceof MalformedMessage || thrown instanceof GrpcError)) throw thrown
    error = thrown
  }
  return { events: steady(recorder.events), error, isUnfinished: error === undefined && !reader.isBetweenMessages }
}

/** The messages of a stream as far as it is whole. */
function cutMessages(stream: Buffer): { readonly messages: Buffer[]; readonly isWhole: boolean } {
  const messages: Buffer[] = []
  let at = 0
  while (at + 5 <= stream.length && stream[at] === 0) {
    const end = at + 5 + stream.readUInt32BE(at + 1)
    if (end > stream.length) break
    messages.push(stream.subarray(at + 5, end))
    at = end
  }
  return { messages, isWhole: at === stream.length }
}

export const codec = defineTarget<BytesCase>({
  name: 'codec',
  promise:
    'streams of ProcessingRequests are told as proto-loader reads them or end as malformed, the same in any pieces',

  generate(random) {
    const requests = Array.from({ length: 1 + random.below(3) }, () => {
      const message = serializeRequest(anyOf(processingRequest, random))
      return random.chance(0.5) ? message : rewriteMessage(message, processingRequestShape, random)
    }).filter((message) => message.length < 20_000)
    const damaged = requests.map((message) => (random.chance(0.5) ? mutateBytes(message, random, requests) : message))
    const stream = Buffer.concat(damaged.map((message) => grpcMessage(message)))
    return { bytes: toText(random.chance(0.2) ? mutateBytes(stream, random) : stream), cut: random.below(2 ** 31) }
  },

  check({ bytes, cut }) {
    const stream = toBytes(bytes)
    const whole = read(wholly(stream))
    const inPieces = read(randomPieces(stream, seededRandom(cut)))
    // Damage to a message that has not arrived whole may show already, or only later.
    if (!whole.isUnfinished && !inPieces.isUnfinished) {
      equal(inPieces.error?.constructor, whole.error?.constructor)
      deepEqual(inPieces.events, whole.events)
    }
    const { messages, isWhole } = cutMessages(stream)
    if (whole.error !== undefined || !isWhole) return
    const expected: Told[] = []
    for (const message of messages) {
      try {
        expected.push(...expectedEvents(deserializeRequest(forProtobufjs(message, processingRequestShape))))
      } catch {
        // What is skipped without a look may be anything, to us.
        return
      }
    }
    ok(!whole.isUnfinished)
    deepEqual(whole.events, steady(expected))
  },
})
