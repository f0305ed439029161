import { gzipSync } from 'node:zlib'
import { describe, expect, test, vi } from 'vitest'
import { defaultFlowControlOptions, type FlowControlOptions } from '../../src/admission/options.ts'
import { PoolQueues } from '../../src/admission/pool-queues.ts'
import type { Endpoint } from '../../src/pool/endpoint.ts'
import { nothingScheduled } from '../../src/scheduling/plugin.ts'
import type { ManualClock } from '../pool/manual-clock.ts'
import { type Answer, bodyMessage, bodyModes, headersMessage, Player } from './play.ts'
import { describeAnswer, play } from './script.ts'
import { createWorld, onePool, routed, type WorldInput } from './world.ts'

const said = (answers: readonly Answer[]): string[] => answers.map(describeAnswer)

function oneAtATime(rejected: string[] = [], options: Partial<FlowControlOptions> = {}): WorldInput['queues'] {
  return (endpoints: readonly Endpoint[], clock: ManualClock) =>
    new PoolQueues(
      { ...defaultFlowControlOptions, ...options },
      {
        clock,
        saturation: () => endpoints.reduce((sum, { inFlight }) => sum + inFlight, 0),
        hasEndpoints: () => endpoints.length > 0,
        observer: () => ({ enqueued() {}, dispatched() {}, rejected: (_item, reason) => void rejected.push(reason) }),
      },
    )
}

const request = (model: string) => `{"model":"${model}","messages":["hello"]}`

describe('a request that waits in the queue', () => {
  test('keeps its place while more of its body comes', () => {
    const rejected: string[] = []
    const world = createWorld({ ...onePool, queues: oneAtATime(rejected) })
    const first = new Player(world, 'full duplex')
    play(first, `> headers POST /v1/chat/completions\n> last ${request('qwen')}`)
    const second = new Player(world, 'full duplex')
    play(second, '> headers POST /v1/chat/completions\n> body {"model":"qwen",')
    const third = new Player(world, 'full duplex')
    play(third, `> headers POST /v1/chat/completions\n> last ${request('gpt_a')}`)
    play(second, '> body "messages":\n> body []}')
    first.close()
    expect(rejected).toEqual([])
    expect(said(third.takeAnswers())).toEqual([])
    expect(said(second.takeAnswers())[0]).toBe(`headers ${routed('qwen')} re-route`)
  })

  test('keeps the target that was drawn for it', () => {
    let draws = 0
    const world = createWorld({
      ...onePool,
      models: {
        ...onePool.models,
        both: { pool: 'default/qwen-pool', targets: { left: 1, right: 1 } },
      },
      queues: oneAtATime(),
      random: () => {
        draws += 1
        return 0.5
      },
    })
    const first = new Player(world, 'full duplex')
    play(first, `> headers POST /v1/chat/completions\n> last ${request('qwen')}`)
    draws = 0
    const second = new Player(world, 'full duplex')
    play(second, '> headers POST /v1/chat/completions\n> body {"model":"both",\n> body "messages":\n> body []}')
    expect(draws).toBe(1)
  })

  test('gives its place up when Envoy has answered from elsewhere', () => {
    const world = createWorld({ ...onePool, queues: oneAtATime() })
    const first = new Player(world, 'full duplex')
    play(first, `> headers POST /v1/chat/completions\n> last ${request('qwen')}`)
    const second = new Player(world, 'full duplex')
    play(second, `> headers POST /v1/chat/completions\n> last ${request('qwen')}`)
    const third = new Player(world, 'full duplex')
    play(third, `> headers POST /v1/chat/completions\n> last ${request('qwen')}`)
    expect(play(second, '> response headers :status=504')).toEqual([
      '> response headers :status=504',
      '< response headers',
    ])
    first.close()
    expect(said(second.takeAnswers())).toEqual([])
    expect(said(third.takeAnswers())).toHaveLength(2)
    expect(world.endpoints[0].inFlight).toBe(1)
  })
})

