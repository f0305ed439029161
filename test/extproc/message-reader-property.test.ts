import fc from 'fast-check'
import { expect, test } from 'vitest'
import { GrpcError } from '../../src/extproc/message-reader.ts'
import { MalformedMessage } from '../../src/extproc/wire.ts'
import { deserializeRequest, grpcMessage, serializeRequest } from '../fuzz/ext-proc-oracle.ts'
import { anyByte, mutate } from '../fuzz/mutate.ts'
import { randomPieces, wholly } from '../fuzz/pieces.ts'
import { expectedEvents, processingRequest } from '../fuzz/processing-request.ts'
import { processingRequestShape, rewriteMessage } from '../fuzz/protobuf.ts'
import { fuzzRuns, fuzzTimeoutMs, seededRandom } from '../fuzz/random.ts'
import { openReader, readStream } from '../fuzz/read-stream.ts'

test('a stream of messages is told as proto-loader reads it, in any pieces', { timeout: fuzzTimeoutMs }, () => {
  fc.assert(
    fc.property(fc.array(processingRequest, { minLength: 1, maxLength: 6 }), fc.nat(), (requests, seed) => {
      const random = seededRandom(seed)
      const messages = requests
        .map((request) => serializeRequest(request))
        .map((message) => (random.chance(0.5) ? message : rewriteMessage(message, processingRequestShape, random)))
      const bytes = Buffer.concat(messages.map((message) => grpcMessage(message)))
      const expected = messages.flatMap((message) => expectedEvents(deserializeRequest(message)))
      expect(readStream(randomPieces(bytes, random))).toEqual(expected)
      expect(readStream(wholly(bytes))).toEqual(expected)
    }),
    { numRuns: fuzzRuns },
  )
})

test('damaged streams are told up to the damage, the same in any pieces', { timeout: fuzzTimeoutMs }, () => {
  const outcome = (pieces: readonly Buffer[]) => {
    const { recorder, reader } = openReader()
    let error: unknown
    try {
      for (const piece of pieces) reader.push(piece)
    } catch (thrown) {
      error = thrown
      if (!(thrown instanceof MalformedMessage || thrown instanceof GrpcError)) throw thrown
    }
    // A protocol_config may be told before the damage to its message is seen, or not.
    const events = recorder.events.filter(({ told }) => told !== 'protocolConfig')
    return { events, error, isBetweenMessages: reader.isBetweenMessages }
  }
  fc.assert(
    fc.property(fc.array(processingRequest, { minLength: 1, maxLength: 4 }), fc.nat(), (requests, seed) => {
      const random = seededRandom(seed)
      const messages = requests.map((request) => serializeRequest(request))
      const damageInside = random.chance(0.7)
      const victim = random.below(messages.length)
      if (damageInside) messages[victim] = mutate(messages[victim], random, anyByte)
      let bytes: Buffer = Buffer.concat(messages.map((message) => grpcMessage(message)))
      if (!damageInside) bytes = mutate(bytes, random, anyByte)

      const whole = outcome(wholly(bytes))
      const inPieces = outcome(randomPieces(bytes, random))
      expect(inPieces.events).toEqual(whole.events)
      // A message that has not arrived whole may show its damage already, or only later.
      const isUnfinished = (found: typeof whole) => found.error === undefined && !found.isBetweenMessages
      if (!isUnfinished(whole) && !isUnfinished(inPieces)) {
        expect(inPieces.error?.constructor).toBe(whole.error?.constructor)
        expect(inPieces.isBetweenMessages || inPieces.error !== undefined).toBe(true)
      }
      // Damage inside of a message never spreads to those before it.
      const before = messages.slice(0, damageInside ? victim : 0)
      const intact = before
        .flatMap((message) => expectedEvents(deserializeRequest(message)))
        .filter(({ told }) => told !== 'protocolConfig')
      expect(whole.events.slice(0, intact.length)).toEqual(intact)
    }),
    { numRuns: fuzzRuns },
  )
})
