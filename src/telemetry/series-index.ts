import { type BoundedValues, maxClientValues, otherValue } from './bounded-values.ts'

/** What tells the series of requests apart. */
export type SeriesKey = {
  readonly model: string
  readonly target: string
  /** '' where fairness ids are not told apart. */
  readonly fairnessId: string
  readonly priority: number
}

export type SeriesBounds = {
  /** Of models and targets. */
  readonly models: BoundedValues
  readonly fairnessIds: BoundedValues
}

/** Combinations of values, each of which has its place; beyond them fairness ids, then models are not told apart. */
const maxSeries = 4 * maxClientValues

/** Finds the series of a request without building a key: a map for each label, with the strings that the request has. */
export class SeriesIndex<S extends SeriesKey> {
  readonly #bounds: SeriesBounds
  readonly #create: (key: SeriesKey) => S
  readonly #byModel = new Map<string, Map<string, Map<string, S[]>>>()
  readonly #all: S[] = []

  constructor(bounds: SeriesBounds, create: (key: SeriesKey) => S) {
    this.#bounds = bounds
    this.#create = create
  }

  get all(): readonly S[] {
    return this.#all
  }

  of(model: string, target: string, fairnessId: string, priority: number): S {
    return this.#find(model, target, fairnessId, priority) ?? this.#bounded(model, target, fairnessId, priority)
  }

  /** The same, for a request whose names must not take a place from those that are served. */
  ofUnserved(model: string, target: string, fairnessId: string, priority: number): S {
    const { models, fairnessIds } = this.#bounds
    return this.of(models.known(model), models.known(target), fairnessIds.known(fairnessId), priority)
  }

  #bounded(rawModel: string, rawTarget: string, rawFairnessId: string, priority: number): S {
    const { models, fairnessIds } = this.#bounds
    let model = models.claim(rawModel)
    let target = models.claim(rawTarget)
    let fairnessId = fairnessIds.claim(rawFairnessId)
    const found = this.#find(model, target, fairnessId, priority)
    if (found !== undefined) return found
    if (this.#all.length >= maxSeries) {
      if (!fairnessIds.isPinned(fairnessId)) fairnessId = otherValue
      if (this.#find(model, target, fairnessId, priority) === undefined) {
        if (!models.isPinned(model)) model = otherValue
        if (!models.isPinned(target)) target = otherValue
      }
    }
    return this.#find(model, target, fairnessId, priority) ?? this.#add({ model, target, fairnessId, priority })
  }

  #find(model: string, target: string, fairnessId: string, priority: number): S | undefined {
    const list = this.#byModel.get(model)?.get(target)?.get(fairnessId)
    if (list === undefined) return undefined
    for (let i = 0; i < list.length; i += 1) {
      if (list[i].priority === priority) return list[i]
    }
    return undefined
  }

  #add(key: SeriesKey): S {
    const series = this.#create(key)
    const byTarget = entryOf(this.#byModel, key.model, () => new Map<string, Map<string, S[]>>())
    const byFairnessId = entryOf(byTarget, key.target, () => new Map<string, S[]>())
    entryOf(byFairnessId, key.fairnessId, () => []).push(series)
    this.#all.push(series)
    return series
  }
}

/** The value at `key`, made where there is none. */
export function entryOf<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  let value = map.get(key)
  if (value === undefined) {
    value = create()
    map.set(key, value)
  }
  return value
}
