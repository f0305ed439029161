import { expect, test } from 'vitest'
import { byteByByte, wholly } from '../fuzz/pieces.ts'
import { asked, dataEvents, eventStream, readPieces, restore, served } from './reading.ts'

const chunk = (content: string, model = served, rest: object = {}) => ({
  id: 'chatcmpl-1',
  model,
  choices: [{ index: 0, delta: { content }, finish_reason: null }],
  ...rest,
})

test.each([
  { name: 'events that begin alike', documents: ['a', '', 'b"', '\\', 'c'].map((text) => chunk(text)), events: 4 },
  {
    name: 'another model in between',
    documents: [chunk('a'), chunk('b'), chunk('c', 'another'), chunk('d', 'another'), chunk('e'), chunk('f')],
    events: 6,
  },
  {
    name: 'events that are all different, and numbers after the text',
    documents: Array.from({ length: 9 }, (_, index) => chunk('a', served, { usage: { prompt_tokens: index } })).map(
      (document, index) => ({ index, ...document }),
    ),
    events: 9,
  },
  {
    name: 'numbers before the text',
    documents: [1, 2, 3, 4, 5, 4].map((tokens) => ({ usage: { prompt_tokens: tokens }, ...chunk('a') })),
    events: 6,
  },
])('$name are read as if each were the first', ({ documents, events }) => {
  const bytes = Buffer.from(dataEvents(...documents))
  const sent = dataEvents(
    ...documents.map((document) => ({ ...document, model: document.model === served ? asked : document.model })),
  )
  // A document that comes byte by byte has no opening.
  const [whole, cut] = [wholly(bytes), byteByByte(bytes)].map((pieces) =>
    readPieces(pieces, { ...eventStream, restore }),
  )
  expect(whole.body).toBe(sent)
  expect(whole.found).toEqual(cut.found)
  expect(cut.body).toBe(sent)
  expect(whole.found.events).toBe(events)
})

test('two models before the text are both restored, every time', () => {
  const given = dataEvents({ message: { model: served }, ...chunk('a') }).repeat(3)
  const { body } = readPieces(wholly(Buffer.from(given)), { ...eventStream, restore })
  expect(body).toBe(given.replaceAll(JSON.stringify(served), JSON.stringify(asked)))
})

test('an event that breaks off within an escape leaves nothing behind', () => {
  const event = dataEvents(chunk(''))
  const usage = dataEvents({ ...chunk(''), usage: { prompt_tokens: 3 } })
  const { found } = readPieces(wholly(Buffer.from(`${event}data: {"x":"\\\n\n${usage}`)), { ...eventStream, restore })
  expect(found.usage?.promptTokens).toBe(3)
})
