import {
  Composer,
  type Document,
  type DocumentOptions,
  Lexer,
  type ParseOptions,
  Parser,
  type SchemaOptions,
  YAMLParseError,
} from 'yaml'

/**
 * Maps and lists in each other, in YAML. Composing takes time that grows with the fourth power of the depth of keys (`? ? ?`), so
 * that a few hundred bytes could keep the program for minutes, and stack for each level.
 */
export const maxYamlDepth = 64

/**
 * The documents of a YAML text, with their errors, as `parseAllDocuments` of the library gives them.
 * @throws YAMLParseError where the text is nested more than {@link maxYamlDepth} deep, after the documents before that
 */
export function* composeDocuments(
  text: string,
  options: ParseOptions & DocumentOptions & SchemaOptions,
): Generator<Document.Parsed> {
  const onNewLine = options.lineCounter?.addNewLine
  const parser = new Parser(onNewLine)
  const composer = new Composer(options)
  onNewLine?.(0)
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) yield* composer.next(token)
    // What is open: the document, and each map and list in it.
    if (parser.stack.length > maxYamlDepth + 1) {
      yield* composer.end()
      throw new YAMLParseError([parser.offset, parser.offset], 'IMPOSSIBLE', `nested more than ${maxYamlDepth} deep`)
    }
  }
  for (const token of parser.end()) yield* composer.next(token)
  yield* composer.end()
}
