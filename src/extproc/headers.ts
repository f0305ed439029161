/**
 * The request headers that decisions read, each with a fixed slot in {@link HeaderValues}. All others pass by unread:
 * Envoy keeps them, so only what is needed here becomes a string.
 */
export const slot = {
  method: 0,
  path: 1,
  contentType: 2,
  contentLength: 3,
  contentEncoding: 4,
  upgrade: 5,
  status: 6,
} as const

const fixedNames = [':method', ':path', 'content-type', 'content-length', 'content-encoding', 'upgrade', ':status']

/** Values by slot; undefined where the header is absent. Of several headers with one name the last counts. */
export type HeaderValues = (string | undefined)[]

/** Finds the slot of a header name in its bytes, without making a string of it. */
export class HeaderTable {
  readonly size: number
  readonly #extra: ReadonlyMap<string, number>
  /** By name length: slots and bytes of the names that are that long. */
  readonly #byLength: { slot: number; bytes: Uint8Array }[][] = []

  /** @param extraNames lower-case names beside the fixed ones; they get the slots after them. */
  constructor(extraNames: readonly string[] = []) {
    const names = [...fixedNames, ...new Set(extraNames.filter((name) => !fixedNames.includes(name)))]
    this.size = names.length
    this.#extra = new Map(names.map((name, index) => [name, index]))
    for (const [index, name] of names.entries()) {
      const bytes = Buffer.from(name)
      const bucket = (this.#byLength[bytes.length] ??= [])
      bucket.push({ slot: index, bytes })
    }
  }

  /** The slot of a name that the table was made with, -1 for any other. */
  slotOf(name: string): number {
    return this.#extra.get(name) ?? -1
  }

  /** The slot of the name at `buffer[start, end)`, in any case of letters; -1 when it is not of interest. */
  find(buffer: Buffer, start: number, end: number): number {
    const bucket = this.#byLength[end - start]
    if (bucket === undefined) return -1
    next: for (const { slot, bytes } of bucket) {
      for (let i = 0; i < bytes.length; i++) {
        const byte = buffer[start + i]
        if (byte !== bytes[i] && (byte < 0x41 || byte > 0x5a || byte + 0x20 !== bytes[i])) continue next
      }
      return slot
    }
    return -1
  }
}
