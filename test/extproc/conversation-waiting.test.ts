import { gzipSync } from 'node:zlib'
import { describe, expect, test, vi } from 'vitest'
import { defaultFlowControlOptions, type FlowControlOptions } from '../../src/admission/options.ts'
import { PoolQueues } from '../../src/admission/pool-queues.ts'
import type { Endpoint } from '../../src/pool/endpoint.ts'
import { nothingScheduled, type SchedulingRequest } from '../../src/scheduling/plugin.ts'
import type { ManualClock } from '../pool/manual-clock.ts'
import { type Answer, type BodyMode, bodyMessage, headersMessage, Player } from './play.ts'
import { describeAnswer, play } from './script.ts'
import { createWorld, onePool, routed, type World, type WorldInput } from './world.ts'

const said = (answers: readonly Answer[]): string[] => answers.map(describeAnswer)

/** A queue that lets one request at a time through. */
function oneAtATime(options: Partial<FlowControlOptions> = {}): WorldInput['queues'] {
  return (endpoints: readonly Endpoint[], clock: ManualClock) =>
    new PoolQueues(
      { ...defaultFlowControlOptions, ...options },
      {
        clock,
        saturation: () => endpoints.reduce((sum, { inFlight }) => sum + inFlight, 0),
        hasEndpoints: () => endpoints.length > 0,
        observer: () => ({ enqueued() {}, dispatched() {}, rejected() {} }),
      },
    )
}

const request = (model: string) => `{"model":"${model}","messages":["hello"]}`

test.each([
  [{}, true, 'guessed'],
  [{ 'x-llm-d-inference-fairness-id': 'named' }, true, 'named'],
  [{ 'x-llm-d-inference-fairness-id': 'named' }, false, 'default-flow'],
  [{ 'x-llm-d-inference-fairness-id': 'f'.repeat(256) }, true, 'f'.repeat(256)],
  [{ 'x-llm-d-inference-fairness-id': 'f'.repeat(257) }, true, 'default-flow'],
])('a request with %j, trusted: %s, belongs to the flow %s', (headers, trustsHints, flow) => {
  const scheduler = { fairnessIdOf: () => 'guessed' }
  const world = createWorld({ ...onePool, trustsHints, scheduler, queues: oneAtATime() })
  for (const _ of [1, 2]) {
    const player = new Player(world, 'full duplex')
    player.send(headersMessage({ ':method': 'POST', ':path': '/v1/chat/completions', ...headers }))
    player.send(bodyMessage(request('qwen'), true))
  }
  const queue = world.queues!.of('default/qwen-pool')
  expect([...queue.flows()].map(({ fairnessId }) => fairnessId)).toEqual([flow])
})

