import { describe, expect, test } from 'vitest'
import { flag, frameType, setting } from '../../src/http2/frame.ts'
import {
  connectionWindowBytes,
  maxFrameBytes,
  maxSocketOwedBytes,
  maxSocketUnsentBytes,
  maxStreamUnsentBytes,
  maxWindowChanges,
  streamWindowBytes,
} from '../../src/http2/limits.ts'
import { patternedBytes } from '../fuzz/processing-request.ts'
import { okBlock, trailersBlock } from './echo.ts'
import { dataOf, goawayOf, type Handlers, ofStream, ofType, openFakeClient, resetsOf } from './fake-client.ts'
import { data, ends, frame, opens, opensAndEnds, ping, readFrames, rstStream, settings, windowUpdate } from './wire.ts'

/** Answers each request that has ended with these bytes. */
const answers = (body: Buffer): Handlers => ({
  ended({ stream }) {
    stream.respond(okBlock)
    stream.write(body)
    stream.end(trailersBlock)
  },
})

/** Sends back what comes, and ends when the client does. */
const echoes: Handlers = {
  opened: ({ stream }) => stream.respond(okBlock),
  data({ stream }, piece) {
    stream.write(piece)
    stream.flush()
  },
  ended: ({ stream }) => stream.end(trailersBlock),
}

const hugeWindow = 2 ** 30

describe('the window of a stream', () => {
  test('of what was granted all is sent, the end when all of it is', () => {
    const body = patternedBytes(100)
    const client = openFakeClient(answers(body), setting.initialWindowSize, 60)
    client.send(opensAndEnds(1))
    const first = client.frames()
    expect(dataOf(first, 1)).toEqual(body.subarray(0, 60))
    client.send(windowUpdate(1, 39))
    const second = client.frames()
    expect(dataOf(second, 1)).toEqual(body.subarray(60, 99))
    expect(client.served[0].timesClosed).toBe(0)
    client.send(windowUpdate(1, 1))
    const third = client.frames()
    expect(dataOf(third, 1)).toEqual(body.subarray(99))
    expect(third.at(-1)).toMatchObject({ type: frameType.headers, flags: flag.endHeaders | flag.endStream })
    expect(client.served[0].timesClosed).toBe(1)
  })

  test('an answer without a body needs none', () => {
    const client = openFakeClient(
      {
        opened({ stream }) {
          stream.respond(okBlock)
          stream.end(trailersBlock)
        },
      },
      setting.initialWindowSize,
      0,
    )
    client.send(opensAndEnds(1))
    expect(client.frames()).toHaveLength(2)
    expect(client.connection.size).toBe(0)
  })

  test('an end alone does not wait behind answers that the connection has no room for', () => {
    const body = patternedBytes(100_000)
    const client = openFakeClient(
      {
        opened({ stream }) {
          stream.respond(okBlock)
          if (stream.id === 1) stream.write(body)
          stream.end(trailersBlock)
        },
      },
      setting.initialWindowSize,
      hugeWindow,
    )
    client.send(opensAndEnds(1), opensAndEnds(3))
    const frames = client.frames()
    expect(dataOf(frames, 1)).toEqual(body.subarray(0, 65_535))
    expect(ofStream(frames, 3).map(({ type }) => type)).toEqual([frameType.headers, frameType.headers])
    expect(client.connection.size).toBe(1)
  })

  test('grows with the settings for streams that are open and those to come', () => {
    const body = patternedBytes(100)
    const client = openFakeClient(answers(body), setting.initialWindowSize, 0)
    client.send(opensAndEnds(1), opensAndEnds(3))
    expect(ofType(client.frames(), frameType.data)).toEqual([])
    client.send(settings(setting.initialWindowSize, 70), opensAndEnds(5))
    const frames = client.frames()
    expect(frames[0]).toMatchObject({ type: frameType.settings, flags: flag.ack })
    for (const id of [1, 3, 5]) expect(dataOf(frames, id)).toEqual(body.subarray(0, 70))
  })

  test('goes below zero with the settings, and must be paid back first', () => {
    const body = patternedBytes(200)
    const client = openFakeClient(answers(body), setting.initialWindowSize, 100)
    client.send(opensAndEnds(1))
    expect(dataOf(client.frames(), 1)).toHaveLength(100)
    client.send(settings(setting.initialWindowSize, 40), windowUpdate(1, 60))
    expect(dataOf(client.frames(), 1)).toHaveLength(0)
    client.send(windowUpdate(1, 1))
    expect(dataOf(client.frames(), 1)).toEqual(body.subarray(100, 101))
    client.send(settings(setting.initialWindowSize, 139))
    expect(dataOf(client.frames(), 1)).toEqual(body.subarray(101))
    expect(client.connection.size).toBe(0)
  })

  test('of several sizes in one frame of settings the last one counts', () => {
    const body = patternedBytes(100)
    const client = openFakeClient(answers(body), setting.initialWindowSize, 10)
    client.send(opensAndEnds(1))
    client.send(settings(setting.initialWindowSize, 2 ** 31 - 1, setting.initialWindowSize, 30))
    expect(dataOf(client.frames(), 1)).toEqual(body.subarray(0, 30))
  })

  test('changed over and over in one piece, for all that are open: ENHANCE_YOUR_CALM', () => {
    const change = (i: number) => settings(setting.initialWindowSize, i)
    const client = openFakeClient()
    client.send(opens(1), ...Array.from({ length: maxWindowChanges }, (_, i) => change(i)))
    client.send(...Array.from({ length: maxWindowChanges }, (_, i) => change(2 * i)))
    expect(ofType(client.frames(), frameType.goaway)).toEqual([])
    client.send(...Array.from({ length: 1000 }, () => settings(setting.initialWindowSize, 0)))
    expect(ofType(client.frames(), frameType.goaway)).toEqual([])
    client.send(...Array.from({ length: maxWindowChanges + 1 }, (_, i) => change(i + 1)))
    expect(goawayOf(client.frames())).toMatchObject({ code: 0xb, reason: 'too many changes of the window' })
  })

  test('beyond 2^31 - 1 by the settings: the end of the connection', () => {
    const client = openFakeClient(answers(patternedBytes(10)), setting.initialWindowSize, 0)
    client.send(opens(1), windowUpdate(1, 1), settings(setting.initialWindowSize, 2 ** 31 - 1))
    expect(goawayOf(client.frames())).toMatchObject({ code: 3, reason: 'a window beyond 2^31 - 1' })
  })
})