describe('a request that waits for its prompt', () => {
  test('is not decided when Envoy has answered from elsewhere', () => {
    const world = createWorld({ ...onePool, scheduler: { readsPrompt: true } })
    const player = new Player(world, 'full duplex')
    play(player, '> headers POST /v1/chat/completions\n> body {"model":"qwen","messages":["he')
    play(player, '> response headers :status=504')
    world.clock.advance(100)
    expect(said(player.takeAnswers())).toEqual([])
    expect(world.endpoints[0].inFlight).toBe(0)
    expect(world.decided).toEqual([])
  })
})

test.each(['full duplex', 'streamed'] as const)('%s: a body that goes on after its end ends the stream', (mode) => {
  const world = createWorld(onePool)
  const player = new Player(world, mode)
  play(player, `> headers POST /v1/files\n> body {"a":1,\n> trailers`)
  expect(() => player.send(bodyMessage('"model":"qwen"}', true))).toThrow('request_body after the end of the request')
  player.close()
  expect(world.context.heldMemory.bytes).toBe(0)
})

describe('a compressed body', () => {
  test('is not kept decoded once it has been decided', async () => {
    const world = createWorld(onePool)
    const player = new Player(world, 'full duplex')
    player.send(headersMessage({ ':method': 'POST', ':path': '/v1/chat/completions', 'content-encoding': 'gzip' }))
    player.send(bodyMessage(gzipSync(request('chat')), true))
    await vi.waitFor(() => expect(world.decided).toHaveLength(1))
    expect(world.context.heldMemory.bytes).toBe(0)
  })
})

describe('buffered', () => {
  test.each(['buffered', 'buffered in part'] as const)('%s: trailers without a body are answered', (mode) => {
    const player = new Player(createWorld(onePool), mode)
    play(player, '> headers POST /v1/chat/completions')
    expect(said(player.send({ request_trailers: { trailers: {} } }))).toEqual([expect.stringMatching(/^refused 400 /)])
  })
  test('trailers without a body on another path are answered', () => {
    const player = new Player(createWorld(onePool), 'buffered')
    play(player, '> headers POST /other')
    expect(said(player.send({ request_trailers: { trailers: {} } }))).toEqual(['trailers'])
  })
})

describe('a destination that is not the endpoint itself', () => {
  test('says nothing of which endpoint serves', () => {
    const world = createWorld({
      pools: { 'default/ranks': ['10.0.0.1:8000', '10.0.0.1:8001'] },
      scheduler: {
        schedule: (_request, candidates) => ({
          ...nothingScheduled,
          endpoints: [candidates[1]],
          destination: '10.0.0.1:8000',
        }),
      },
    })
    const player = new Player(world, 'full duplex')
    play(player, `> headers POST /v1/chat/completions\n> last ${request('qwen')}`)
    const fields = { 'x-gateway-destination-endpoint-served': { stringValue: '10.0.0.1:8000' } }
    player.send({
      response_headers: { headers: { headers: [{ key: ':status', raw_value: Buffer.from('200') }] } },
      metadata_context: { filter_metadata: { 'envoy.lb': { fields } } },
    })
    expect(world.endpoints.map(({ inFlight }) => inFlight)).toEqual([0, 1])
  })
})

test('a protocol_config in each message: nothing that is held is lost', () => {
  const player = new Player(createWorld(onePool), 'full duplex')
  const again = { protocol_config: bodyModes['full duplex'] }
  player.send(headersMessage({ ':method': 'POST', ':path': '/v1/chat/completions' }))
  expect(player.send({ ...bodyMessage('{"messages":[],'), ...again })).toEqual([])
  expect(said(player.send({ ...bodyMessage('"model":"qwen"}', true), ...again }))).toEqual([
    `headers ${routed('qwen')} re-route`,
    'last {"messages":[],"model":"qwen"}',
  ])
})
