import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { wireType } from '../../src/extproc/wire.ts'
import { grpcMessage } from '../fuzz/ext-proc-oracle.ts'
import { patternedBytes } from '../fuzz/processing-request.ts'
import { field, nested, varint } from '../fuzz/protobuf.ts'
import { mebibyte, openReader } from '../fuzz/read-stream.ts'

const endOfStream = field(2, wireType.varint, varint(1))
const body = (...content: Buffer[]) => grpcMessage(nested(4, ...content))

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')
/** Bytes of all Buffers that are in use. Memory that a collection finds unused is counted as free some time later. */
const bufferBytes = async () => {
  let bytes = Number.POSITIVE_INFINITY
  for (let unchanged = 0; unchanged < 3; unchanged++) {
    collectGarbage()
    await setImmediate()
    const { arrayBuffers } = process.memoryUsage()
    if (arrayBuffers < bytes) unchanged = 0
    bytes = arrayBuffers
  }
  return bytes
}

test('a message of 1 MiB in pieces of one byte takes little more than that', async () => {
  const message = body(nested(1, patternedBytes(mebibyte)), endOfStream)
  const { recorder, reader } = openReader()
  const before = await bufferBytes()
  for (let at = 0; at < message.length - 1; at++) reader.push(message.subarray(at, at + 1))
  expect((await bufferBytes()) - before).toBeLessThan(1.1 * mebibyte)
  reader.push(message.subarray(-1))
  expect(recorder.events).toHaveLength(1)
})

test('a length that is only declared takes none', async () => {
  const { reader } = openReader()
  const message = body(nested(1, patternedBytes(mebibyte)))
  const before = await bufferBytes()
  reader.push(message.subarray(0, 100))
  expect((await bufferBytes()) - before).toBeLessThan(64 * 1024)
  expect(reader.isBetweenMessages).toBe(false)
})

test('what is gathered does not hold the chunks that it came in', async () => {
  const { reader } = openReader()
  const message = body(nested(1, patternedBytes(1000)))
  const before = await bufferBytes()
  for (let at = 0; at < 1000; at += 10) {
    const chunk = Buffer.alloc(mebibyte / 4)
    message.copy(chunk, 0, at, at + 10)
    reader.push(chunk.subarray(0, 10))
  }
  expect((await bufferBytes()) - before).toBeLessThan(mebibyte)
  expect(reader.isBetweenMessages).toBe(false)
})
