import { show } from '../../catalog/fields.ts'
import { formatPath } from '../../catalog/problem.ts'
import { isObject } from '../../catalog/resource.ts'
import { countCharacters } from './characters.ts'
import { normalisePath, type PathResult, toSegment } from './path.ts'

export const defaultTemplate = '/{.metadata.namespace}/{.metadata.uid}'

/** As it is written, in code points. */
export const maxTemplateChars = 200

/**
 * The path that a template makes of an object: text outside of braces as it stands there, each `{expression}` replaced by the
 * one scalar that it leads to.
 */
export function renderPath(template: string, object: unknown): PathResult {
  if (countCharacters(template) > maxTemplateChars)
    return { cause: `template is longer than ${maxTemplateChars} characters` }
  const parts = parseTemplate(template)
  if ('cause' in parts) return parts
  let rendered = ''
  for (const part of parts) {
    if (typeof part === 'string') {
      rendered += part
      continue
    }
    const found = evaluate(part.steps, object)
    if ('cause' in found) return { cause: `expression "${part.written}": ${found.cause}` }
    const text = found.text.trim()
    rendered += isAnnotation(part.steps) ? text : toSegment(text)
  }
  return normalisePath(rendered)
}

type Refusal = { readonly cause: string }
type Expression = { readonly written: string; readonly steps: readonly Step[] }
/** A key of a map, or the index of an item. */
type Step = string | number

function parseTemplate(template: string): readonly (string | Expression)[] | Refusal {
  const parts: (string | Expression)[] = []
  let at = 0
  for (;;) {
    const open = template.indexOf('{', at)
    if (open < 0) return [...parts, template.slice(at)]
    const close = template.indexOf('}', open)
    if (close < 0) return { cause: "unclosed '{'" }
    const written = template.slice(open + 1, close).trim()
    if (written === '') return { cause: 'empty expression' }
    const steps = parseSteps(written)
    if ('cause' in steps) return { cause: `expression "${written}": ${steps.cause}` }
    parts.push(template.slice(at, open), { written, steps })
    at = close + 1
  }
}

const name = String.raw`(?:[^\s.,[\]$@{}()*?'"\\]|\\.)+`
/** Each matches where it is set to. */
const patterns = {
  nameAfterDollar: new RegExp(`(?<key>${name})`, 'suy'),
  step: new RegExp(
    [
      String.raw`\.(?<key>${name})`,
      String.raw`\[(?<index>-?[0-9]+)\]`,
      String.raw`\['(?<single>(?:[^'\\]|\\.)+)'\]`,
      String.raw`\["(?<double>(?:[^"\\]|\\.)+)"\]`,
    ].join('|'),
    'suy',
  ),
} as const

function parseSteps(expression: string): readonly Step[] | Refusal {
  if (!/^[.[$@]/.test(expression)) return { cause: 'it must begin with ., [, $ or @' }
  const steps: Step[] = []
  let at = /^[$@]/.test(expression) ? 1 : 0
  while (at < expression.length) {
    const isBareName = at === 1 && /^\$[^.[]/.test(expression)
    const pattern = isBareName ? patterns.nameAfterDollar : patterns.step
    pattern.lastIndex = at
    const { key, index, single, double } = pattern.exec(expression)?.groups ?? {}
    const text = key ?? single ?? double
    if (text !== undefined) steps.push(text.replace(/\\(.)/gsu, '$1'))
    else if (index !== undefined) steps.push(Number(index))
    else return { cause: explainRefusal(expression.slice(at)) }
    at = pattern.lastIndex
  }
  return steps
}

const refusals: readonly (readonly [beginning: RegExp, cause: string])[] = [
  [/^\s/, 'there must be no spaces inside a path'],
  [/^\.\./, 'recursive descent (..) is not supported'],
  [/^\.?\[?\*/, 'wildcards (*) are not supported'],
  [/^\[\?/, 'filters ([?()]) are not supported'],
  [/^\[\(/, 'scripts ([()]) are not supported'],
  [/^\[-?[0-9]*:/, 'slices ([:]) are not supported'],
  [/^\[('[^']*'|"[^"]*"|-?[0-9]+),/, 'unions ([,]) are not supported'],
  [/^\[(\]|''|"")/, 'there is nothing between the brackets'],
  [/^\[/, 'a bracket must hold an index or a key in quotes, and be closed'],
  [/^\.($|\[)/, 'there is no name after a dot'],
]

/** @param rest of an expression, from where it can't be read */
function explainRefusal(rest: string): string {
  const known = refusals.find(([beginning]) => beginning.test(rest))
  return known?.[1] ?? `${rest} is not a step, which is .name, ['key'] or [index]`
}

/** Of all values only those of annotations keep their slashes. */
function isAnnotation(steps: readonly Step[]): boolean {
  return steps.length === 3 && steps[0] === 'metadata' && steps[1] === 'annotations' && typeof steps[2] === 'string'
}

function evaluate(steps: readonly Step[], object: unknown): { readonly text: string } | Refusal {
  let value = object
  for (const [index, step] of steps.entries()) {
    const cause = (what: string) => ({ cause: `${formatPath(steps.slice(0, index + 1))} ${what}` })
    if (typeof step === 'number') {
      if (!Array.isArray(value)) return cause('asks for an item of what is no list')
      value = value.at(step)
    } else {
      if (Array.isArray(value)) return cause('asks for a key of a list')
      // Only what the object itself has: no `constructor`.
      value = isObject(value) && Object.hasOwn(value, step) ? value[step] : undefined
    }
    if (value === undefined) return cause('is missing')
    if (value === null) return cause('is null')
  }
  if (typeof value === 'string') return { text: value }
  if (typeof value === 'number' || typeof value === 'boolean') return { text: String(value) }
  return { cause: `it leads to ${show(value)}, allowed: one string, number or boolean` }
}
