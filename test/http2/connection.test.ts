import { describe, expect, test, vi } from 'vitest'
import { flag, frameType, setting } from '../../src/http2/frame.ts'
import { lingerMs, maxHeaderListBytes, prefaceTimeoutMs, streamWindowBytes } from '../../src/http2/limits.ts'
import { okBlock, trailersBlock } from './echo.ts'
import { FakeClient, goawayOf, ofType, openFakeClient, resetsOf } from './fake-client.ts'
import {
  block,
  data,
  ends,
  frame,
  opens,
  opensAndEnds,
  ping,
  preface,
  readFrames,
  requestHeaders,
  rstStream,
  settings,
  settingsAck,
  uint32,
  windowUpdate,
} from './wire.ts'

describe('the beginning', () => {
  test('the server speaks first: SETTINGS, then room for the whole connection', () => {
    const client = new FakeClient()
    const frames = client.frames()
    expect(frames.map(({ type, streamId }) => [type, streamId])).toEqual([
      [frameType.settings, 0],
      [frameType.windowUpdate, 0],
    ])
    expect(frames[0].payload).toEqual(
      readFrames(
        settings(setting.initialWindowSize, streamWindowBytes, setting.maxHeaderListSize, maxHeaderListBytes),
      )[0].payload,
    )
  })

  test('settings are acknowledged, theirs and later ones, acknowledgements are not', () => {
    const client = new FakeClient()
    client.frames()
    client.send(preface, settings(), settingsAck, settings(setting.enablePush, 0))
    const frames = client.frames()
    expect(frames.map(({ type, flags }) => [type, flags])).toEqual(Array(2).fill([frameType.settings, flag.ack]))
  })

  test('a PING comes back with what it said', () => {
    const client = openFakeClient()
    client.send(ping('01234567'), frame(frameType.ping, flag.ack, 0, 'no reply'))
    expect(client.frames()).toMatchObject([{ type: frameType.ping, flags: flag.ack, payload: Buffer.from('01234567') }])
  })

  test('who does not speak HTTP/2 is told so and cut', () => {
    const client = new FakeClient()
    client.frames()
    client.send(Buffer.from('GET / HTTP/1.1\r\n'))
    expect(goawayOf(client.frames())).toEqual({ lastStreamId: 0, code: 1, reason: 'the client does not speak HTTP/2' })
    expect(client.socket.hasEnded).toBe(true)
  })

  describe('by a clock', () => {
    const withClock = (run: () => void) => () => {
      vi.useFakeTimers()
      try {
        run()
      } finally {
        vi.useRealTimers()
      }
    }

    test(
      'who says nothing, or half a preface, is cut after a while',
      withClock(() => {
        for (const said of [0, 23]) {
          const client = new FakeClient()
          client.send(preface.subarray(0, said))
          vi.advanceTimersByTime(prefaceTimeoutMs - 1)
          expect(client.socket.destroyed).toBe(false)
          vi.advanceTimersByTime(1)
          expect(client.socket.destroyed).toBe(true)
        }
      }),
    )

    test(
      'who has said it may be silent for ever',
      withClock(() => {
        const client = openFakeClient()
        vi.advanceTimersByTime(100 * prefaceTimeoutMs)
        expect(client.socket.destroyed).toBe(false)
        expect(vi.getTimerCount()).toBe(0)
      }),
    )

    test(
      'who has been told to go, and stays, is cut',
      withClock(() => {
        const client = openFakeClient()
        client.connection.close()
        expect(client.socket.hasEnded).toBe(true)
        vi.advanceTimersByTime(lingerMs - 1)
        expect(client.socket.destroyed).toBe(false)
        vi.advanceTimersByTime(1)
        expect(client.socket.destroyed).toBe(true)
      }),
    )

    test('no timer outlives its connection', async () => {
      vi.useFakeTimers()
      try {
        const early = new FakeClient()
        const late = openFakeClient()
        late.connection.close()
        for (const { socket } of [early, late]) socket.destroy()
        await new Promise<void>((resolve) => process.nextTick(resolve))
        expect(vi.getTimerCount()).toBe(0)
      } finally {
        vi.useRealTimers()
      }
    })
  })
})

