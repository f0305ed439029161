import { wireType } from '../../src/extproc/wire.ts'
import { anyByte, randomBytes } from './mutate.ts'
import type { Random } from './random.ts'

/** The known fields of a message by number: the shape of those that are messages, how all others are written. */
export type MessageShape = { readonly [fieldNumber: number]: MessageShape | 'bytes' | 'varint' }

const headerValue: MessageShape = { 1: 'bytes', 2: 'bytes', 3: 'bytes' }
const headerMap: MessageShape = { 1: headerValue }
const httpHeaders: MessageShape = { 1: headerMap, 3: 'varint' }
const httpBody: MessageShape = { 1: 'bytes', 2: 'varint' }
const httpTrailers: MessageShape = { 1: headerMap }
export const processingRequestShape: MessageShape = {
  2: httpHeaders,
  3: httpHeaders,
  4: httpBody,
  5: httpBody,
  6: httpTrailers,
  7: httpTrailers,
  8: 'bytes',
  9: 'bytes',
  10: 'varint',
  11: { 1: 'varint', 2: 'varint', 3: 'varint' },
}

const headerMutation: MessageShape = { 1: { 1: { 1: 'bytes', 3: 'bytes' } }, 2: 'bytes' }
const commonResponse: MessageShape = {
  1: 'varint',
  2: headerMutation,
  3: { 1: 'bytes', 2: 'varint', 3: { 1: 'bytes', 2: 'varint' } },
  5: 'varint',
}
export const processingResponseShape: MessageShape = {
  1: { 1: commonResponse },
  2: { 1: commonResponse },
  3: { 1: commonResponse },
  4: { 1: commonResponse },
  5: { 1: headerMutation },
  6: { 1: headerMutation },
  7: { 1: { 1: 'varint' }, 2: headerMutation, 3: 'bytes', 5: 'bytes' },
  8: 'bytes',
}

/** A varint, of more bytes than it needs when `width` says so. */
export function varint(value: number, width = 1): Buffer {
  const bytes: number[] = []
  let rest = BigInt(value)
  while (rest >= 0x80n || bytes.length + 1 < width) {
    bytes.push(Number(rest & 0x7fn) | 0x80)
    rest >>= 7n
  }
  return Buffer.from([...bytes, Number(rest)])
}

export const field = (fieldNumber: number, type: number, ...content: Buffer[]): Buffer => {
  const payload = Buffer.concat(content)
  const tag = varint(fieldNumber * 8 + type)
  return type === wireType.bytes ? Buffer.concat([tag, varint(payload.length), payload]) : Buffer.concat([tag, payload])
}

/** The message with `content` in a length-delimited field. */
export const nested = (fieldNumber: number, ...content: Buffer[]): Buffer =>
  field(fieldNumber, wireType.bytes, ...content)

type Field = { readonly fieldNumber: number; readonly type: number; readonly payload: Buffer }

/**
 * The fields of a message.
 * @throws Error where it is not well-formed, or uses groups
 */
function readFields(message: Buffer): Field[] {
  const fields: Field[] = []
  let at = 0
  const readVarint = () => {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      if (at >= message.length) throw new Error('message ends in the middle of a number')
      const byte = message[at++]
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
  }
  while (at < message.length) {
    const tag = readVarint()
    const start = at
    const type = tag & 7
    if (type === wireType.varint) {
      readVarint()
      fields.push({ fieldNumber: tag >>> 3, type, payload: message.subarray(start, at) })
    } else {
      if (!Object.values<number>(wireType).includes(type)) throw new Error(`wire type ${type}`)
      const length = type === wireType.bytes ? readVarint() : type === wireType.fixed32 ? 4 : 8
      fields.push({ fieldNumber: tag >>> 3, type, payload: message.subarray(at, at + length) })
      at += length
      if (at > message.length) throw new Error('field runs over the end of its message')
    }
  }
  return fields
}

