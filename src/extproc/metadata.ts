import { type Cursor, tagOf, wireType } from './wire.ts'

/** What the proxy says of the endpoints, in the dynamic metadata that its filter forwards. */
export type MetadataEvents = {
  /** The endpoints that the request may go to, `ip` or `ip:port` each: the key was there, so none means none. */
  subsetHint(endpoints: readonly string[]): void
  /** The endpoint that a response came from, `ip:port`. */
  servedEndpoint(address: string): void
}

const subsetNamespace = Buffer.from('envoy.lb.subset_hint')
const subsetKey = Buffer.from('x-gateway-destination-endpoint-subset')
const lbNamespace = Buffer.from('envoy.lb')
const servedKey = Buffer.from('x-gateway-destination-endpoint-served')

const firstBytes = tagOf(1, wireType.bytes)
const secondBytes = tagOf(2, wireType.bytes)
const stringValue = tagOf(3, wireType.bytes)
const listValue = tagOf(6, wireType.bytes)

/**
 * Reads `ProcessingRequest.metadata_context` (config.core.v3.Metadata: map<string, google.protobuf.Struct> filter_metadata = 1)
 * at the cursor, which stands before its length. Everything but the two keys of interest is passed over.
 */
export function readMetadata(cursor: Cursor, events: MetadataEvents): void {
  const end = cursor.lengthDelimited()
  const outerEnd = cursor.end
  cursor.end = end
  while (cursor.at < end) {
    const tag = cursor.tag()
    if (tag !== firstBytes) cursor.skip(tag)
    else if (nextEntry(cursor)) {
      const next = cursor.at
      if (keyIs(cursor, subsetNamespace)) {
        const endpoints = findStrings(cursor, subsetKey)
        if (endpoints !== undefined) events.subsetHint(endpoints)
      } else if (keyIs(cursor, lbNamespace)) {
        const address = findStrings(cursor, servedKey)?.[0]
        if (address !== undefined) events.servedEndpoint(address)
      }
      cursor.at = next
    }
  }
  cursor.end = outerEnd
}

/** Where the parts of the map entry that was read last lie; `valueAt` is before the value's length. */
let keyStart = 0
let keyEnd = 0
let valueAt = 0

/** Passes over a map entry {key = 1, value = 2} and notes where its parts lie. False when it has no value. */
function nextEntry(cursor: Cursor): boolean {
  const outerEnd = cursor.end
  const end = cursor.lengthDelimited()
  cursor.end = end
  keyStart = 0
  keyEnd = 0
  valueAt = -1
  while (cursor.at < end) {
    const tag = cursor.tag()
    if (tag === firstBytes) {
      keyEnd = cursor.lengthDelimited()
      keyStart = cursor.at
      cursor.at = keyEnd
    } else if (tag === secondBytes) {
      valueAt = cursor.at
      cursor.at = cursor.lengthDelimited()
    } else cursor.skip(tag)
  }
  cursor.end = outerEnd
  return valueAt >= 0
}

const keyIs = ({ buffer }: Cursor, key: Buffer): boolean =>
  keyEnd - keyStart === key.length && buffer.compare(key, 0, key.length, keyStart, keyEnd) === 0

/** The strings under `key` of the Struct {map<string, Value> fields = 1} that the last entry's value is. Moves the cursor. */
function findStrings(cursor: Cursor, key: Buffer): readonly string[] | undefined {
  const outerEnd = cursor.end
  let strings: readonly string[] | undefined
  cursor.at = valueAt
  const end = cursor.lengthDelimited()
  cursor.end = end
  while (cursor.at < end) {
    const tag = cursor.tag()
    if (tag !== firstBytes) cursor.skip(tag)
    else if (nextEntry(cursor) && keyIs(cursor, key)) {
      const next = cursor.at
      cursor.at = valueAt
      strings = readStrings(cursor)
      cursor.at = next
    }
  }
  cursor.end = outerEnd
  return strings
}

/**
 * google.protobuf.Value at the cursor: a list of strings, or one string with commas between them; undefined for any other.
 * @param isItem a list in a list is none
 */
function readStrings(cursor: Cursor, isItem = false): readonly string[] | undefined {
  const outerEnd = cursor.end
  const end = cursor.lengthDelimited()
  cursor.end = end
  let strings: readonly string[] | undefined
  while (cursor.at < end) {
    const tag = cursor.tag()
    if (tag === stringValue) {
      const textEnd = cursor.lengthDelimited()
      strings = splitList(cursor.buffer.toString('utf8', cursor.at, textEnd))
      cursor.at = textEnd
    } else if (tag === listValue && !isItem) {
      strings = readList(cursor)
    } else cursor.skip(tag)
  }
  cursor.end = outerEnd
  return strings
}

/** google.protobuf.ListValue {repeated Value values = 1}: its strings. */
function readList(cursor: Cursor): readonly string[] {
  const outerEnd = cursor.end
  const end = cursor.lengthDelimited()
  cursor.end = end
  const list: string[] = []
  while (cursor.at < end) {
    const tag = cursor.tag()
    if (tag !== firstBytes) cursor.skip(tag)
    else for (const text of readStrings(cursor, true) ?? []) list.push(text)
  }
  cursor.end = outerEnd
  return list
}

const splitList = (text: string): string[] =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
