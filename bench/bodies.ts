/** Where `model` stands among the keys of a request body. */
export type ModelPosition = 'first' | 'last'

export const modelPositions: readonly ModelPosition[] = ['first', 'last']

/** A chat completion request of exactly `bytes` bytes (at least 128) as clients write it: compact JSON, one message. */
export function chatBody(bytes: number, position: ModelPosition, model: string): Buffer {
  const withContent = (content: string) => {
    const messages = [{ role: 'user', content }]
    return JSON.stringify(position === 'first' ? { model, messages } : { messages, model })
  }
  const room = bytes - Buffer.byteLength(withContent(''))
  if (room < 0) throw new Error(`a chat body for ${model} can't be as short as ${bytes} bytes`)
  const words = 'the signal box sets the points and the train takes its track '
  return Buffer.from(withContent(words.repeat(Math.ceil(room / words.length)).slice(0, room)))
}