describe('a request', () => {
  test('is served with its headers, its body and its end', () => {
    const client = openFakeClient()
    client.send(opens(1), data(1, 'one '), data(1, 'two'))
    const [served] = client.served
    expect(served.headers).toEqual(Object.entries(requestHeaders).flat())
    expect(served.hasEnded).toBe(false)
    client.send(ends(1, '!'))
    expect(Buffer.concat(served.body).toString()).toBe('one two!')
    expect(served).toMatchObject({ hasEnded: true, timesClosed: 0 })
  })

  test.each([
    ['HEADERS', [opensAndEnds(1)]],
    ['an empty DATA frame', [opens(1), ends(1)]],
    ['trailers', [opens(1), data(1, 'x'), opensAndEnds(1, block({ 'x-trailer': 'y' }))]],
    ['headers in parts', [frame(1, flag.endStream, 1, block(requestHeaders)), frame(9, flag.endHeaders, 1)]],
  ])('may end with %s', (_name, frames) => {
    const client = openFakeClient()
    client.send(...frames)
    expect(client.served).toMatchObject([{ hasEnded: true, timesClosed: 0 }])
    client.served[0].stream.respond(okBlock)
    client.served[0].stream.end(trailersBlock)
    expect(client.served[0].timesClosed).toBe(1)
  })

  test('its answer leaves in one piece: headers, body and trailers', async () => {
    const client = openFakeClient({
      ended({ stream }) {
        stream.respond(okBlock)
        stream.write(Buffer.from('hello '))
        stream.write(Buffer.from('there'))
        stream.end(trailersBlock)
      },
    })
    const writes = vi.spyOn(client.socket, 'write')
    client.send(opensAndEnds(1))
    expect(writes).toHaveBeenCalledTimes(1)
    const frames = client.frames()
    expect(frames.map(({ type, flags }) => [type, flags])).toEqual([
      [frameType.headers, flag.endHeaders],
      [frameType.data, 0],
      [frameType.headers, flag.endHeaders | flag.endStream],
    ])
    expect(client.headersOf(frames[0])).toEqual([':status', '200', 'content-type', 'application/grpc'])
    expect(frames[1].payload.toString()).toBe('hello there')
    expect(client.headersOf(frames[2])).toEqual(['grpc-status', '0'])
    expect(client.connection.size).toBe(0)
  })

  test('what is answered later leaves together, too', async () => {
    const client = openFakeClient()
    client.send(opensAndEnds(1), opensAndEnds(3))
    const writes = vi.spyOn(client.socket, 'write')
    for (const { stream } of client.served) {
      stream.respond(okBlock)
      stream.write(Buffer.from('x'))
      stream.end(trailersBlock)
    }
    expect(client.frames()).toEqual([])
    expect(await client.framesOfTurn()).toHaveLength(6)
    expect(writes).toHaveBeenCalledTimes(1)
  })

  test('an answer that ends before the request asks for no more of it, without an error', async () => {
    const client = openFakeClient({ opened: ({ stream }) => stream.respond(okBlock, true) })
    client.send(opens(1))
    const frames = client.frames()
    expect(frames[0]).toMatchObject({ type: frameType.headers, flags: flag.endHeaders | flag.endStream })
    expect(resetsOf(frames)).toEqual([[1, 0]])
    expect(client.served[0].timesClosed).toBe(1)
  })

  test('a client whose header table is smaller is told that ours is empty, once and first', () => {
    const client = openFakeClient({ opened: ({ stream }) => stream.respond(okBlock, true) }, setting.headerTableSize, 0)
    client.send(opensAndEnds(1), opensAndEnds(3))
    const [first, second] = client.frames()
    expect(first.payload).toEqual(Buffer.concat([Buffer.of(0x20), okBlock]))
    expect(second.payload).toEqual(okBlock)
  })
})