describe('a request that waits in the queue', () => {
  function busyWorld(options?: Partial<FlowControlOptions>): { world: World; first: Player } {
    const world = createWorld({ ...onePool, queues: oneAtATime(options) })
    const first = new Player(world, 'full duplex')
    play(first, `> headers POST /v1/chat/completions\n> last ${request('qwen')}`)
    return { world, first }
  }

  test.each<[BodyMode, string[]]>([
    ['full duplex', [`headers ${routed('chat')} -content-length re-route`, `last ${request('chat-large-v2')}`]],
    ['streamed', [`headers ${routed('chat')} -content-length re-route`, `ack becomes ${request('chat-large-v2')}`]],
    ['buffered', [`ack ${routed('chat')} content-length=46 re-route becomes ${request('chat-large-v2')}`]],
  ])('%s: is answered when the one before it has ended', (mode, expected) => {
    const { world, first } = busyWorld()
    const second = new Player(world, mode)
    const early = second.send(headersMessage({ ':method': 'POST', ':path': '/v1/chat/completions' }))
    expect(said(early)).toEqual(mode === 'buffered' ? ['headers'] : [])
    expect(second.send(bodyMessage(request('chat'), true))).toEqual([])
    expect(second.isAtRest).toBe(false)
    play(first, '> response headers\n> response body x')
    expect(second.takeAnswers()).toEqual([])
    play(first, '> response last')
    expect(said(second.takeAnswers())).toEqual(expected)
    expect(world.endpoints[0].inFlight).toBe(1)
    second.close()
    expect(world.endpoints[0].inFlight).toBe(0)
  })

  test('in many chunks, with trailers at the end: nothing is lost', () => {
    const { world, first } = busyWorld()
    const second = new Player(world, 'full duplex')
    play(second, '> headers POST /v1/chat/completions\n> body {"model":"chat",\n> body "messages":[]}\n> trailers')
    first.close()
    expect(said(second.takeAnswers())).toEqual([
      `headers ${routed('chat')} -content-length re-route`,
      'body {"model":"chat-large-v2","messages":[]}',
      'trailers',
    ])
  })

  test('goes on with what comes after its turn', () => {
    const { world, first } = busyWorld()
    const second = new Player(world, 'full duplex')
    play(second, '> headers POST /v1/chat/completions\n> body {"model":"qwen",')
    first.close()
    expect(said(second.takeAnswers())).toEqual([`headers ${routed('qwen')} re-route`, 'body {"model":"qwen",'])
    expect(said(second.send(bodyMessage('"messages":[]}', true)))).toEqual(['last "messages":[]}'])
  })

  test('is refused when its time is over, with what to do next', () => {
    const { world } = busyWorld({ defaultRequestTtlMs: 5_000 })
    const second = new Player(world, 'full duplex')
    play(second, `> headers POST /v1/chat/completions\n> last ${request('qwen')}`)
    world.clock.advance(4_999)
    expect(second.takeAnswers()).toEqual([])
    world.clock.advance(2)
    expect(said(second.takeAnswers())).toEqual([
      expect.stringMatching(
        /^refused 429 queue_timeout: .+ retry-after=\d+ x-llm-d-request-dropped-reason=rejected-ttl-expired$/,
      ),
    ])
    expect(world.refused).toEqual(['queue_timeout'])
  })

  test('is refused at once when the queue is full', () => {
    const { world } = busyWorld({ maxRequests: 1 })
    const waiting = new Player(world, 'full duplex')
    play(waiting, `> headers POST /v1/chat/completions\n> last ${request('qwen')}`)
    const third = new Player(world, 'full duplex')
    third.send(headersMessage({ ':method': 'POST', ':path': '/v1/chat/completions' }))
    expect(said(third.send(bodyMessage(request('qwen'), true)))).toEqual([
      expect.stringMatching(/^refused 429 saturated: .*rejected-saturated$/),
    ])
  })

  test('leaves the queue when its client goes away', () => {
    const { world, first } = busyWorld()
    const second = new Player(world, 'full duplex')
    const third = new Player(world, 'full duplex')
    for (const player of [second, third]) {
      play(player, `> headers POST /v1/chat/completions\n> last ${request('qwen')}`)
    }
    second.close()
    first.close()
    expect(second.takeAnswers()).toEqual([])
    expect(said(third.takeAnswers())).toHaveLength(2)
    expect(world.endpoints[0].inFlight).toBe(1)
  })

  test('gives its turn to the next when its stream has been reset and is about to close', () => {
    const { world, first } = busyWorld()
    const second = new Player(world, 'full duplex')
    const third = new Player(world, 'full duplex')
    for (const player of [second, third]) {
      play(player, `> headers POST /v1/chat/completions\n> last ${request('qwen')}`)
    }
    second.reset()
    first.close()
    expect(said(third.takeAnswers())).toHaveLength(2)
    second.close()
    expect(world.endpoints[0].inFlight).toBe(1)
  })

  test('buffered: is answered before its trailers, which came while it waited', () => {
    const { world, first } = busyWorld()
    const second = new Player(world, 'buffered')
    play(second, `> headers POST /v1/chat/completions\n> body ${request('qwen')}\n> trailers`)
    first.close()
    expect(said(second.takeAnswers())).toEqual([`ack ${routed('qwen')} re-route`, 'trailers'])
  })
})

describe('requests that may be shed', () => {
  const full: WorldInput = {
    ...onePool,
    models: { ...onePool.models, batch: { pool: 'default/qwen-pool', targets: { batch: 1 }, priority: -1 } },
    scheduler: { saturation: () => 1 },
  }
  test('a negative priority is refused while the pool is full', () => {
    const player = new Player(createWorld(full), 'full duplex')
    player.send(headersMessage({ ':method': 'POST', ':path': '/v1/chat/completions' }))
    expect(said(player.send(bodyMessage(request('batch'), true)))).toEqual([
      expect.stringMatching(
        /^refused 429 saturated: .* retry-after=1 x-llm-d-request-dropped-reason=rejected-saturated$/,
      ),
    ])
  })
  test('all others go on', () => {
    const player = new Player(createWorld(full), 'full duplex')
    player.send(headersMessage({ ':method': 'POST', ':path': '/v1/chat/completions' }))
    expect(said(player.send(bodyMessage(request('qwen'), true)))).toHaveLength(2)
  })
})

