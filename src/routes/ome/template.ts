/**
 * Fills in the `{{ … }}` of a template.
 * @param resolve what to write for an expression, spaces included; undefined where it has no meaning
 * @returns the text, or the first expression without a value, as written; of a `{{` that nothing closes all that follows
 */
export function render(
  template: string,
  resolve: (expression: string) => string | undefined,
): { readonly text: string } | { readonly refused: string } {
  let text = ''
  let at = 0
  for (let open: number; (open = template.indexOf('{{', at)) >= 0; ) {
    const close = template.indexOf('}}', open + 2)
    const value = close < 0 ? undefined : resolve(template.slice(open + 2, close))
    if (value === undefined) return { refused: template.slice(open, close < 0 ? undefined : close + 2) }
    text += template.slice(at, open) + value
    at = close + 2
  }
  return { text: text + template.slice(at) }
}
