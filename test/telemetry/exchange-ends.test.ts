import { expect, test } from 'vitest'
import { bodyMode } from '../../src/extproc/decode.ts'
import { type Ended, observeEnds } from '../../src/telemetry/exchange-ends.ts'
import { type Exchange, type ExchangeOptions, exchange, playStream, token } from './exchange.ts'

/** Plays an exchange, and gives what was told of it. */
async function told(options: Omit<ExchangeOptions, 'observer'>, steps: (exchange: Exchange) => unknown) {
  const ends: Ended[] = []
  const observer = observeEnds(
    () => played.world.clock.nowMs(),
    (ended) => ends.push(ended),
  )
  const played: Exchange = exchange({ ...options, observer })
  await steps(played)
  return ends.map(({ outcome, status, endedAtMs }) => ({ outcome, status, endedAtMs }))
}

const chat = '{"model":"chat","messages":[]}'

test('an answer to its end', async () => {
  expect(await told({}, playStream)).toEqual([{ outcome: 'answered', status: 200, endedAtMs: 1000 }])
})

test('an error of the model server', async () => {
  const ends = told({}, ({ begin, body, answer, piece, conversation }) => {
    begin()
    body(chat)
    answer(500, 'application/json')
    piece('{}', true)
    conversation.closed()
  })
  expect(await ends).toEqual([{ outcome: 'error', status: 500, endedAtMs: 0 }])
})

test.each([
  ['before it began', false],
  ['in the middle', true],
])('an answer that is cut %s', async (_, hasBegun) => {
  const ends = told({}, async ({ begin, body, answer, piece, conversation, world }) => {
    begin()
    body(chat)
    if (hasBegun) {
      answer(200)
      piece(token('a'))
    }
    await world.clock.advance(70)
    conversation.closed()
  })
  expect(await ends).toEqual([{ outcome: 'cut', status: hasBegun ? 200 : Number.NaN, endedAtMs: 70 }])
})

test('a stream that ends without saying so is cut', async () => {
  const ends = told({}, ({ begin, body, answer, piece, conversation }) => {
    begin()
    body(chat)
    answer(200)
    piece(token('a'), true)
    conversation.closed()
  })
  expect(await ends).toEqual([{ outcome: 'cut', status: 200, endedAtMs: 0 }])
})

test('events that are no answer of a model have no end to tell of', async () => {
  const ends = told({}, ({ begin, body, answer, piece, conversation }) => {
    begin({ path: '/events' })
    body('{}')
    answer(200)
    piece('data: {"news":1}\n\n', true)
    conversation.closed()
  })
  expect(await ends).toEqual([{ outcome: 'answered', status: 200, endedAtMs: 0 }])
})

test('an answer that Envoy goes on with when this process ends is not taken for cut', async () => {
  const ends = told({}, ({ begin, body, answer, piece, conversation }) => {
    begin()
    body(chat)
    answer(200)
    piece(token('a'))
    conversation.leave()
    conversation.closed()
  })
  expect(await ends).toEqual([{ outcome: 'unseen', status: 200, endedAtMs: 0 }])
})

test('an answer whose end Envoy does not show is not taken for cut', async () => {
  const ends = told({ responseBodyMode: bodyMode.none }, ({ begin, body, answer, conversation }) => {
    begin()
    body(chat)
    answer(200)
    conversation.closed()
  })
  expect(await ends).toEqual([{ outcome: 'unseen', status: 200, endedAtMs: 0 }])
})

test('a refusal before the decision', async () => {
  const ends = told({}, ({ begin, body, conversation }) => {
    begin()
    body('{"messages":[]}')
    conversation.closed()
  })
  expect(await ends).toEqual([{ outcome: 'refused', status: 400, endedAtMs: 0 }])
})

test('a refusal after the decision is told once, with its own status', async () => {
  const limits = { maxBodyBytes: 100 }
  const ends = told({ world: { limits } }, ({ begin, body, conversation }) => {
    begin()
    conversation.requestBody(Buffer.from('{"model":"chat","messages":['))
    body(`"${'x'.repeat(100)}"]}`)
    conversation.closed()
  })
  expect(await ends).toEqual([{ outcome: 'refused', status: 413, endedAtMs: 0 }])
})

test('a client that leaves while its request is read', async () => {
  const ends = told({}, async ({ begin, world, conversation }) => {
    begin()
    await world.clock.advance(30)
    conversation.closed()
  })
  expect(await ends).toEqual([{ outcome: 'cut', status: Number.NaN, endedAtMs: 30 }])
})

test('an answer from elsewhere while the request is read', async () => {
  const ends = told({}, ({ begin, answer, conversation }) => {
    begin()
    answer(403)
    conversation.closed()
  })
  expect(await ends).toEqual([{ outcome: 'error', status: 403, endedAtMs: 0 }])
})

test('an answer of our own that needs no server', async () => {
  const answerHere = () => ({ status: 200, headers: [], body: Buffer.from('{}'), details: 'models' })
  const ends = told({ world: { answerHere } }, ({ begin, conversation }) => {
    begin({ path: '/v1/models', hasBody: false })
    conversation.closed()
  })
  expect(await ends).toEqual([{ outcome: 'answered', status: 200, endedAtMs: 0 }])
})

test('a stream on which nothing came is no request', async () => {
  expect(await told({}, ({ conversation }) => conversation.closed())).toEqual([])
})
