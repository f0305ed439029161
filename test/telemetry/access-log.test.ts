import { describe, expect, test } from 'vitest'
import { AccessLog, maxLinesPerSecond } from '../../src/telemetry/access-log.ts'
import { LineWriter, lineLimits } from '../../src/telemetry/line-writer.ts'
import { createWorld, onePool } from '../extproc/world.ts'
import { type Exchange, exchange, playStream } from './exchange.ts'

type Options = { readonly share?: number; readonly random?: () => number; readonly isRead?: boolean }

/** What an access log writes of the exchanges that a test plays. */
function logged({ share = 1, random = () => 0.5, isRead = true }: Options = {}) {
  const shared = createWorld(onePool)
  const { clock } = shared
  let text = ''
  const sink = {
    write(more: string, done: () => void) {
      text += more
      if (isRead) done()
    },
  }
  const log = new AccessLog({ share, clock, random, writer: new LineWriter(sink, clock) })
  return {
    clock,
    log,
    play: (steps: (exchange: Exchange) => unknown) =>
      steps(exchange({ shared, observer: log.observer, headerNames: log.headerNames })),
    lines: () =>
      text
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line)),
  }
}

const refused = ({ begin, body, conversation }: Exchange) => {
  begin()
  body('{}')
  conversation.closed()
}

const answered = (status: number) => (exchange: Exchange) => {
  exchange.begin()
  exchange.body('{"model":"chat","messages":[]}')
  exchange.answer(status, 'application/json')
  exchange.piece('{}', true)
  exchange.conversation.closed()
}

const leaving = ({ begin, conversation }: Exchange) => {
  begin()
  conversation.closed()
}

describe('which requests are told', () => {
  test('none that went well with a share of 0, but all that did not', async () => {
    const { play, clock, lines } = logged({ share: 0 })
    await play(playStream)
    for (const steps of [refused, answered(404), answered(500), leaving]) play(steps)
    await clock.advance(lineLimits.batchMs)
    expect(lines().map(({ outcome, status }) => [outcome, status])).toEqual([
      ['refused', 400],
      ['error', 404],
      ['error', 500],
      ['cut', undefined],
    ])
  })

  test('of those that went well the share', async () => {
    let drawn = 0
    const { play, clock, lines } = logged({ share: 0.25, random: () => (drawn++ % 100) / 100 })
    for (let i = 0; i < 200; i += 1) play(answered(200))
    await clock.advance(lineLimits.batchMs)
    expect(lines().length).toBe(50)
  })
})

test('of more lines in a second than there may be the rest is counted, and said', async () => {
  const { play, clock, lines } = logged()
  for (let i = 0; i < maxLinesPerSecond + 7; i += 1) play(answered(200))
  await clock.advance(1000)
  await clock.advance(lineLimits.batchMs)
  expect(lines().length).toBe(maxLinesPerSecond + 1)
  expect(lines().at(-1)).toEqual({ time: '2023-11-14T22:13:21.000Z', linesLeftOut: 7 })
  play(answered(200))
  await clock.advance(lineLimits.batchMs)
  expect(lines().at(-1).outcome).toBe('answered')
})

test('nobody waits at the end for a reader that does not read', async () => {
  const { play, clock, log } = logged({ isRead: false })
  play(answered(200))
  await clock.advance(lineLimits.batchMs)
  play(answered(200))
  let isClosed = false
  const closing = log.close().then(() => {
    isClosed = true
  })
  await clock.advance(500)
  expect(isClosed).toBe(false)
  await clock.advance(500)
  await closing
  expect(isClosed).toBe(true)
})

test('what is left is written at the end, with what was left out', async () => {
  const { play, log, lines } = logged()
  for (let i = 0; i < maxLinesPerSecond + 3; i += 1) play(answered(200))
  await log.close()
  expect(lines().length).toBe(maxLinesPerSecond + 1)
  expect(lines().at(-1).linesLeftOut).toBe(3)
})
