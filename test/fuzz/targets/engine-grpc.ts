import { deepEqual, equal, ok } from 'node:assert/strict'
import { EngineGrpcReader } from '../../../src/request/bodies/engine-grpc.ts'
import { createResponseReader } from '../../../src/response/response-reader.ts'
import { readPieces } from '../../request/bodies/read-body.ts'
import { readPieces as readAnswer } from '../../response/reading.ts'
import { grpcMessage } from '../ext-proc-oracle.ts'
import { mutateBytes } from '../mutate-bytes.ts'
import { byteByByte, randomPieces, wholly } from '../pieces.ts'
import { field, nested, varint } from '../protobuf.ts'
import { type Random, seededRandom } from '../random.ts'
import { type BytesCase, defineTarget, toBytes, toText } from '../target.ts'

const number = (id: number, value: number, width = 1) => field(id, 0, varint(value, width))
const string = (id: number, text: string) => nested(id, Buffer.from(text))

/** Fields of vllm_engine.proto's requests and answers; each number means something in some of them. */
function anyField(random: Random, depth = 0): Buffer {
  const id = 1 + random.below(12)
  switch (random.below(depth < 3 ? 5 : 3)) {
    case 0:
      return number(id, random.pick([0, 1, 127, 128, 70_000, 2 ** 31, 2 ** 32, 2 ** 45]), 1 + random.below(10))
    case 1:
      return string(id, random.pick(['', 'a', 'hello', 'é😀', 'x'.repeat(200)]))
    case 2:
      return nested(id, ...Array.from({ length: random.below(5) }, () => varint(random.below(100_000))))
    default:
      return nested(id, ...Array.from({ length: random.below(4) }, () => anyField(random, depth + 1)))
  }
}

const message = (random: Random) =>
  grpcMessage(Buffer.concat(Array.from({ length: random.below(6) }, () => anyField(random))))

const grpc = { contentType: 'application/grpc', contentEncoding: undefined }

export const engineGrpc = defineTarget<BytesCase>({
  name: 'engine-grpc',
  promise: "messages of the engine's own protocol are judged the same in any pieces, and answers pass byte for byte",

  generate(random) {
    const messages = Array.from({ length: random.pick([1, 1, 1, 2, 4]) }, () => message(random))
    const good = Buffer.concat(messages)
    return {
      bytes: toText(random.chance(0.2) ? good : mutateBytes(good, random, messages)),
      cut: random.below(2 ** 31),
    }
  },

  check({ bytes, cut }) {
    const body = toBytes(bytes)
    const random = seededRandom(cut)
    const whole = readPieces(new EngineGrpcReader(), wholly(body))
    equal(whole.error === undefined, whole.isComplete)
    if (whole.isComplete) ok(whole.promptEnd <= body.length && whole.promptStart <= whole.promptEnd)
    ok(whole.maxTokens === undefined || Number.isSafeInteger(whole.maxTokens))

    ok(createResponseReader(grpc), 'no reader for answers')
    const answer = readAnswer(wholly(body), grpc)
    equal(answer.body, bytes)
    for (const pieces of [randomPieces(body, random), byteByByte(body)]) {
      const copies = pieces.map((piece) => Buffer.from(piece))
      deepEqual(readPieces(new EngineGrpcReader(), pieces), whole)
      const { body: sent, found } = readAnswer(copies, grpc)
      equal(sent, bytes)
      deepEqual(found, answer.found)
    }
  },
})