describe('the window of the connection', () => {
  const initial = 65_535

  test('bounds all streams together, and each goes on where it was', () => {
    const bodies = new Map([1, 3, 5].map((id) => [id, patternedBytes(50_000 + id)]))
    const client = openFakeClient({
      ended: ({ stream }) => answers(bodies.get(stream.id)!).ended!({ stream } as never),
    })
    client.send(opensAndEnds(1), opensAndEnds(3), opensAndEnds(5))
    const frames = client.frames()
    const sent = () => [1, 3, 5].reduce((sum, id) => sum + dataOf(frames, id).length, 0)
    expect(sent()).toBe(initial)
    for (let total = initial; client.connection.size > 0; total += 1000) {
      expect(sent()).toBe(total)
      client.send(windowUpdate(0, 1000))
      frames.push(...client.frames())
    }
    for (const [id, body] of bodies) expect(dataOf(frames, id).equals(body), `stream ${id}`).toBe(true)
  })

  test('is not counted down by what a reset stream had left to send', () => {
    const client = openFakeClient(answers(patternedBytes(100_000)), setting.initialWindowSize, 1000)
    client.send(opensAndEnds(1), rstStream(1, 8), opensAndEnds(3), windowUpdate(3, 100_000))
    const frames = client.frames()
    expect(dataOf(frames, 1).length + dataOf(frames, 3).length).toBe(initial)
  })
})

