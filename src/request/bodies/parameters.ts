/**
 * A header value with parameters, as in `form-data; name="model"` (RFC 2045, section 5.1; RFC 9110, section 5.6.6).
 * `names` are in lower case, with the star of an extended one (RFC 2231) cut off.
 */
export type Parameters = {
  /** What stands before the first parameter, in lower case. */
  readonly type: string
  readonly names: readonly string[]
  readonly values: readonly string[]
}

const typePattern = /^[ \t]*([^\s;"=]+)[ \t]*/y
/** Of an empty parameter (`;;`) the name is missing. */
const parameterPattern = /;[ \t]*(?:([^\s;"=]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*)))?[ \t]*/y

/** Undefined when the value does not have this form. */
export function readParameters(header: string): Parameters | undefined {
  typePattern.lastIndex = 0
  const type = typePattern.exec(header)
  if (type === null) return undefined
  const names: string[] = []
  const values: string[] = []
  let at = typePattern.lastIndex
  while (at < header.length) {
    parameterPattern.lastIndex = at
    const parameter = parameterPattern.exec(header)
    if (parameter === null) return undefined
    at = parameterPattern.lastIndex
    const [, name, quoted, token] = parameter
    if (name === undefined) continue
    names.push(name.toLowerCase().replace(/\*.*$/, '*'))
    values.push(quoted === undefined ? token : quoted.replaceAll(/\\(.)/g, '$1'))
  }
  return { type: type[1].toLowerCase(), names, values }
}

/**
 * The value of a parameter; undefined when it is absent. `ambiguous` when it is given twice or in its extended form
 * (`name*=…`): servers differ in which one they take, so such a header could say one thing to us and another to them.
 */
export function parameterOf({ names, values }: Parameters, name: string): string | undefined | typeof ambiguous {
  const first = names.indexOf(name)
  if (first !== names.lastIndexOf(name) || names.includes(`${name}*`)) return ambiguous
  return values[first]
}

export const ambiguous = Symbol('ambiguous')