describe('errors of a stream leave the others alone', () => {
  const closedStream = 5
  const cases: [string, Buffer[], [number, number][]][] = [
    ['no :path', [opensAndEnds(7, block({ ':method': 'POST', ':scheme': 'http' }))], [[7, 1]]],
    ['a capital letter', [opensAndEnds(7, block({ ...requestHeaders, Name: 'x' }))], [[7, 1]]],
    ['a header of HTTP/1', [opensAndEnds(7, block({ ...requestHeaders, connection: 'close' }))], [[7, 1]]],
    ['a pseudo-header in trailers', [opens(7), opensAndEnds(7, block({ ':path': '/' }))], [[7, 1]]],
    ['trailers that are not the end', [opens(7), opens(7)], [[7, 1]]],
    ['data after the end', [opensAndEnds(7), data(7, 'x')], [[7, 5]]],
    ['headers after the end', [opensAndEnds(7), opensAndEnds(7)], [[7, 5]]],
    ['data on a stream that is over', [data(closedStream, 'x')], [[closedStream, 5]]],
    ['headers on a stream that is over', [opensAndEnds(closedStream)], [[closedStream, 5]]],
    ['a stream number that was left out', [opens(9), opens(7)], [[7, 5]]],
    ['WINDOW_UPDATE of nothing', [opens(7), windowUpdate(7, 0)], [[7, 1]]],
    ['a window beyond 2^31 - 1', [opens(7), windowUpdate(7, 2 ** 31 - 1)], [[7, 3]]],
    ['a PRIORITY frame of another length', [opens(7), frame(frameType.priority, 0, 7, 'four')], [[7, 6]]],
    ['WINDOW_UPDATE of a stream that is over', [windowUpdate(closedStream, 1)], []],
    ['RST_STREAM of a stream that is over', [rstStream(closedStream, 8)], []],
    ['a PRIORITY frame', [frame(frameType.priority, 0, 99, 'five!')], []],
    ['a frame that nobody knows', [frame(0xbe, 0xff, 0, 'x'), frame(0xbe, 0xff, 99, 'x')], []],
    ['a setting that nobody knows', [settings(0xbeef, 1)], []],
    ['GOAWAY of the client', [frame(frameType.goaway, 0, 0, Buffer.concat([uint32(0), uint32(0)]))], []],
  ]
  test.each(cases)('%s', (_name, frames, resets) => {
    const client = openFakeClient()
    client.send(opens(3), opens(closedStream), rstStream(closedStream, 8))
    client.send(...frames)
    expect(resetsOf(client.frames())).toEqual(resets)
    for (const { stream, timesClosed } of client.served) {
      const isReset = stream.id === closedStream || resets.some(([id]) => id === stream.id)
      expect(timesClosed, `stream ${stream.id}`).toBe(isReset ? 1 : 0)
    }
    client.send(ends(3, 'still here'))
    expect(client.served[0]).toMatchObject({ hasEnded: true, timesClosed: 0 })
    expect(client.connection.size).toBe(client.served.filter(({ timesClosed }) => timesClosed === 0).length)
  })

  test('more data than the window of a stream: FLOW_CONTROL_ERROR', () => {
    // Answers that nobody takes: no room is given.
    const client = openFakeClient({ data: ({ stream }, piece) => stream.write(piece) }, setting.initialWindowSize, 0)
    client.send(opens(1), opens(3))
    const piece = Buffer.alloc(16_384)
    for (let bytes = 0; bytes < streamWindowBytes; bytes += piece.length) client.send(data(1, piece))
    expect(client.frames()).toEqual([])
    client.send(data(1, 'x'))
    expect(resetsOf(client.frames())).toEqual([[1, 3]])
    expect(client.served).toMatchObject([{ timesClosed: 1 }, { timesClosed: 0 }])
  })
})

