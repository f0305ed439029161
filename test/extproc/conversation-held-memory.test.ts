import { gzipSync } from 'node:zlib'
import { describe, expect, test, vi } from 'vitest'
import { defaultFlowControlOptions } from '../../src/admission/options.ts'
import { PoolQueues } from '../../src/admission/pool-queues.ts'
import { type BodyMode, bodyMessage, headersMessage, type Message, Player } from './play.ts'
import { conversation, describeAnswer } from './script.ts'
import { createWorld, onePool, routed, type World, type WorldInput } from './world.ts'

const kibibyte = 1024
const limits = { maxTotalHeldBytes: 256 * kibibyte }
const modes: readonly BodyMode[] = ['full duplex', 'streamed', 'buffered', 'buffered in part']

const post = (headers: Readonly<Record<string, string>> = {}): Message =>
  headersMessage({ ':method': 'POST', ':path': '/v1/chat/completions', ...headers })

/** So many bytes of a body that has not come to its model. */
const unread = (bytes: number): Buffer => Buffer.from(`{"messages":["${'x'.repeat(bytes - 14)}`)

/** A client that holds so many bytes, in a buffer of their own, and sends no more. */
function hold(world: World, bytes: number, mode: BodyMode = 'full duplex'): Player {
  const player = new Player(world, mode)
  player.send(post())
  expect(player.send(bodyMessage(unread(bytes)))).toEqual([])
  return player
}

const said = (player: Player, message: Message): string[] => player.send(message).map(describeAnswer)

/** A queue that lets nothing through until a server has come. */
const closedQueue: WorldInput['queues'] = (_endpoints, clock) =>
  new PoolQueues(defaultFlowControlOptions, {
    clock,
    saturation: () => 1,
    hasEndpoints: () => true,
    observer: () => ({ enqueued() {}, dispatched() {}, rejected() {} }),
  })

describe('all bodies together', () => {
  test('one that would hold more than is left is refused, and lets go; the others stay and are served', () => {
    const world = createWorld({ ...onePool, limits })
    const patient = [hold(world, 60 * kibibyte), hold(world, 60 * kibibyte)]
    const before = world.context.heldMemory.bytes
    const greedy = new Player(world, 'full duplex')
    greedy.send(post())
    expect(said(greedy, bodyMessage(unread(100 * kibibyte)))).toEqual([
      'refused 503 overloaded: too many bodies wait to be read (--max-total-held-bytes): put "model" first, ' +
        'so that yours need not, or try again retry-after=1',
    ])
    expect(world.context.heldMemory.bytes).toBe(before)
    expect(world.refused).toEqual(['overloaded'])
    for (const player of patient) {
      expect(said(player, bodyMessage('"],"model":"qwen"}', true))[0]).toBe(`headers ${routed('qwen')} re-route`)
      player.close()
    }
    expect(world.context.heldMemory.bytes).toBe(0)
  })

  test('however many large bodies are held, a small one still has room', () => {
    const world = createWorld({ ...onePool, limits })
    const greedy = Array.from({ length: 50 }, () => {
      const player = new Player(world, 'full duplex')
      player.send(post())
      return player
    })
    const isRefused = new Set<Player>()
    for (let turn = 0; turn < 100; turn++) {
      for (const player of greedy) {
        if (!isRefused.has(player) && player.send(bodyMessage(Buffer.alloc(8 * kibibyte, ' '))).length > 0)
          isRefused.add(player)
        expect(world.context.heldMemory.bytes).toBeLessThan(limits.maxTotalHeldBytes)
      }
    }
    expect(isRefused.size).toBe(50)
    const again = Array.from({ length: 50 }, () => new Player(world, 'full duplex'))
    for (const player of again) {
      player.send(post())
      player.send(bodyMessage(Buffer.alloc(16 * kibibyte, ' ')))
    }
    const small = hold(world, 100)
    expect(said(small, bodyMessage('"],"model":"qwen"}', true))[0]).toBe(`headers ${routed('qwen')} re-route`)
  })

  test('a model that comes first needs no room', () => {
    const world = createWorld({ ...onePool, limits: { maxTotalHeldBytes: 0 } })
    const player = new Player(world, 'full duplex')
    player.send(post())
    const body = `{"model":"qwen","messages":["${'x'.repeat(300 * kibibyte)}`
    expect(said(player, bodyMessage(body))[0]).toBe(`headers ${routed('qwen')} re-route`)
    expect(said(player, bodyMessage('"]}', true))).toEqual(['last "]}'])
  })

  conversation(
    'where models are only named, the request goes on without its model',
    { mode: 'full duplex', limits: { maxTotalHeldBytes: 0 }, arriving: ['in one piece'] },
    `
    > headers POST /v1/chat/completions
    > body {"messages":[1,2,
    < headers
    < body {"messages":[1,2,
    > last 3],"model":"qwen"}
    < last 3],"model":"qwen"}
    `,
  )

  test.each(modes)('%s: what waits in the queue counts, and more of it than is left is refused', (mode) => {
    const world = createWorld({ ...onePool, limits, queues: closedQueue })
    const player = new Player(world, mode)
    player.send(post())
    const text = 'x'.repeat(100 * kibibyte)
    const isWhole = mode.startsWith('buffered')
    expect(player.send(bodyMessage(`{"model":"qwen","messages":["${text}${isWhole ? '"]}' : ''}`, isWhole))).toEqual([])
    expect(world.context.heldMemory.bytes).toBeGreaterThanOrEqual(100 * kibibyte)
    if (isWhole) player.close()
    else expect(said(player, bodyMessage(text))).toEqual([expect.stringMatching(/^refused 503 overloaded: /)])
    expect(world.context.heldMemory.bytes).toBe(0)
    expect([...world.queues!.of('default/qwen-pool').flows()]).toEqual([])
  })

  test('what a compressed body becomes counts while it waits in the queue', async () => {
    const small = gzipSync(`{"model":"chat","messages":["${'x'.repeat(300 * kibibyte)}"]}`)
    const world = createWorld({ ...onePool, limits, queues: closedQueue })
    const player = new Player(world, 'full duplex')
    player.send(post({ 'content-encoding': 'gzip' }))
    player.send(bodyMessage(small, true))
    await vi.waitFor(() => expect(world.refused).toEqual(['overloaded']))
    expect(world.context.heldMemory.bytes).toBe(0)
    // One that need not wait is not refused, however large it is.
    const free = createWorld({ ...onePool, limits })
    const other = new Player(free, 'full duplex')
    other.send(post({ 'content-encoding': 'gzip' }))
    other.send(bodyMessage(small, true))
    await vi.waitFor(() => expect(free.decided).toEqual(['chat → qwen-pool/chat-large-v2']))
    expect(free.context.heldMemory.bytes).toBe(0)
  })
})

