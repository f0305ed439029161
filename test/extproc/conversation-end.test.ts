import { describe, expect, test } from 'vitest'
import { type BodyMode, Player } from './play.ts'
import { play } from './script.ts'
import { createWorld, onePool } from './world.ts'

describe('at rest: the stream may end now, and Envoy goes on without it', () => {
  const json = ['headers POST /v1/chat/completions', 'body {"model":"qwen",']
  const opaque = ['headers POST /v1/files content-type=application/zip', 'body PK']
  const socket = ['headers GET /v1/realtime upgrade=websocket']
  const cases: [BodyMode, steps: string[], isAtRest: boolean][] = [
    ['full duplex', [], false],
    ['full duplex', ['headers GET /v1/models end'], true],
    ['full duplex', ['headers POST /v1/chat/completions'], false],
    ['full duplex', json, false],
    ['full duplex', [...json, 'last "a":1}'], true],
    ['full duplex', [...json, 'body "a":1}', 'trailers'], true],
    ['full duplex', opaque, false],
    ['full duplex', [...opaque, 'last PK'], true],
    ['full duplex', socket, false],
    ['full duplex', [...json, 'last "a":1}', 'response headers'], false],
    ['full duplex', ['headers POST /v1/embeddings', 'body ]'], true],
    ['streamed', json, false],
    ['streamed', opaque, true],
    ['streamed', socket, true],
    ['streamed', [...json, 'last "a":1}'], true],
    ['streamed', [...json, 'last "a":1}', 'response headers', 'response body x'], true],
    ['streamed, headers first', json, true],
    ['buffered', ['headers POST /v1/chat/completions'], false],
    ['buffered', ['headers POST /v1/chat/completions', 'last {"model":"qwen"}'], true],
    ['buffered in part', ['headers POST /v1/chat/completions', 'body {"model":"qwen",'], true],
    ['headers only', ['headers POST /v1/chat/completions'], true],
    ['not said', ['response headers'], false],
  ]
  test.each(cases)('%s, after %j: %s', (mode, steps, isAtRest) => {
    const player = new Player(createWorld(onePool), mode)
    play(player, steps.map((step) => `> ${step}`).join('\n'))
    expect(player.isAtRest).toBe(isAtRest)
  })
})

describe('requests in flight', () => {
  const world = () => createWorld({ ...onePool, pools: { 'default/qwen-pool': ['10.0.0.1:8000', '10.0.0.2:8000'] } })
  const begin = '> headers POST /v1/chat/completions\n> body {"model":"qwen",'

  test('count at the endpoint that was picked first, from the decision to the end of the response', () => {
    const shared = world()
    const inFlight = () => shared.endpoints.map((endpoint) => endpoint.inFlight)
    const [first, second, third] = Array.from({ length: 3 }, () => new Player(shared, 'full duplex'))
    play(first, begin)
    expect(inFlight()).toEqual([1, 0])
    play(second, begin)
    expect(inFlight()).toEqual([1, 1])
    play(third, '> headers POST /v1/chat/completions\n> body {"messages":[')
    expect(inFlight()).toEqual([1, 1])
    play(first, '> last "a":1}\n> response headers\n> response body x')
    expect(inFlight()).toEqual([1, 1])
    play(first, '> response last x')
    expect(inFlight()).toEqual([0, 1])
    first.close()
    expect(inFlight()).toEqual([0, 1])
    third.close()
    second.close()
    expect(inFlight()).toEqual([0, 0])
  })

  test('a refusal after the decision ends with the stream, too', () => {
    const shared = world()
    const player = new Player(shared, 'full duplex')
    play(player, `${begin}\n> body ]`)
    expect(shared.refused).toEqual(['invalid_json'])
    player.close()
    expect(shared.endpoints.map(({ inFlight }) => inFlight)).toEqual([0, 0])
  })
})

test('request_headers that are not the first are malformed', () => {
  for (const before of [
    'headers POST /v1/chat/completions',
    'headers GET /v1/models end',
    'headers POST /v1/chat/completions content-encoding=compress',
    'last {"model":"qwen"}',
  ]) {
    const player = new Player(createWorld(onePool), 'full duplex')
    expect(() => play(player, `> ${before}\n> headers GET /v1/models end`)).toThrow(
      'request_headers that are not the first of their request',
    )
  }
})
