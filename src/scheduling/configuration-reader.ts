import { z } from 'zod'
import { problemAt, readFields, schemaAt, show } from '../catalog/fields.ts'
import { didYouMean } from '../catalog/nearest.ts'
import type { FieldPath, Problem } from '../catalog/problem.ts'
import { isObject, type Origin } from '../catalog/resource.ts'

/** Reads the parts of one configuration and collects what is wrong with them, each with its place. */
export class ConfigurationReader {
  readonly #origin: Origin
  readonly #problems: Problem[] = []

  constructor(origin: Origin) {
    this.#origin = origin
  }

  get problems(): readonly Problem[] {
    return this.#problems
  }

  error(path: FieldPath, message: string): void {
    this.#problems.push(problemAt(this.#origin, path, message))
  }

  warn(path: FieldPath, message: string): void {
    this.#problems.push(problemAt(this.#origin, path, message, 'warning'))
  }

  /** Undefined after an error. A field that the schema doesn't know is one: a slip of the pen must not go unseen. */
  read<T>(schema: z.ZodType<T>, value: unknown, path: FieldPath): T | undefined {
    const unknown = unknownKeys(schema, value)
    for (const { at, known } of unknown) {
      const key = String(at.at(-1))
      const allowed = known.length === 0 ? ', allowed: none' : `, allowed: ${known.join(', ')}`
      this.error([...path, ...at], `unknown field${didYouMean(key, known) || allowed}`)
    }
    const rest = unknown.reduce((left, { at }) => without(left, at), value)
    const { data, problems } = readFields(schema, rest, this.#origin, 'ignore', path)
    this.#problems.push(...problems)
    return data === undefined || unknown.length > 0 ? undefined : data
  }

  /** The items of a list; none of what is no list, after an error. */
  items(value: unknown, path: FieldPath): readonly unknown[] {
    if (value === undefined || value === null) return []
    if (Array.isArray(value)) return value
    this.error(path, `found ${show(value)}, allowed: a list`)
    return []
  }
}

function unknownKeys(schema: z.ZodType, value: unknown): { at: (string | number)[]; known: readonly string[] }[] {
  const issues = schema.safeParse(value).error?.issues ?? []
  return issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => {
          const path = issue.path as (string | number)[]
          return { at: [...path, key], known: keysAt(schema, path) }
        })
      : [],
  )
}

/** The keys that an object of the schema may have; none where the way to it can't be followed. */
function keysAt(schema: unknown, path: FieldPath): readonly string[] {
  const at = schemaAt(schema, path)
  return at instanceof z.ZodObject ? Object.keys(at.shape) : []
}

function without(value: unknown, path: FieldPath): unknown {
  const [first, ...rest] = path
  if (Array.isArray(value)) return value.map((item, i) => (i === first ? without(item, rest) : item))
  if (!isObject(value)) return value
  if (rest.length > 0) return { ...value, [first]: without(value[first], rest) }
  return Object.fromEntries(Object.entries(value).filter(([key]) => key !== first))
}