describe('errors of the connection end it, and say why', () => {
  const cases: [string, Buffer[], number, string][] = [
    ['HEADERS without a stream', [opens(0)], 1, 'HEADERS on stream 0, which is none of a client'],
    ['HEADERS on an even stream', [opens(4)], 1, 'HEADERS on stream 4, which is none of a client'],
    ['DATA without a stream', [data(0, 'x')], 1, 'DATA without a stream'],
    ['DATA on an idle stream', [data(9, 'x')], 1, 'stream 9 is not open'],
    ['DATA on an even stream', [data(2, 'x')], 1, 'stream 2 is not open'],
    ['WINDOW_UPDATE on an idle stream', [windowUpdate(9, 1)], 1, 'stream 9 is not open'],
    ['RST_STREAM on an idle stream', [rstStream(9, 8)], 1, 'stream 9 is not open'],
    ['RST_STREAM without a stream', [rstStream(0, 8)], 1, 'RST_STREAM without a stream'],
    ['RST_STREAM of three bytes', [frame(3, 0, 1, 'xxx')], 6, 'RST_STREAM of 3 bytes'],
    ['PRIORITY without a stream', [frame(2, 0, 0, 'five!')], 1, 'PRIORITY without a stream'],
    ['SETTINGS on a stream', [frame(4, 0, 1)], 1, 'SETTINGS on a stream'],
    ['SETTINGS that are cut off', [frame(4, 0, 0, 'seven b')], 6, 'SETTINGS cut off'],
    ['an acknowledgement that says something', [frame(4, flag.ack, 0, 'six by')], 6, 'SETTINGS with ACK of 6 bytes'],
    ['push that is neither on nor off', [settings(setting.enablePush, 2)], 1, 'SETTINGS_ENABLE_PUSH 2'],
    ['frames smaller than may be', [settings(setting.maxFrameSize, 16_383)], 1, 'SETTINGS_MAX_FRAME_SIZE 16383'],
    ['frames larger than may be', [settings(setting.maxFrameSize, 2 ** 24)], 1, 'SETTINGS_MAX_FRAME_SIZE 16777216'],
    [
      'a window too large',
      [settings(setting.initialWindowSize, 2 ** 31)],
      3,
      'SETTINGS_INITIAL_WINDOW_SIZE 2147483648',
    ],
    ['PUSH_PROMISE', [frame(5, flag.endHeaders, 1, 'xxxx')], 1, 'PUSH_PROMISE of a client'],
    ['PING on a stream', [frame(6, 0, 1, '8 bytes!')], 1, 'PING on a stream'],
    ['PING of seven bytes', [frame(6, 0, 0, '7 bytes')], 6, 'PING of 7 bytes'],
    ['GOAWAY on a stream', [frame(7, 0, 1, '8 bytes!')], 1, 'GOAWAY on a stream'],
    ['WINDOW_UPDATE of three bytes', [frame(8, 0, 0, 'xxx')], 6, 'WINDOW_UPDATE of 3 bytes'],
    ['room for nothing', [windowUpdate(0, 0)], 1, 'WINDOW_UPDATE of nothing'],
    ['more room than may be', [windowUpdate(0, 2 ** 31 - 1)], 3, 'a window beyond 2^31 - 1'],
    ['CONTINUATION of nothing', [frame(9, flag.endHeaders, 1)], 1, 'CONTINUATION of nothing'],
    ['a frame that is too large', [frame(0, 0, 1, Buffer.alloc(16_385))], 6, 'a frame of 16385 bytes, more than 16384'],
    [
      'headers that are no HPACK',
      [opens(3, Buffer.of(0xff, 0xff))],
      9,
      'HPACK: the block ends in the middle of a header',
    ],
    ['no HPACK in headers that nobody reads any more', [opens(1, Buffer.of(0x80))], 9, 'HPACK: index 0'],
    ['another frame amid headers', [frame(1, 0, 3, ''), ping()], 1, 'a frame amid the headers of a stream'],
    ['data amid headers', [frame(1, 0, 3, ''), data(1, '')], 1, 'a frame amid the headers of a stream'],
    [
      'an unknown frame amid headers',
      [frame(1, 0, 3, ''), frame(0xbe, 0, 3)],
      1,
      'a frame amid the headers of a stream',
    ],
    ['CONTINUATION of another stream', [frame(1, 0, 3, ''), frame(9, 4, 1)], 1, 'a frame amid the headers of a stream'],
    ['padding longer than its frame', [frame(0, flag.padded, 1, '\x09')], 1, 'padding that is longer than its frame'],
  ]
  test.each(cases)('%s', (_name, frames, code, reason) => {
    const client = openFakeClient()
    client.send(opens(1))
    client.send(...frames, ping())
    const answer = client.frames()
    expect(goawayOf(answer)).toEqual({ lastStreamId: expect.any(Number), code, reason })
    expect(answer.at(-1)!.type).toBe(frameType.goaway)
    expect(client.socket.hasEnded).toBe(true)
    expect(client.connection.size).toBe(0)
    for (const { timesClosed } of client.served) expect(timesClosed).toBe(1)
    // Deaf from now on.
    client.send(opens(11), ping())
    expect(client.frames()).toEqual([])
  })

  test('anything but SETTINGS first', () => {
    for (const first of [ping(), opens(1), data(1, 'x'), windowUpdate(0, 1), frame(0xbe, 0, 0)]) {
      const client = new FakeClient()
      client.frames()
      client.send(preface, first)
      expect(goawayOf(client.frames())).toMatchObject({ code: 1, reason: 'no SETTINGS at the beginning' })
      expect(client.served).toEqual([])
    }
  })

  test('a defect of the server is INTERNAL_ERROR, and what it had opened is closed', () => {
    const client = openFakeClient({
      data() {
        throw new Error('a defect')
      },
    })
    client.send(opens(1), opens(3), data(1, 'x'))
    expect(goawayOf(client.frames())).toEqual({ lastStreamId: 3, code: 2, reason: 'a defect' })
    expect(ofType(client.frames(), frameType.goaway)).toEqual([])
    expect(client.served.map(({ timesClosed }) => timesClosed)).toEqual([1, 1])
  })
})