/** The same message with its fields in the order of their numbers, to be compared byte by byte. */
export function sortFields(message: Buffer, shape: MessageShape): Buffer {
  const fields = readFields(message).sort((a, b) => a.fieldNumber - b.fieldNumber)
  return Buffer.concat(
    fields.map(({ fieldNumber, type, payload }) => {
      const inner = shape[fieldNumber]
      return field(fieldNumber, type, typeof inner === 'object' ? sortFields(payload, inner) : payload)
    }),
  )
}

/**
 * The message in a form that protobufjs reads as other parsers read `message`: without the known fields that are written as another
 * type, which they pass over, and with the parts of one inner message together, which they merge; protobufjs does neither.
 * @throws Error where it is not well-formed, or uses groups
 */
export function forProtobufjs(message: Buffer, shape: MessageShape): Buffer {
  const parts: Buffer[] = []
  const inners = new Map<number, Buffer[]>()
  for (const { fieldNumber, type, payload } of readFields(message)) {
    const inner = shape[fieldNumber]
    const isMistyped = inner !== undefined && type !== (inner === 'varint' ? wireType.varint : wireType.bytes)
    if (isMistyped) continue
    if (typeof inner !== 'object') parts.push(field(fieldNumber, type, payload))
    else if (inner === headerValue) parts.push(nested(fieldNumber, forProtobufjs(payload, inner)))
    else inners.set(fieldNumber, [...(inners.get(fieldNumber) ?? []), payload])
  }
  for (const [fieldNumber, payloads] of inners) {
    // Messages one behind the other are the bytes of the merged one.
    parts.push(nested(fieldNumber, forProtobufjs(Buffer.concat(payloads), shape[fieldNumber] as MessageShape)))
  }
  return Buffer.concat(parts)
}

/**
 * The same message as another serialiser might have written it: fields in another order (but those of one number in theirs),
 * unknown fields of every wire type at every level, varints with more bytes than they need.
 */
export function rewriteMessage(message: Buffer, shape: MessageShape, random: Random): Buffer {
  const parts: Buffer[] = []
  const unknown = random.pick([0, 0.1, 0.5])
  const wide = random.pick([0, 0, 0.2])
  const width = () => (random.chance(wide) ? 1 + random.below(5) : 1)
  const write = ({ fieldNumber, type, payload }: Field) => {
    parts.push(varint(fieldNumber * 8 + type, width()))
    if (type === wireType.bytes) parts.push(varint(payload.length, width()))
    parts.push(payload)
  }
  const writeUnknown = () => {
    while (random.chance(unknown)) write(unknownField(shape, random))
  }
  for (const original of shuffleFields(readFields(message), random)) {
    writeUnknown()
    const inner = shape[original.fieldNumber]
    if (typeof inner !== 'object') write(original)
    else write({ ...original, payload: rewriteMessage(original.payload, inner, random) })
  }
  writeUnknown()
  return Buffer.concat(parts)
}

function unknownField(shape: MessageShape, random: Random): Field {
  const numbers = [1, 2, 3, 4, 12, 15, 16, 100, 2047, 2048, 536_870_911].filter((number) => shape[number] === undefined)
  const fieldNumber = random.pick(numbers)
  const type = random.pick(Object.values(wireType))
  const length = type === wireType.fixed32 ? 4 : type === wireType.fixed64 ? 8 : random.below(200)
  const payload =
    type === wireType.varint
      ? varint(random.below(2 ** 48), 1 + random.below(10))
      : randomBytes(length, random, anyByte)
  return { fieldNumber, type, payload }
}

function shuffleFields(fields: readonly Field[], random: Random): Field[] {
  if (random.chance(0.5)) return [...fields]
  const shuffled = [...fields]
  for (let last = shuffled.length - 1; last > 0; last--) {
    const other = random.below(last + 1)
    ;[shuffled[last], shuffled[other]] = [shuffled[other], shuffled[last]]
  }
  // Repeated fields keep their order, which means something.
  const inOrder = Map.groupBy(fields, ({ fieldNumber }) => fieldNumber)
  return shuffled.map(({ fieldNumber }) => inOrder.get(fieldNumber)!.shift()!)
}