describe('frames and turns', () => {
  test('a large answer is cut into frames that every client takes', () => {
    const body = patternedBytes(200_000)
    const client = openFakeClient(answers(body), setting.initialWindowSize, hugeWindow)
    client.send(windowUpdate(0, hugeWindow), opensAndEnds(1))
    const frames = client.frames()
    expect(dataOf(frames, 1).equals(body)).toBe(true)
    expect(Math.max(...frames.map(({ payload }) => payload.length))).toBe(maxFrameBytes)
  })

  test('many small pieces share frames', () => {
    const client = openFakeClient({
      ended({ stream }) {
        stream.respond(okBlock)
        for (let i = 0; i < 1000; i++) stream.write(Buffer.from(`${i % 10}`))
        stream.end(trailersBlock)
      },
    })
    client.send(opensAndEnds(1))
    const frames = client.frames()
    expect(ofType(frames, frameType.data)).toHaveLength(1)
    expect(dataOf(frames, 1).toString()).toBe('0123456789'.repeat(100))
  })

  test('answers larger than the socket takes leave in turn: nobody waits for another one to end', () => {
    const streams = [1, 3, 5, 7, 9]
    const body = patternedBytes(1_000_000)
    const client = openFakeClient(answers(body), setting.initialWindowSize, hugeWindow)
    client.socket.isStalled = true
    client.send(windowUpdate(0, hugeWindow), ...streams.map((id) => opensAndEnds(id)))
    const written: Buffer[] = []
    for (let writes = 0; client.connection.size > 0; writes++) {
      client.socket.drain()
      written.push(client.socket.takeWritten())
      expect(writes).toBeLessThan(10_000)
    }
    client.socket.isStalled = false
    client.socket.drain()
    written.push(client.socket.takeWritten())
    const all = readFrames(Buffer.concat(written))
    for (const id of streams) expect(dataOf(all, id).equals(body), `stream ${id}`).toBe(true)
    // Among any so many frames of data each stream that is not at its end has some.
    const order = ofType(all, frameType.data).map(({ streamId }) => streamId)
    const round = streams.length * 5
    const firstEnd = Math.min(...streams.map((id) => order.lastIndexOf(id)))
    for (let at = 5 * round; at + round <= firstEnd; at++) {
      expect(new Set(order.slice(at, at + round)).size).toBe(streams.length)
    }
    expect(firstEnd).toBeGreaterThan(order.length * 0.8)
  })
})

describe('room for what the client sends', () => {
  const piece = patternedBytes(maxFrameBytes)
  const updatesOf = (client: ReturnType<typeof openFakeClient>, id: number): number[] =>
    ofStream(ofType(client.frames(), frameType.windowUpdate), id).map(({ payload }) => payload.readUInt32BE(0))

  test('is given back when half of it has been used, padding included', () => {
    const client = openFakeClient()
    client.send(opens(1))
    const half = streamWindowBytes / 2
    for (let sent = maxFrameBytes; sent < half; sent += maxFrameBytes) client.send(data(1, piece))
    expect(updatesOf(client, 1)).toEqual([])
    const padded = Buffer.concat([Buffer.of(255), piece.subarray(1)])
    client.send(frame(frameType.data, flag.padded, 1, padded))
    expect(updatesOf(client, 1)).toEqual([half])
    expect(Buffer.concat(client.served[0].body)).toHaveLength(half - 256)
  })

  test('is not given to a request that has ended', () => {
    const client = openFakeClient()
    client.send(opens(1), data(1, piece), ends(1, piece))
    expect(updatesOf(client, 1)).toEqual([])
  })

  test('waits while the answers do not leave, and comes when they do', () => {
    const client = openFakeClient(echoes, setting.initialWindowSize, 0)
    client.send(windowUpdate(0, hugeWindow), opens(1))
    for (let i = 0; i < streamWindowBytes / maxFrameBytes; i++) client.send(data(1, piece))
    expect(updatesOf(client, 1)).toEqual([])
    expect(client.served[0].stream.unsentBytes).toBe(streamWindowBytes)
    client.send(windowUpdate(1, streamWindowBytes - maxStreamUnsentBytes - 1))
    expect(updatesOf(client, 1)).toEqual([])
    client.send(windowUpdate(1, 1))
    expect(updatesOf(client, 1)).toEqual([streamWindowBytes])
  })

  test('of the connection is given back whoever read it: streams that are over, too', () => {
    const client = openFakeClient()
    client.send(opens(1), opens(3), rstStream(3, 8))
    let given = 0
    const bytes = connectionWindowBytes / 4
    for (let sent = 0; sent < bytes; sent += maxFrameBytes) {
      client.send(data(3, piece))
      given += updatesOf(client, 0).reduce((sum, update) => sum + update, 0)
    }
    expect(given).toBe(bytes)
  })
})

