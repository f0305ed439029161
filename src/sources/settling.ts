type Shrunk = { readonly text: string; readonly sinceMs: number }

/**
 * Tells files that have become shorter from files that are still being written. Who writes in place empties the file first, and
 * may pause at any point of it; what stands there meanwhile can be valid and mean something else. So a shorter text counts
 * once it has stood for a while, and until then the one before does. Files that are replaced whole wait, too: nothing tells. One
 * that is replaced again and again, by texts of which none continues another, does not wait any longer for that.
 */
export class Settling {
  readonly #settleMs: number
  readonly #counting = new Map<string, string>()
  readonly #shrunk = new Map<string, Shrunk>()

  /** @param settleMs how long a shorter text must have stood */
  constructor(settleMs: number) {
    this.#settleMs = settleMs
  }

  /** @returns the text to go by, where `text` is what the file holds now. */
  textOf(path: string, text: string, nowMs: number): string {
    const counting = this.#counting.get(path)
    const shrunk = this.#shrunk.get(path)
    if (counting !== undefined && text.length < counting.length) {
      const sinceMs = shrunk === undefined || isPartOfOther(text, shrunk.text) ? nowMs : shrunk.sinceMs
      if (nowMs - sinceMs < this.#settleMs) {
        this.#shrunk.set(path, { text, sinceMs })
        return counting
      }
    }
    this.#shrunk.delete(path)
    this.#counting.set(path, text)
    return text
  }

  /** Forgets all files but these: one that is gone, or cannot be read, has nothing to be shorter than. */
  keepOnly(paths: ReadonlySet<string>): void {
    for (const path of this.#counting.keys()) {
      if (paths.has(path)) continue
      this.#counting.delete(path)
      this.#shrunk.delete(path)
    }
  }

  /** Milliseconds until a shorter text counts, if it still stands then; undefined if there is none. */
  waitMs(nowMs: number): number | undefined {
    if (this.#shrunk.size === 0) return undefined
    const oldestMs = Math.min(...Array.from(this.#shrunk.values(), ({ sinceMs }) => sinceMs))
    return Math.max(0, oldestMs + this.#settleMs - nowMs)
  }
}

/** One is what stood there while the other was being written, or emptied. */
function isPartOfOther(a: string, b: string): boolean {
  return a.length !== b.length && (a.startsWith(b) || b.startsWith(a))
}
