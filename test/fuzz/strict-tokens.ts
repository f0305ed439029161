import { StringDecoder } from 'node:string_decoder'
import { jsonParser, type Token } from 'stream-json/parser.js'

/** What a stream-chain stage is given after its last piece: a symbol in the global registry, part of its protocol. */
const endOfInput = Symbol.for('object-stream.none') as unknown as string

/**
 * The tokens that stream-json makes of a document that arrives in pieces, keys, strings and numbers each as one token; no
 * byte order mark. The strict oracle of the body scanner.
 * @throws Error where the document is not valid JSON
 */
export function strictTokens(pieces: readonly Buffer[]): Token[] {
  const parse = jsonParser({ streamValues: false })
  const decoder = new StringDecoder('utf8')
  const tokens: Token[] = []
  const push = (text: string) => {
    const output: unknown = parse(text)
    if (isMany(output)) for (const token of output.values) tokens.push(token)
  }
  for (const piece of pieces) push(decoder.write(piece))
  push(decoder.end())
  push(endOfInput)
  return tokens
}

const isMany = (output: unknown): output is { values: Token[] } =>
  typeof output === 'object' && output !== null && 'values' in output
