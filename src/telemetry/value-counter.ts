import { type Family, labelsOf, type ScalarSample, scalarFamily } from './family.ts'

/** A counter with one label, whose values come from a closed list. */
export class ValueCounter {
  readonly #labelName: string
  readonly #counts = new Map<string, number>()

  constructor(labelName: string) {
    this.#labelName = labelName
  }

  add(value: string): void {
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + 1)
  }

  family(name: string, help: string): Family {
    return scalarFamily('counter', { name, help, labelNames: [this.#labelName] }, () => this.#samples())
  }

  *#samples(): Generator<ScalarSample> {
    for (const [value, count] of this.#counts) yield [labelsOf([this.#labelName], [value]), count]
  }
}

/** A counter or gauge without labels. */
export function plainFamily(type: 'counter' | 'gauge', name: string, help: string, read: () => number): Family {
  return scalarFamily(type, { name, help, labelNames: [] }, () => [['', read()]])
}