describe('a decision that waits for the prompt', () => {
  function promptWorld(): { world: World; blocks: number[] } {
    const blocks: number[] = []
    const schedule = ({ prompt }: SchedulingRequest, candidates: readonly Endpoint[]) => {
      blocks.push(prompt!.blocks)
      return { ...nothingScheduled, endpoints: candidates }
    }
    const promptRead = ({ prompt }: SchedulingRequest) => void blocks.push(-prompt!.blocks)
    return { world: createWorld({ ...onePool, scheduler: { readsPrompt: true, schedule, promptRead } }), blocks }
  }
  const opening = '{"model":"qwen","messages":["'
  const text = (bytes: number) => 'x'.repeat(bytes)

  test('until the prompt ends', () => {
    const { world, blocks } = promptWorld()
    const player = new Player(world, 'full duplex')
    player.send(headersMessage({ ':method': 'POST', ':path': '/v1/chat/completions' }))
    expect(player.send(bodyMessage(opening + text(1000)))).toEqual([])
    expect(player.send(bodyMessage(`${text(1000)}"]`))).toHaveLength(2)
    expect(player.send(bodyMessage('}', true))).toHaveLength(1)
    expect(blocks).toHaveLength(1)
    expect(blocks[0]).toBeGreaterThan(10)
  })

  test('until enough of it has come; the rest is told when it has been read', () => {
    const { world, blocks } = promptWorld()
    const player = new Player(world, 'full duplex')
    player.send(headersMessage({ ':method': 'POST', ':path': '/v1/chat/completions' }))
    expect(player.send(bodyMessage(opening + text(60_000)))).toEqual([])
    expect(player.send(bodyMessage(text(10_000))).length).toBeGreaterThan(1)
    player.send(bodyMessage(text(200_000)))
    player.send(bodyMessage('"]}', true))
    expect(blocks).toHaveLength(2)
    expect(-blocks[1]).toBeGreaterThan(blocks[0])
  })

  test('for a short time only', () => {
    const { world, blocks } = promptWorld()
    const player = new Player(world, 'full duplex')
    player.send(headersMessage({ ':method': 'POST', ':path': '/v1/chat/completions' }))
    player.send(bodyMessage(opening + text(500)))
    world.clock.advance(19)
    expect(player.takeAnswers()).toEqual([])
    world.clock.advance(2)
    expect(said(player.takeAnswers())).toEqual([`headers ${routed('qwen')} re-route`, `body ${opening}${text(500)}`])
    expect(blocks).toEqual([7])
    expect(said(player.send(bodyMessage('"]}', true)))).toEqual(['last "]}'])
  })

  test('not when the stream is gone', () => {
    const { world, blocks } = promptWorld()
    const player = new Player(world, 'full duplex')
    player.send(headersMessage({ ':method': 'POST', ':path': '/v1/chat/completions' }))
    player.send(bodyMessage(opening))
    player.close()
    world.clock.advance(100)
    expect(blocks).toEqual([])
  })
})

describe('a compressed body', () => {
  const headers = (encoding: string) =>
    headersMessage({ ':method': 'POST', ':path': '/v1/chat/completions', 'content-encoding': encoding })
  const answersOf = async (player: Player) => {
    const answers: Answer[] = []
    await vi.waitFor(() => {
      answers.push(...player.takeAnswers())
      expect(answers.length).toBeGreaterThan(0)
    })
    return answers
  }
  const bodyOf = ({ request_body }: Answer) => request_body?.response?.body_mutation

  test('in which the model keeps its name goes on as it came', async () => {
    const player = new Player(createWorld(onePool), 'full duplex')
    const body = gzipSync(request('qwen'))
    player.send(headers('gzip'))
    player.send(bodyMessage(body.subarray(0, 9)))
    expect(player.send(bodyMessage(body.subarray(9), true))).toEqual([])
    const [first, second] = await answersOf(player)
    expect(describeAnswer(first)).toBe(`headers ${routed('qwen')} re-route`)
    expect(bodyOf(second)?.streamed_response).toMatchObject({ body, end_of_stream: true })
  })

  test.each<[BodyMode, string[]]>([
    [
      'full duplex',
      [`headers ${routed('chat')} -content-encoding -content-length re-route`, `last ${request('chat-large-v2')}`],
    ],
    [
      'streamed',
      [
        `headers ${routed('chat')} -content-encoding -content-length re-route`,
        'ack becomes nothing',
        `ack becomes ${request('chat-large-v2')}`,
      ],
    ],
  ])('%s: in which the model changes goes on without its compression', async (mode, expected) => {
    const player = new Player(createWorld(onePool), mode)
    const body = gzipSync(request('chat'))
    player.send(headers('gzip'))
    player.send(bodyMessage(body.subarray(0, 9)))
    player.send(bodyMessage(body.subarray(9), true))
    expect(said(await answersOf(player))).toEqual(expected)
  })

  test('buffered: the same, with its length', async () => {
    const player = new Player(createWorld(onePool), 'buffered')
    player.send(headers('gzip'))
    player.send(bodyMessage(gzipSync(request('chat')), true))
    expect(said(await answersOf(player))).toEqual([
      `ack ${routed('chat')} content-length=46 -content-encoding re-route becomes ${request('chat-large-v2')}`,
    ])
  })

  test.each([
    ['is not what it claims', Buffer.from('no gzip'), /^refused 400 invalid_encoding: /],
    ['has no model', gzipSync('{}'), /^refused 400 model_missing: /],
    ['is no JSON', gzipSync('{"model":'), /^refused 400 invalid_json: /],
    ['is a bomb', gzipSync(Buffer.alloc(5e6, ' ')), /^refused 413 body_too_large: /],
  ])('that %s is refused', async (_, body, expected) => {
    const world = createWorld({ ...onePool, limits: { maxBodyBytes: 1e6 } })
    const player = new Player(world, 'full duplex')
    player.send(headers('gzip'))
    player.send(bodyMessage(body, true))
    expect(said(await answersOf(player))).toEqual([expect.stringMatching(expected)])
  })

  test('that a body router cannot decode passes as it is', async () => {
    const player = new Player(createWorld(), 'full duplex')
    player.send(headers('gzip'))
    player.send(bodyMessage('no gzip', true))
    expect(said(await answersOf(player))).toEqual(['headers', 'last no gzip'])
  })
})