describe('a client that reads nothing', () => {
  /** What there may be more than the limit: a chunk of requests is answered whole. */
  const turn = 64 * 1024 + maxFrameBytes

  test('gets no more answers than a socket may hold; the rest stay with their streams', () => {
    const body = patternedBytes(100_000)
    const client = openFakeClient(answers(body), setting.initialWindowSize, hugeWindow)
    client.socket.isStalled = true
    const ids = Array.from({ length: 50 }, (_, i) => 2 * i + 1)
    client.send(windowUpdate(0, hugeWindow), ...ids.map((id) => opensAndEnds(id)))
    expect(client.socket.writableLength).toBeGreaterThan(maxSocketUnsentBytes / 2)
    expect(client.socket.writableLength).toBeLessThan(maxSocketUnsentBytes + turn)
    client.socket.isStalled = false
    client.socket.drain()
    const frames = client.frames()
    for (const id of ids) expect(dataOf(frames, id).equals(body), `stream ${id}`).toBe(true)
    expect(client.connection.size).toBe(0)
  })

  test.each([
    ['PING', ping()],
    ['SETTINGS', settings()],
    ['DATA on streams that are over', data(1, '')],
    ['requests that are no requests', undefined],
  ])('is not read any more when a flood of %s makes us owe it too much', (_name, flood) => {
    const client = openFakeClient()
    client.send(opens(1), rstStream(1, 8))
    client.frames()
    client.socket.isStalled = true
    let id = 3
    const next = (): Buffer => {
      if (flood !== undefined) return flood
      id += 2
      return opensAndEnds(id, Buffer.alloc(0))
    }
    let sent = 0
    while (!client.socket.isPaused()) {
      const chunk = Buffer.concat(Array.from({ length: 1000 }, next))
      client.send(chunk)
      sent += chunk.length
      expect(client.socket.writableLength).toBeLessThan(maxSocketOwedBytes + turn)
      expect(sent).toBeLessThan(10 * maxSocketOwedBytes)
    }
    client.socket.isStalled = false
    client.socket.drain()
    expect(client.socket.isPaused()).toBe(false)
    expect(client.socket.writableLength).toBe(0)
    client.frames()
    client.send(ping())
    expect(client.frames()).toHaveLength(1)
  })

  test('gets its own answers in the end, whatever others were answered meanwhile', () => {
    const asked = (letter: string) => answers(Buffer.alloc(100, letter))
    const slow = openFakeClient(asked('s'))
    slow.socket.isStalled = true
    const other = openFakeClient(asked('o'))
    for (let id = 1; id < 20; id += 2) {
      slow.send(opensAndEnds(id))
      other.send(opensAndEnds(id))
    }
    slow.socket.isStalled = false
    slow.socket.drain()
    const frames = { slow: slow.frames(), other: other.frames() }
    for (let id = 1; id < 20; id += 2) {
      expect(dataOf(frames.slow, id).toString()).toBe('s'.repeat(100))
      expect(dataOf(frames.other, id).toString()).toBe('o'.repeat(100))
    }
  })

  test('and resets its streams leaves nothing to send', () => {
    const client = openFakeClient(echoes, setting.initialWindowSize, 0)
    for (let id = 1; id < 200; id += 2) client.send(opens(id), data(id, patternedBytes(10_000)), rstStream(id, 8))
    const frames = client.frames()
    expect(resetsOf(frames)).toEqual([])
    expect(ofType(frames, frameType.data)).toEqual([])
    expect(client.connection.size).toBe(0)
    for (const { stream, timesClosed } of client.served) expect([timesClosed, stream.unsentBytes]).toEqual([1, 0])
  })
})
