import { z } from 'zod'

/** A field as a table shows it. */
export type Field = {
  /** `spec.targetPorts[].number` */
  readonly path: string
  readonly type: string
  /** JSON, `required`, or '' for none. */
  readonly byDefault: string
  /** Values or limits; '' for any. */
  readonly allowed: string
}

/** The part of JSON Schema that zod writes. */
type Schema = {
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema | boolean
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly oneOf?: readonly Schema[]
  readonly anyOf?: readonly Schema[]
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly pattern?: string
  readonly format?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly exclusiveMaximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minItems?: number
  readonly maxItems?: number
}

/** The fields of an object, those of objects in it too, in their order; without those that are taken and not looked at. */
export function fieldsOf(schema: z.ZodType): Field[] {
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Schema
  const fields = new Map<string, Field>()
  const filledIn = schema.safeParse({}).data
  for (const field of fieldsIn(json, '', filledIn)) {
    const before = fields.get(field.path)
    // Of two forms of an object each may allow something else.
    fields.set(field.path, before === undefined ? field : merged(before, field))
  }
  return [...fields.values()]
}

/** @param filledIn what becomes of an object in which nothing stands; undefined where that is not allowed */
function* fieldsIn(schema: Schema, path: string, filledIn?: unknown): Generator<Field> {
  for (const form of formsOf(schema)) yield* fieldsIn(form, path, filledIn)
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const isRequired = schema.required?.includes(name) === true
    yield* fieldsAt(property, path === '' ? name : `${path}.${name}`, isRequired, valueIn(filledIn, name))
  }
}

function* fieldsAt(schema: Schema, path: string, isRequired: boolean, filledIn: unknown): Generator<Field> {
  const at = schema.type === 'array' ? `${path}[]` : path
  const inner = schema.type === 'array' ? (schema.items ?? {}) : schema
  const isObject = [inner, ...formsOf(inner)].some(({ properties }) => properties !== undefined)
  if (!isObject && schema.type === undefined && formsOf(schema).length === 0) return
  // An object whose fields follow needs no row for itself, unless something is to be said of it as a whole.
  const allowed = allowedOf(schema)
  if (!isObject || allowed !== '') {
    yield { path, type: typeOf(schema), byDefault: isRequired ? 'required' : defaultOf(schema, filledIn), allowed }
  }
  if (isObject) yield* fieldsIn(inner, at, filledIn)
}

const formsOf = ({ oneOf, anyOf }: Schema): readonly Schema[] => oneOf ?? anyOf ?? []

const valueIn = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined

/** A duration is written as text, and kept as milliseconds. */
function defaultOf({ default: byDefault, type }: Schema, filledIn: unknown): string {
  if (byDefault !== undefined) return code(JSON.stringify(byDefault))
  return type === 'string' && typeof filledIn === 'number' ? code(`"${filledIn}ms"`) : ''
}

function typeOf({ type, items, additionalProperties, ...rest }: Schema): string {
  if (type === 'array') return `list of ${plural(typeOf(items ?? {}))}`
  if (type === 'object' && typeof additionalProperties === 'object' && rest.properties === undefined) {
    return `map of ${plural(typeOf(additionalProperties))}`
  }
  const forms = formsOf(rest)
  if (forms.length > 0) return [...new Set(forms.map(typeOf))].join(' or ')
  return typeof type === 'string' ? type : (type ?? ['any']).join(' or ')
}

const plural = (type: string): string => (type === 'any' ? 'values' : `${type}s`)

function allowedOf(schema: Schema): string {
  const parts: string[] = []
  if (schema.const !== undefined) parts.push(code(String(schema.const)))
  if (schema.enum !== undefined)
    parts.push(schema.enum.map((value) => code(value === '' ? '""' : String(value))).join(', '))
  parts.push(...rangeOf(schema))
  if (schema.format === 'date-time') parts.push('a time, `2026-01-31T12:00:00Z`')
  else if (schema.pattern !== undefined) parts.push(patternWords.get(schema.pattern) ?? `as ${code(schema.pattern)}`)
  const items = schema.type === 'array' ? allowedOf(schema.items ?? {}) : ''
  const values = typeof schema.additionalProperties === 'object' ? allowedOf(schema.additionalProperties) : ''
  if (items !== '') parts.push(`each: ${items}`)
  if (values !== '') parts.push(`each: ${values}`)
  return parts.join('; ')
}

function* rangeOf(schema: Schema): Generator<string> {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema
  // zod's integers are those that a number can hold.
  const most = maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum
  const least = minimum === Number.MIN_SAFE_INTEGER ? undefined : minimum
  if (least !== undefined && most !== undefined) yield `${least} to ${most}`
  else if (least !== undefined) yield `at least ${least}`
  else if (most !== undefined && exclusiveMinimum === undefined) yield `at most ${most}`
  if (exclusiveMinimum !== undefined)
    yield `more than ${exclusiveMinimum}${most === undefined ? '' : `, at most ${most}`}`
  if (exclusiveMaximum !== undefined) yield `less than ${exclusiveMaximum}`
  yield* countOf(schema.minLength, schema.maxLength, 'characters')
  yield* countOf(schema.minItems, schema.maxItems, 'items')
}

function* countOf(min = 0, max: number | undefined, what: string): Generator<string> {
  if (max !== undefined) yield min === 0 ? `at most ${max} ${what}` : `${min} to ${max} ${what}`
  else if (min > 0) yield `not empty`
}

/** What patterns mean, where that is easier to read. */
const patternWords: ReadonlyMap<string, string> = new Map([
  [String.raw`\S`, 'not blank'],
  [String.raw`^\S+$`, 'without blanks'],
  [String.raw`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`, 'a DNS name'],
  [String.raw`^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`, 'a DNS name'],
  ['^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?$', 'a DNS label'],
  ['^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$', 'a label value'],
  ['^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$', 'letters, digits and "-"'],
  ["^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", 'the name of a header'],
  [String.raw`^\/.*`, 'begins with /'],
])

function merged(a: Field, b: Field): Field {
  const both = (key: 'type' | 'byDefault' | 'allowed', between: string): string =>
    [...new Set([a[key], b[key]])].filter((text) => text !== '').join(between)
  return {
    path: a.path,
    type: both('type', ' or '),
    byDefault: both('byDefault', ' or '),
    allowed: both('allowed', ', '),
  }
}

export const code = (text: string): string => `\`${text}\``
