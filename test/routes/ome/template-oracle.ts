/** What the tables of the guide say, written as one replacement; undefined where an expression has no value. */
export function filledIn(template: string, values: Readonly<Record<string, string>>): string | undefined {
  let isKnown = true
  const text = template.replace(/\{\{([\s\S]*?)(?:\}\}|$)/g, (written, inner: string) => {
    const path = inner.trim().replace(/^index\s+(\.\w+)\s*"([^"]*)"$/, '$1.$2')
    if (!written.endsWith('}}') || written.length < 4 || !Object.hasOwn(values, path)) isKnown = false
    return values[path]
  })
  return isKnown ? text : undefined
}
