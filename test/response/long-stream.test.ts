import { expect, test } from 'vitest'
import { asked, dataEvents, eventStream, readPieces, restore, served } from './reading.ts'

const events = 10_000

/** A long answer: one event in ten says other things than the others, and the last one what was used. */
const stream = (model: string) =>
  `${dataEvents(
    ...Array.from({ length: events - 1 }, (_, i) => ({
      id: 'chatcmpl-1',
      object: 'chat.completion.chunk',
      model,
      choices: [
        {
          index: 0,
          delta: { content: i % 10 === 1 ? `\u00fc "model":"${served}" ${i}` : ` ${i}` },
          finish_reason: null,
        },
      ],
    })),
    {
      id: 'chatcmpl-1',
      model,
      choices: [],
      usage: { prompt_tokens: 12, completion_tokens: 9_999, total_tokens: 10_011 },
    },
  )}data: [DONE]\n\n`

/** In pieces of one event each, cut `shift` bytes after where the event begins: the class of the position. */
function shifted(text: string, shift: number): Buffer[] {
  const starts = [...text.matchAll(/data: /g)].map(({ index }) => index + shift).filter((at) => at < text.length)
  return [0, ...starts]
    .map((from, i) => Buffer.from(text.slice(from, starts[i] ?? text.length)))
    .filter(({ length }) => length > 0)
}

const first = stream(served).indexOf('\n\n') + 2

test.each([
  ['between events', 0],
  ['in the field name', 3],
  ['before the document', 6],
  ['in a key', 8],
  ['in the key of the model', stream(served).indexOf('"model"') + 3],
  ['before the model', stream(served).indexOf(`"${served}"`)],
  ['in the model', stream(served).indexOf(served) + 7],
  ['behind the last letter of the model', stream(served).indexOf(served) + served.length],
  ['behind the model', stream(served).indexOf(served) + served.length + 1],
  ['in the content', stream(served).indexOf('"content"') + 12],
  ['behind the document', first - 2],
  ['between the line ends', first - 1],
])(`a stream of ${events} events, each cut %s`, (_, shift) => {
  const { body, found, sent } = readPieces(shifted(stream(served), shift), { ...eventStream, restore })
  expect(Buffer.from(body, 'latin1').equals(Buffer.from(stream(asked)))).toBe(true)
  expect(found).toMatchObject({
    model: served,
    usage: { promptTokens: 12, completionTokens: 9_999, totalTokens: 10_011 },
    events: events - 1,
    finished: true,
  })
  // Nothing waits for the end, and each piece brings something.
  expect(sent.at(-1)).toHaveLength(0)
  expect(sent.slice(0, -1).every(({ length }) => length > 0)).toBe(true)
})
