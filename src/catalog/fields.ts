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
    problems.push(problemAt(origin, [...base, ...path], describe(issue, valueAt(given, path), schemaAt(schema, path))))
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
  number: 'a number',
  int: 'an integer',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
}

/** @param schema of the field; undefined where it is not known */
function describe(issue: z.core.$ZodIssue, found: unknown, schema: unknown): string {
  switch (issue.code) {
    case 'invalid_type': {
      // Of a field that must not be there only the schema can say why.
      if (issue.expected === 'undefined') return issue.message
      // Of what is no number at all an issue doesn't say that it must be an integer.
      const expected = schema instanceof z.ZodNumber && schema.isInt ? 'int' : issue.expected
      return foundButAllowed(found, typeNames[expected] ?? expected)
    }
    case 'invalid_value':
      return foundButAllowed(found, issue.values.map(show).join(', '))
    case 'invalid_union':
      // The kind of an object is unknown: the schema has a message of its own for other unions.
      if (!('options' in issue) || issue.options === undefined) return issue.message
      return foundButAllowed(found, issue.options.map(show).join(', '))
    case 'too_small':
      if (found === '') return 'found "", allowed: a text that is not empty'
      return `found ${size(found)}, allowed: ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}`
    case 'too_big':
      return `found ${size(found)}, allowed: ${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}`
    case 'invalid_format':
      return `found ${show(found)}, allowed: ${issue.message}`
    default:
      return issue.message
  }
}

function foundButAllowed(found: unknown, allowed: string): string {
  return `${found === undefined ? 'missing' : `found ${show(found)}`}, allowed: ${allowed}`
}

/** What a limit is compared with: the items of a list, or the number itself. */
function size(found: unknown): string {
  return Array.isArray(found) ? `${found.length} items` : show(found)
}

/** The schema of the field at `path`; undefined where the way to it can't be followed. */
export function schemaAt(schema: unknown, path: FieldPath): unknown {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return schemaAt(schema.unwrap(), path)
  }
  if (schema instanceof z.ZodPipe) return schemaAt(schema.in, path)
  if (path.length === 0) return schema
  if (schema instanceof z.ZodObject) return schemaAt(schema.shape[path[0]], path.slice(1))
  return schema instanceof z.ZodArray ? schemaAt(schema.element, path.slice(1)) : undefined
}

function valueAt(value: unknown, path: FieldPath): unknown {
  return path.reduce<unknown>((at, segment) => (at as Record<string | number, unknown> | undefined)?.[segment], value)
}

/** No schema goes as deep; what does, in fields that nobody knows, could overflow the stack. */
const maxDepth = 64

/** An API server removes nulls from objects, not from lists, before it validates. */
function withoutNulls(value: unknown, depth = 0): unknown {
  if (depth > maxDepth) return value
  if (Array.isArray(value)) return value.map((item) => withoutNulls(item, depth + 1))
  if (!isObject(value)) return value
  const kept = Object.entries(value).filter(([, field]) => field !== null)
  return Object.fromEntries(kept.map(([key, field]) => [key, withoutNulls(field, depth + 1)]))
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
