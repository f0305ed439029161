/** What stands for all values of a label that got no place. */
export const otherValue = 'other'

/** As many values as llm-d tells apart. */
export const maxClientValues = 1_000

/**
 * The values that a label may take: clients can send any model name and any fairness id, and each value of a label is a series
 * for good. The first {@link maxClientValues} have a place; those that resources name always have one.
 */
export class BoundedValues {
  readonly #places = new Set<string>()
  readonly #max: number
  readonly #isPinned: (value: string) => boolean

  constructor(isPinned: (value: string) => boolean, max = maxClientValues) {
    this.#isPinned = isPinned
    this.#max = max
  }

  /** `value`, or {@link otherValue} where it has no place and there is none left. */
  claim(value: string): string {
    if (this.has(value)) return value
    if (this.#places.size >= this.#max) return otherValue
    this.#places.add(value)
    return value
  }

  /** `value` where it has a place. */
  known(value: string): string {
    return this.has(value) ? value : otherValue
  }

  has(value: string): boolean {
    return this.#places.has(value) || this.isPinned(value)
  }

  /** It has a place whatever others have. */
  isPinned(value: string): boolean {
    return value === '' || value === otherValue || this.#isPinned(value)
  }
}
