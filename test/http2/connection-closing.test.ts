import { describe, expect, test } from 'vitest'
import { errorCode } from '../../src/http2/errors.ts'
import { flag, frameType, setting } from '../../src/http2/frame.ts'
import { maxHeaderListBytes, maxOpenStreams } from '../../src/http2/limits.ts'
import { okBlock, trailersBlock } from './echo.ts'
import { dataOf, FakeClient, goawayOf, ofStream, ofType, openFakeClient, resetsOf, type Served } from './fake-client.ts'
import { indexed, literal, newest } from './hpack/primitives.ts'
import {
  block,
  data,
  ends,
  opens,
  opensAndEnds,
  ping,
  preface,
  requestHeaders,
  rstStream,
  settings,
  windowUpdate,
} from './wire.ts'

const anyStream = 2 ** 31 - 1

describe('a stream is closed exactly once, however it ends', () => {
  const answer = ({ stream }: Served) => {
    stream.respond(okBlock)
    stream.write(Buffer.from('x'))
    stream.end(trailersBlock)
  }
  const ways: [string, (client: FakeClient) => void][] = [
    ['by its answer', (client) => answer(client.served[0])],
    [
      'by its answer, and a reset of the client that comes late',
      (client) => {
        answer(client.served[0])
        client.send(rstStream(1, 8), data(1, 'x'))
      },
    ],
    ['by a reset of the client', (client) => client.send(rstStream(1, 8))],
    ['by two of them', (client) => client.send(rstStream(1, 8), rstStream(1, 8))],
    ['by a reset of the server', (client) => client.served[0].stream.reset(errorCode.cancel)],
    [
      'by one, and then by whatever else there is',
      (client) => {
        const [served] = client.served
        served.stream.reset(errorCode.cancel)
        served.stream.reset(errorCode.cancel)
        answer(served)
        served.stream.flush()
        client.connection.closed()
      },
    ],
    ['by a mistake of the client', (client) => client.send(windowUpdate(1, 0))],
    ['by a mistake on the connection', (client) => client.send(ping('short'))],
    ['by the end of the connection', (client) => client.connection.closed()],
    [
      'by the end of the connection, twice',
      (client) => {
        client.connection.closed()
        client.connection.closed()
      },
    ],
    [
      'by its answer after a goodbye',
      (client) => {
        client.connection.close()
        answer(client.served[0])
      },
    ],
  ]
  test.each(ways)('%s', async (_name, end) => {
    const client = openFakeClient()
    client.send(opens(1), data(1, 'some'))
    const [served] = client.served
    end(client)
    expect(served.timesClosed).toBe(1)
    expect(served.stream.isOver).toBe(true)
    expect(client.connection.size).toBe(0)
    const told = [served.body.length, served.hasEnded]
    client.send(data(1, 'more'), ends(1, 'end'))
    client.connection.closed()
    await client.framesOfTurn()
    expect([served.body.length, served.hasEnded]).toEqual(told)
    expect(served.timesClosed).toBe(1)
  })

  test.each<[string, (served: Served) => void]>([
    ['answers', (served) => served.stream.respond(okBlock, true)],
    ['resets', (served) => served.stream.reset(errorCode.cancel)],
  ])('before anybody listens: the handler %s at once', (_name, opened) => {
    const client = openFakeClient({ opened })
    client.send(opens(1), data(1, 'x'), opensAndEnds(3))
    expect(client.served).toMatchObject([
      { timesClosed: 1, body: [], hasEnded: false },
      { timesClosed: 1, hasEnded: false },
    ])
  })

  test('in the middle of what it is told', () => {
    const client = openFakeClient({ data: ({ stream }) => stream.reset(errorCode.cancel) })
    client.send(opens(1), opens(3), data(1, 'one'), data(1, 'two'), data(3, 'x'))
    expect(client.served).toMatchObject([
      { timesClosed: 1, body: [Buffer.from('one')] },
      { timesClosed: 1, body: [Buffer.from('x')] },
    ])
    // The data that comes late is answered, too.
    expect(resetsOf(client.frames())).toEqual([
      [1, errorCode.cancel],
      [1, errorCode.streamClosed],
      [3, errorCode.cancel],
    ])
  })

  test('in the middle of a frame: the rest of it is told to nobody', () => {
    const client = openFakeClient({ data: ({ stream }) => stream.reset(errorCode.cancel) })
    const frame = ends(1, 'one and two')
    client.send(opens(1), opens(3), frame.subarray(0, 12))
    client.send(frame.subarray(12), ends(3, 'x'))
    expect(client.served).toMatchObject([
      { timesClosed: 1, hasEnded: false, body: [Buffer.from('one')] },
      { timesClosed: 1, hasEnded: false, body: [Buffer.from('x')] },
    ])
  })

  test('whatever is done when another one closes', () => {
    const client: FakeClient = openFakeClient({
      closed: () => {
        for (const { stream } of client.served) stream.reset(errorCode.cancel)
      },
    })
    client.send(...Array.from({ length: 50 }, (_, i) => opens(2 * i + 1)))
    client.connection.closed()
    expect(client.served.map(({ timesClosed }) => timesClosed)).toEqual(Array(50).fill(1))
    expect(client.connection.size).toBe(0)
  })
})

