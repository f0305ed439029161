import { z } from 'zod'
import { didYouMean } from './nearest.ts'
import { type FieldPath, formatPath, type Problem } from './problem.ts'
import { isObject, type Origin } from './resource.ts'

/** What to say of fields that a schema doesn't know: they have no effect, so they are nearly always a slip of the pen. */
export type UnknownFields = 'ignore' | Problem['severity']

/**
 * Reads `value` by `schema`. Null counts as absent, as an API server drops it. Fields that the schema doesn't know
 * never make the value unusable. `data` is undefined when it is. `base` is the path of the value in its resource.
 */
export function readFields<T>(
  schema: z.ZodType<T>,
  value: unknown,
  origin: Origin,
  unknownFields: UnknownFields,
  base: FieldPath = [],
): { readonly data: T | undefined; readonly problems: readonly Problem[] } {
  const given = withoutNulls(value)
  const { data, error } = schema.safeParse(given)
  const problems: Problem[] = []
  for (const issue of error?.issues ?? []) {
    const path = issue.path as FieldPath
    problems.push(problemAt(origin, [...base, ...path], describe(issue, valueAt(given, path))))
  }
  if (unknownFields !== 'ignore') {
    for (const [path, message] of findUnknownFields(schema, given, [])) {
      problems.push(problemAt(origin, [...base, ...path], message, unknownFields))
    }
  }
  return { data, problems }
}

export function problemAt(
  origin: Origin,
  path: FieldPath,
  message: string,
  severity: Problem['severity'] = 'error',
): Problem {
  return { severity, place: origin.place(path), path: formatPath(path), message }
}

/** A value in words for a message: short, on one line, with quotes around text. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (isObject(value)) return 'an object'
  const text = JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'an integer',
  int: 'an integer',
  array: 'a list',
  object: 'an object',
  record: 'an object',
}

function describe(issue: z.core.$ZodIssue, found: unknown): string {
  switch (issue.code) {
    case 'invalid_type': {
      const allowed = typeNames[issue.expected] ?? issue.expected
      return found === undefined ? `missing, allowed: ${allowed}` : `found ${show(found)}, allowed: ${allowed}`
    }
    case 'invalid_value': {
      const allowed = issue.values.map(show).join(', ')
      return found === undefined ? `missing, allowed: ${allowed}` : `found ${show(found)}, allowed: ${allowed}`
    }
    case 'too_small':
      return `found ${size(found)}, allowed: at least ${issue.minimum}`
    case 'too_big':
      return `found ${size(found)}, allowed: at most ${issue.maximum}`
    case 'invalid_format':
      return `found ${show(found)}, allowed: ${issue.message}`
    default:
      return issue.message
  }
}

/** What a limit is compared with: the items of a list, or the number itself. */
function size(found: unknown): string {
  return Array.isArray(found) ? `${found.length} items` : show(found)
}

function valueAt(value: unknown, path: FieldPath): unknown {
  return path.reduce<unknown>((at, segment) => (at as Record<string | number, unknown> | undefined)?.[segment], value)
}

/** An API server removes nulls from objects, not from lists, before it validates. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (!isObject(value)) return value
  const kept = Object.entries(value).filter(([, field]) => field !== null)
  return Object.fromEntries(kept.map(([key, field]) => [key, withoutNulls(field)]))
}

function* findUnknownFields(schema: unknown, value: unknown, path: FieldPath): Generator<[FieldPath, string]> {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) {
    yield* findUnknownFields(schema.unwrap(), value, path)
  } else if (schema instanceof z.ZodArray && Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* findUnknownFields(schema.element, item, [...path, index])
  } else if (schema instanceof z.ZodObject && isObject(value)) {
    const known = Object.keys(schema.shape)
    for (const [key, field] of Object.entries(value)) {
      if (known.includes(key)) yield* findUnknownFields(schema.shape[key], field, [...path, key])
      else yield [[...path, key], unknownField(key, known)]
    }
  }
}

function unknownField(key: string, known: readonly string[]): string {
  return `unknown field${didYouMean(key, known) || `, allowed: ${known.join(', ')}`}`
}