describe('nothing is counted any more after', () => {
  const ends: Readonly<Record<string, (player: Player) => void>> = {
    'the decision': (player) => void player.send(bodyMessage('"],"model":"qwen"}', true)),
    'a refusal of the body': (player) => void player.send(bodyMessage('"]]', true)),
    'the end of a body without a model': (player) => void player.send(bodyMessage('"]}', true)),
    trailers: (player) => void player.send({ request_trailers: { trailers: {} } }),
    'a half-close': (player) => {
      player.halfClose()
      player.close()
    },
    'a reset': (player) => {
      player.reset()
      player.close()
    },
    'the close of the stream': (player) => player.close(),
    'an answer from elsewhere': (player) =>
      void player.send({
        response_headers: { headers: { headers: [{ key: ':status', raw_value: Buffer.from('504') }] } },
      }),
  }
  for (const mode of ['full duplex', 'streamed'] as const) {
    test.each(Object.entries(ends))(`${mode}: %s`, (_name, end) => {
      const world = createWorld({ ...onePool, limits })
      const player = hold(world, 10 * kibibyte, mode)
      expect(world.context.heldMemory.bytes).toBeGreaterThanOrEqual(10 * kibibyte)
      end(player)
      expect(world.context.heldMemory.bytes).toBe(0)
    })
  }

  test.each(['buffered', 'buffered in part'] as const)('%s: the close of the stream within the body', (mode) => {
    const world = createWorld({ ...onePool, limits })
    const player = new Player(world, mode, (bytes) => [bytes.length > kibibyte ? bytes.subarray(0, -kibibyte) : bytes])
    player.send(post())
    player.send(bodyMessage(unread(20 * kibibyte), true))
    expect(world.context.heldMemory.bytes).toBeGreaterThanOrEqual(15 * kibibyte)
    player.close()
    expect(world.context.heldMemory.bytes).toBe(0)
  })
})