describe('a reset in the middle of answers', () => {
  test('stops those of the stream, and those of the others go on', () => {
    const body = Buffer.alloc(300_000, 'x')
    const client = openFakeClient(
      {
        ended({ stream }) {
          stream.respond(okBlock)
          stream.write(body)
          stream.end(trailersBlock)
        },
      },
      setting.initialWindowSize,
      2 ** 30,
    )
    client.send(opensAndEnds(1), opensAndEnds(3), opensAndEnds(5))
    client.frames()
    client.send(rstStream(3, 8))
    for (let id = 0; client.connection.size > 0; id++) {
      client.send(windowUpdate(0, 50_000))
      expect(id).toBeLessThan(100)
    }
    const frames = client.frames()
    expect(ofStream(frames, 3)).toEqual([])
    const left = dataOf(frames, 1).length + dataOf(frames, 5).length
    expect(left).toBeGreaterThan(2 * body.length - 65_536)
    expect(client.served.map(({ timesClosed }) => timesClosed)).toEqual([1, 1, 1])
  })
})

describe('a shutdown that is announced', () => {
  test('names no last stream, and takes all that come', () => {
    const client = openFakeClient()
    client.send(opens(1))
    client.connection.announceShutdown()
    expect(goawayOf(client.frames())).toEqual({ lastStreamId: anyStream, code: 0, reason: '' })
    client.send(opens(3))
    expect(client.served).toHaveLength(2)
    expect(client.socket.hasEnded).toBe(false)
  })

  test('and then meant: the second GOAWAY names the last stream', () => {
    const client = openFakeClient()
    client.send(opens(1), opens(3))
    client.connection.announceShutdown()
    client.connection.close()
    const goaways = ofType(client.frames(), frameType.goaway)
    expect(goaways.map(({ payload }) => payload.readUInt32BE(0))).toEqual([anyStream, 3])
  })
})

