/** As many sessions are remembered at least; at most twice as many take memory. */
const generationSize = 50_000

type Binding = { readonly address: string; readonly boundAtMs: number }

/**
 * Which endpoint each session belongs to. A binding that is not made anew for `ttlMs` is forgotten, and so is the oldest one
 * where there are too many.
 *
 * Two generations instead of one list in the order of age: what is bound again moves to the younger one, and the older one is
 * dropped as a whole, which costs nothing per binding.
 */
export class SessionBindings {
  readonly #ttlMs: number
  readonly #nowMs: () => number
  #young = new Map<string, Binding>()
  #old = new Map<string, Binding>()
  #turnedAtMs: number

  constructor(ttlMs: number, nowMs: () => number) {
    this.#ttlMs = ttlMs
    this.#nowMs = nowMs
    this.#turnedAtMs = nowMs()
  }

  /** The address that the session is bound to; undefined when it is to none. */
  addressOf(session: string): string | undefined {
    const binding = this.#young.get(session) ?? this.#old.get(session)
    return binding !== undefined && this.#nowMs() - binding.boundAtMs <= this.#ttlMs ? binding.address : undefined
  }

  bind(session: string, address: string): void {
    const nowMs = this.#nowMs()
    // What is in the older generation by the next turn has not been bound for a ttl, or is one of too many.
    if (this.#young.size >= generationSize || nowMs - this.#turnedAtMs > this.#ttlMs) {
      this.#old = this.#young
      this.#young = new Map()
      this.#turnedAtMs = nowMs
    }
    this.#young.set(session, { address, boundAtMs: nowMs })
  }
}
