/** Results by key, each for as long as its inputs are the same ones. */
export class Memory<T> {
  readonly #entries = new Map<string, { readonly inputs: readonly unknown[]; readonly result: T }>()

  /** What `make` has made of these inputs, which are compared by identity; it is called when they have changed. */
  get(key: string, inputs: readonly unknown[], make: () => T): T {
    const known = this.#entries.get(key)
    if (known?.inputs.every((input, index) => input === inputs[index])) return known.result
    const result = make()
    this.#entries.set(key, { inputs, result })
    return result
  }

  keepOnly(keys: { has(key: string): boolean }): void {
    for (const key of this.#entries.keys()) if (!keys.has(key)) this.#entries.delete(key)
  }
}