describe('a goodbye', () => {
  test('ends an idle connection at once', () => {
    const client = openFakeClient()
    client.connection.close()
    expect(goawayOf(client.frames())).toEqual({ lastStreamId: 0, code: 0, reason: '' })
    expect(client.socket.hasEnded).toBe(true)
  })

  test('ends a connection that has said nothing yet', () => {
    const client = new FakeClient()
    client.connection.close()
    expect(goawayOf(client.frames())).toMatchObject({ code: 0 })
    client.send(preface, settings(), opens(1))
    expect(client.served).toEqual([])
    expect(client.socket.hasEnded).toBe(true)
    client.socket.destroy()
  })

  test('waits for open streams, and is said once', () => {
    const client = openFakeClient()
    client.send(opens(1), opens(3))
    client.connection.close()
    client.connection.close()
    client.connection.announceShutdown()
    expect(goawayOf(client.frames())).toEqual({ lastStreamId: 3, code: 0, reason: '' })
    client.send(ends(1, 'x'), rstStream(3, 8))
    expect(client.socket.hasEnded).toBe(false)
    client.served[0].stream.respond(okBlock, true)
    return client.framesOfTurn().then((frames) => {
      expect(frames).toHaveLength(1)
      expect(client.socket.hasEnded).toBe(true)
    })
  })

  test('leaves streams that come after it alone: not served, not answered', () => {
    const client = openFakeClient()
    client.send(opens(1))
    client.connection.close()
    client.frames()
    client.send(opens(3), opensAndEnds(5), rstStream(3, 8))
    expect(client.frames()).toEqual([])
    expect(client.served).toHaveLength(1)
    expect(client.connection.size).toBe(1)
  })

  test('reads the headers of those all the same: what they put into the table counts', () => {
    const client = openFakeClient()
    client.send(opens(1))
    client.connection.close()
    client.send(opens(3, Buffer.concat([block(requestHeaders), literal('a', 'added')])))
    // The newest entry, and nothing else: trailers with `a: added`.
    client.send(opensAndEnds(1, indexed(newest)))
    expect(client.served[0]).toMatchObject({ hasEnded: true, timesClosed: 0 })
  })

  test('never takes more streams back than it has named: a later error names no later stream', () => {
    const client = openFakeClient()
    client.send(opens(1))
    client.connection.close()
    expect(goawayOf(client.frames()).lastStreamId).toBe(1)
    client.send(opens(3), ping('short'))
    expect(goawayOf(client.frames())).toEqual({ lastStreamId: 1, code: 6, reason: 'PING of 5 bytes' })
  })

  test('among what comes in one piece: what follows is not served', () => {
    const client: FakeClient = openFakeClient({ closed: () => client.connection.close() })
    client.send(opens(1), rstStream(1, 8), opens(3))
    expect(client.served).toHaveLength(1)
    expect(client.socket.hasEnded).toBe(true)
  })
})

describe('limits', () => {
  test('more streams than may be open are refused, and the rest are served', () => {
    const client = openFakeClient()
    for (let id = 1; id < 2 * maxOpenStreams; id += 2000) {
      client.send(...Array.from({ length: 1000 }, (_, i) => opens(id + 2 * i)))
    }
    expect(client.connection.size).toBe(maxOpenStreams)
    expect(client.frames()).toEqual([])
    const next = 2 * maxOpenStreams + 1
    client.send(opens(next), data(next, 'x'))
    expect(resetsOf(client.frames())[0]).toEqual([next, errorCode.refusedStream])
    client.send(rstStream(1, 8), opens(next + 2))
    expect(client.frames()).toEqual([])
    expect(client.served.at(-1)!.stream.id).toBe(next + 2)
    client.connection.closed()
    expect(client.served.every(({ timesClosed }) => timesClosed === 1)).toBe(true)
  })

  test('headers of more than they may have are refused, and those of the next stream read right', () => {
    const client = openFakeClient()
    const value = 'x'.repeat(3000)
    const large = literal('bomb', value)
    const bomb = Buffer.concat([
      block(requestHeaders),
      large,
      Buffer.alloc(Math.ceil(maxHeaderListBytes / 3000), indexed(newest)),
    ])
    client.send(opens(1, bomb))
    expect(resetsOf(client.frames())).toEqual([[1, errorCode.enhanceYourCalm]])
    client.send(opens(3, Buffer.concat([block(requestHeaders), indexed(newest)])))
    expect(client.served).toHaveLength(1)
    expect(client.served[0].headers.slice(-2)).toEqual(['bomb', value])
  })

  test('refused requests take nothing from the state of the connection', () => {
    const client = openFakeClient()
    const added = literal('a', 'added')
    client.send(opens(1, Buffer.concat([added, block(requestHeaders)])))
    expect(resetsOf(client.frames())).toEqual([[1, errorCode.protocolError]])
    client.send(opens(3, Buffer.concat([block(requestHeaders), indexed(newest)])))
    expect(client.served[0].headers.slice(-2)).toEqual(['a', 'added'])
  })

  test('headers without end are the end of the connection', () => {
    const client = openFakeClient()
    const empty = Buffer.from([0, 0, 0, frameType.continuation, 0, 0, 0, 0, 1])
    const begins = Buffer.from([0, 0, 0, frameType.headers, flag.endStream, 0, 0, 0, 1])
    client.send(begins, ...Array(1000).fill(empty))
    expect(goawayOf(client.frames())).toMatchObject({ code: errorCode.enhanceYourCalm, reason: 'headers without end' })
  })
})
