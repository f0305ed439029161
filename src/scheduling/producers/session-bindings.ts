/** As many sessions are remembered at least; at most twice as many take memory. */
const generationSize = 50_000

type Binding = { address: string; usedAtMs: number }

/**
 * Which endpoint each session went to last. A binding that is not used for `ttlMs` is forgotten, and so is the least
 * recently used one where there are too many.
 *
 * Two generations instead of one list in the order of use: what is used moves to the younger one, and the older one is
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

  /** The address that the session went to; asking for it is a use. */
  addressOf(session: string): string | undefined {
    const nowMs = this.#nowMs()
    const young = this.#young.get(session)
    const binding = young ?? this.#old.get(session)
    if (binding === undefined || nowMs - binding.usedAtMs > this.#ttlMs) return undefined
    binding.usedAtMs = nowMs
    if (young === undefined) this.#add(session, binding, nowMs)
    return binding.address
  }

  bind(session: string, address: string): void {
    const nowMs = this.#nowMs()
    const binding = this.#young.get(session)
    if (binding === undefined) return this.#add(session, { address, usedAtMs: nowMs }, nowMs)
    binding.address = address
    binding.usedAtMs = nowMs
  }

  #add(session: string, binding: Binding, nowMs: number): void {
    // What is in the older generation by the next turn has not been used for a ttl, or is one of too many.
    if (this.#young.size >= generationSize || nowMs - this.#turnedAtMs > this.#ttlMs) {
      this.#old = this.#young
      this.#young = new Map()
      this.#turnedAtMs = nowMs
    }
    this.#young.set(session, binding)
  }
}
