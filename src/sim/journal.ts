import { hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** Arrivals of body bytes that an entry keeps; later ones only count in `bodyBytes` and `endMs`. */
const maxArrivals = 1024

export type Arrival = { readonly atMs: number; readonly bytes: number }

/** One request as it arrived. All times are milliseconds since the server started. */
export type JournalEntry = {
  /** Counts the requests of this server from 1. */
  readonly number: number
  readonly method: string
  /** With its query. */
  readonly path: string
  /** Lower-case names; several values of one header joined by `, `. */
  readonly headers: Readonly<Record<string, string>>
  readonly headersMs: number
  /** First body byte; undefined without a body. */
  readonly firstByteMs: number | undefined
  /** End of the body; undefined while it is under way, and when it broke off. */
  readonly endMs: number | undefined
  readonly arrivals: readonly Arrival[]
  readonly bodyBytes: number
  /** Hexadecimal, of the whole body; undefined until it has ended. */
  readonly bodySha256: string | undefined
  /** The first bytes of the body, up to the journal's limit. */
  readonly body: Buffer
  /** The `model` of the body, where that is JSON with a string there. */
  readonly model: string | undefined
  /** Status of the answer; undefined as long as none began. */
  readonly status: number | undefined
  /** When the answer ended or the connection broke. */
  readonly closedMs: number | undefined
}

/** An entry while its request is under way: the exchange fills it in. */
export type OpenEntry = { -readonly [K in keyof JournalEntry]: JournalEntry[K] } & { arrivals: Arrival[] }

export type JournalLimits = {
  /** Requests that are kept; the oldest goes first. */
  readonly maxEntries: number
  /** Bytes of each body that are kept. */
  readonly maxBodyBytes: number
}

/** The last requests, for tests to look at. */
export class Journal {
  readonly #limits: JournalLimits
  #entries: OpenEntry[] = []
  #count = 0

  constructor(limits: JournalLimits) {
    this.#limits = limits
  }

  /** Requests seen since the start, whether or not they are still kept. */
  get count(): number {
    return this.#count
  }

  /** Oldest first. Entries of requests under way still change. */
  entries(): readonly JournalEntry[] {
    return this.#entries.slice(-this.#limits.maxEntries)
  }

  clear(): void {
    this.#entries = []
  }

  open(request: IncomingMessage, nowMs: number): OpenEntry {
    const entry: OpenEntry = {
      number: ++this.#count,
      method: request.method ?? '',
      path: request.url ?? '',
      headers: joinHeaders(request),
      headersMs: nowMs,
      firstByteMs: undefined,
      endMs: undefined,
      arrivals: [],
      bodyBytes: 0,
      bodySha256: undefined,
      body: Buffer.alloc(0),
      model: undefined,
      status: undefined,
      closedMs: undefined,
    }
    this.#entries.push(entry)
    // Dropped by halves: an array that loses its first element with every request is slow.
    if (this.#entries.length >= 2 * this.#limits.maxEntries)
      this.#entries = this.#entries.slice(-this.#limits.maxEntries)
    return entry
  }

  arrived(entry: OpenEntry, bytes: number, nowMs: number): void {
    entry.firstByteMs ??= nowMs
    entry.bodyBytes += bytes
    if (entry.arrivals.length < maxArrivals) entry.arrivals.push({ atMs: nowMs, bytes })
  }

  ended(entry: OpenEntry, body: Buffer, nowMs: number): void {
    entry.endMs = nowMs
    entry.bodySha256 = hash('sha256', body, 'hex')
    // A copy, as a slice would keep all of a large body alive.
    entry.body = Buffer.from(body.subarray(0, this.#limits.maxBodyBytes))
  }
}

/** An entry for JSON: the body as text where it is UTF-8, else as base64. */
export function journalEntryJson(entry: JournalEntry): Record<string, unknown> {
  const text = entry.body.toString()
  const isText = Buffer.from(text).equals(entry.body)
  return isText
    ? { ...entry, body: text, bodyEncoding: 'utf-8' }
    : { ...entry, body: entry.body.toString('base64'), bodyEncoding: 'base64' }
}

function joinHeaders({ headersDistinct }: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name in headersDistinct) headers[name] = headersDistinct[name]!.join(', ')
  return headers
}
