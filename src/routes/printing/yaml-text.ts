import { Document, isScalar, visit } from 'yaml'

/** Long lines and objects that occur twice are written as they are; block style only. */
const format = {
  lineWidth: 0,
  minContentWidth: 0,
  blockQuote: false,
  doubleQuotedMinMultiLineLength: Infinity,
} as const

/**
 * A YAML document, without its marker, that readers of YAML 1.1 (kubectl, PyYAML) and 1.2 take alike: a string that either
 * could take for something else, such as `yes`, `12:30` or `1e3`, is in quotes.
 */
export function yamlText(value: unknown): string {
  const document = new Document(value, { aliasDuplicateObjects: false, compat: 'yaml-1.1' })
  visit(document, (_, node) => {
    if (isScalar(node) && typeof node.value === 'string' && !isPlain.test(node.value)) node.type = 'QUOTE_DOUBLE'
  })
  return escapeUnprintable(document.toString(format))
}

/** Where it may be plain, the library decides whether it must be quoted: its own check knows the scalars of both versions. */
const isPlain = /^[\w/][\w./: {}()$^?\\[\],'"-]*$/

/** Text as a line of its own, whatever is in it: for a comment, a message, a terminal. */
export const asLine = (text: string): string => escapeUnprintable(text.replaceAll('\n', '\\n'))

/** What YAML 1.1 doesn't take as it is, or takes for a line break, escaped as in double quotes. */
function escapeUnprintable(text: string): string {
  return text.replaceAll(
    /[\x00-\x09\x0b-\x1f\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]|\p{Surrogate}/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
