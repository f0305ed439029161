import { describe, expect, test } from 'vitest'
import { compileAttributes } from '../../src/response/attributes.ts'
import { nothingScheduled } from '../../src/scheduling/plugin.ts'
import { type Answer, type BodyMode, bodyMessage, headersMessage, type Message, Player } from './play.ts'
import { conversation, describeAnswer, messageOf, play } from './script.ts'
import { createWorld, onePool, routed, type WorldInput } from './world.ts'

const json = '> response headers content-type=application/json'

describe('the model has the name that the client knows', () => {
  conversation(
    'full duplex: in a document, across chunks',
    { ...onePool, mode: 'full duplex' },
    `
    > headers POST /v1/chat/completions
    > last {"model":"chat","messages":[]}
    < headers ${routed('chat')} -content-length re-route
    < last {"model":"chat-large-v2","messages":[]}
    ${json} content-length=30
    < response headers -content-length
    > response body {"id":1,"model":"chat-lar
    < response body {"id":1,"model":
    > response last ge-v2","choices":[]}
    < response last "chat","choices":[]}
    `,
  )
  conversation(
    'streamed: only messages that change are replaced',
    { ...onePool, mode: 'streamed' },
    `
    > headers POST /v1/chat/completions
    > last {"model":"chat","messages":[]}
    < headers ${routed('chat')} -content-length re-route
    < ack becomes {"model":"chat-large-v2","messages":[]}
    ${json}
    < response headers
    > response body {"id":1,
    < response ack
    > response last "model":"chat-large-v2"}
    < response ack becomes "model":"chat"}
    `,
  )
  conversation(
    'buffered: with its length',
    { ...onePool, mode: 'buffered' },
    `
    > headers POST /v1/chat/completions
    < headers
    > last {"model":"chat"}
    < ack ${routed('chat')} content-length=25 re-route becomes {"model":"chat-large-v2"}
    ${json} content-length=25
    < response headers
    > response last {"model":"chat-large-v2"}
    < response ack content-length=16 becomes {"model":"chat"}
    `,
  )
  conversation(
    'buffered, with trailers: the same',
    { ...onePool, mode: 'buffered' },
    `
    > headers POST /v1/chat/completions
    < headers
    > last {"model":"chat"}
    < ack ${routed('chat')} content-length=25 re-route becomes {"model":"chat-large-v2"}
    ${json}
    < response headers
    > response body {"model":"chat-large-v2"
    < response ack content-length=15 becomes {"model":"chat"
    > response trailers
    < response trailers
    `,
  )
  conversation(
    'buffered in part: where the part ends within the model, its bytes go on with the part',
    { ...onePool, mode: 'buffered in part' },
    `
    > headers POST /v1/chat/completions
    < headers
    > last {"model":"chat"}
    < ack ${routed('chat')} re-route becomes {"model":"chat-large-v2"}
    ${json}
    < response headers
    > response body {"id":1,"model":"chat-lar
    < response ack becomes {"id":1,"model":"chat-lar
    `,
  )
  conversation(
    'a body that does not say what it is: read as what the request asks for',
    { ...onePool, mode: 'full duplex' },
    `
    > headers POST /v1/chat/completions
    > last {"model":"chat","stream":true}
    < headers ${routed('chat')} -content-length re-route
    < last {"model":"chat-large-v2","stream":true}
    > response headers
    < response headers
    > response last data: {"model":"chat-large-v2"}
    < response last data: {"model":"chat"}
    `,
  )
  conversation(
    'a model that kept its name is not looked for',
    { ...onePool, mode: 'full duplex' },
    `
    > headers POST /v1/chat/completions
    > last {"model":"qwen"}
    < headers ${routed('qwen')} re-route
    < last {"model":"qwen"}
    ${json} content-length=30
    < response headers
    > response last {"model":"/models/qwen.gguf"}
    < response last {"model":"/models/qwen.gguf"}
    `,
  )
  conversation(
    'a compressed answer passes as it is, with its length',
    { ...onePool, mode: 'streamed' },
    `
    > headers POST /v1/chat/completions
    > last {"model":"chat"}
    < headers ${routed('chat')} -content-length re-route
    < ack becomes {"model":"chat-large-v2"}
    ${json} content-encoding=gzip content-length=25
    < response headers
    > response last {"model":"chat-large-v2"}
    < response ack
    `,
  )
  conversation(
    'an error of the server passes as it is',
    { ...onePool, mode: 'full duplex' },
    `
    > headers POST /v1/chat/completions
    > last {"model":"chat"}
    < headers ${routed('chat')} -content-length re-route
    < last {"model":"chat-large-v2"}
    > response headers :status=500 content-type=application/json
    < response headers
    > response last {"model":"chat-large-v2"}
    < response last {"model":"chat-large-v2"}
    `,
  )
})

/** Plays a whole exchange and gives the answers to the response. */
function respond(mode: BodyMode, responses: readonly (string | Message)[], input: WorldInput = onePool) {
  const world = createWorld(input)
  const player = new Player(world, mode)
  player.send(headersMessage({ ':method': 'POST', ':path': '/v1/chat/completions' }))
  player.send(bodyMessage('{"model":"qwen"}', true))
  const answers = responses.flatMap((step) => player.send(typeof step === 'string' ? messageOf(step) : step))
  return { world, player, answers }
}

const event = (usage: string) => `response body data: {"choices":[],"usage":${usage}}\n\n`
const metadataOf = ({ dynamic_metadata }: Answer): unknown =>
  Object.fromEntries(
    Object.entries(dynamic_metadata?.fields ?? {}).map(([namespace, { structValue }]) => [
      namespace,
      Object.fromEntries(Object.entries(structValue?.fields ?? {}).map(([key, { numberValue }]) => [key, numberValue])),
    ]),
  )

describe('what a response has used', () => {
  const usage =
    '{"prompt_tokens":7,"completion_tokens":10,"total_tokens":17,"prompt_tokens_details":{"cached_tokens":4}}'
  const tokens = { signalbox: { prompt_tokens: 7, completion_tokens: 10, total_tokens: 17, cached_tokens: 4 } }

  test.each<BodyMode>(['full duplex', 'streamed'])('%s: is metadata of the last answer to its body', (mode) => {
    const steps = ['response headers content-type=text/event-stream', event(usage), 'response last data: [DONE]']
    const { answers } = respond(mode, steps)
    expect(answers.map(metadataOf)).toEqual([{}, {}, tokens])
  })
  test('is metadata of the answer to the trailers, where the body ends by them', () => {
    const steps = ['response headers content-type=text/event-stream', event(usage), 'response trailers']
    const { answers } = respond('full duplex', steps)
    expect(answers.map(metadataOf)).toEqual([{}, {}, tokens])
  })
  test('and what the reporters make of it', () => {
    const attributes = [
      { key: { name: 'cost' }, expression: 'usage.completion_tokens * 2', condition: 'has(usage.completion_tokens)' },
    ]
    const steps = ['response headers content-type=application/json', `response last {"usage":${usage}}`]
    const { answers } = respond('full duplex', steps, { ...onePool, reporters: [compileAttributes({ attributes })] })
    expect(metadataOf(answers[1])).toEqual({ ...tokens, 'envoy.lb': { cost: 20 } })
  })
  test('buffered: is metadata of the answer to the body, even if trailers follow', () => {
    const steps = ['response headers content-type=application/json', `response body {"usage":${usage}}`]
    const { world, answers } = respond('buffered', [...steps, 'response trailers'])
    expect(answers.map(metadataOf)).toEqual([{}, tokens, {}])
    expect(world.endpoints[0].inFlight).toBe(0)
  })
  test('is read of a body without a content type, too', () => {
    const { answers } = respond('full duplex', ['response headers', `response last {"usage":${usage}}`])
    expect(answers.map(metadataOf)).toEqual([{}, tokens])
  })
  test('nothing where the response says nothing', () => {
    const { answers } = respond('full duplex', ['response headers content-type=application/json', 'response last {}'])
    expect(answers.map(metadataOf)).toEqual([{}, {}])
  })
})

describe('the end of the exchange', () => {
  test.each<[string, BodyMode, string[]]>([
    ['the last chunk', 'full duplex', ['response headers', 'response body x', 'response last']],
    ['trailers', 'full duplex', ['response headers', 'response body x', 'response trailers']],
    ['headers without a body', 'full duplex', ['response headers :status=204 end']],
    ['the last chunk', 'streamed', ['response headers', 'response last x']],
  ])('is %s (%s)', (_, mode, steps) => {
    const { world, player } = respond(mode, steps.slice(0, -1))
    expect(world.endpoints[0].inFlight).toBe(1)
    player.send(messageOf(steps.at(-1)!))
    expect(world.endpoints[0].inFlight).toBe(0)
    expect(world.ended).toHaveLength(1)
    player.close()
    expect(world.endpoints[0].inFlight).toBe(0)
    expect(world.ended).toHaveLength(1)
  })
})

describe('the endpoint that served', () => {
  const served = (address: string): Message => {
    const fields = { 'x-gateway-destination-endpoint-served': { stringValue: address } }
    return { ...messageOf('response headers'), metadata_context: { filter_metadata: { 'envoy.lb': { fields } } } }
  }
  const twoServers: WorldInput = { ...onePool, pools: { 'default/qwen-pool': ['10.0.0.1:8000', '10.0.0.2:8000'] } }

  test('counts instead of the one that was picked', () => {
    const { world, player } = respond('full duplex', [served('10.0.0.2:8000')], twoServers)
    expect(world.endpoints.map(({ inFlight }) => inFlight)).toEqual([0, 1])
    player.close()
    expect(world.endpoints.map(({ inFlight }) => inFlight)).toEqual([0, 0])
  })
  test('does not when it is none of ours', () => {
    const { world } = respond('full duplex', [served('10.9.9.9:8000')], twoServers)
    expect(world.endpoints.map(({ inFlight }) => inFlight)).toEqual([1, 0])
  })
})

describe('the subset that the proxy allows', () => {
  const pools = { 'default/qwen-pool': ['10.0.0.1:8000', '10.0.0.2:8000', '[fd00::3]:8000'] }
  const world = () => createWorld({ ...onePool, pools })
  const withSubset = (message: Message, subset: readonly string[]): Message => {
    const listValue = { values: subset.map((stringValue) => ({ stringValue })) }
    const fields = { 'x-gateway-destination-endpoint-subset': { listValue } }
    return { ...message, metadata_context: { filter_metadata: { 'envoy.lb.subset_hint': { fields } } } }
  }
  const headers = headersMessage({ ':method': 'POST', ':path': '/v1/chat/completions' })
  const last = bodyMessage('{"model":"qwen"}', true)
  const destination = (answers: readonly Answer[]) => /endpoint=(\S+)/.exec(describeAnswer(answers[0]))?.[1]

  test.each([
    [['10.0.0.2:8000'], '10.0.0.2:8000'],
    [['10.0.0.2'], '10.0.0.2:8000'],
    [['fd00::3'], '[fd00::3]:8000'],
    [['10.0.0.9', '10.0.0.2', '[fd00::3]:8000'], '10.0.0.2:8000,[fd00::3]:8000'],
  ])('%j: %s', (subset, expected) => {
    for (const place of ['headers', 'body']) {
      const player = new Player(world(), 'full duplex')
      player.send(place === 'headers' ? withSubset(headers, subset) : headers)
      expect(destination(player.send(place === 'body' ? withSubset(last, subset) : last))).toBe(expected)
    }
  })
  test.each([[[]], [['10.0.0.2:9000']], [['10.0.0.9']]])('%j: nothing is left', (subset) => {
    const player = new Player(world(), 'full duplex')
    player.send(withSubset(headers, subset))
    expect(describeAnswer(player.send(last)[0])).toMatch(/^refused 503 no_endpoint: .* in the subset/)
  })
  test('can be switched off', () => {
    const player = new Player(createWorld({ ...onePool, pools, keepsToSubset: false }), 'full duplex')
    player.send(withSubset(headers, ['10.0.0.9']))
    expect(destination(player.send(last))).toBe('10.0.0.1:8000,10.0.0.2:8000')
  })
})

describe('what clients ask for in headers', () => {
  const hints = 'x-gateway-model-name-rewrite=qwen-v9'
  conversation(
    'counts, and does not reach the server',
    { ...onePool, mode: 'full duplex' },
    `
    > headers POST /v1/chat/completions ${hints}
    > last {"model":"qwen"}
    < headers ${routed('qwen')} -x-gateway-model-name-rewrite -content-length re-route
    < last {"model":"qwen-v9"}
    `,
  )
  conversation(
    'of two names the newer one',
    { ...onePool, mode: 'full duplex' },
    `
    > headers POST /v1/chat/completions ${hints} x-llm-d-model-name-rewrite=qwen-v10
    > last {"model":"qwen"}
    < headers ${routed('qwen')} -x-llm-d-model-name-rewrite -x-gateway-model-name-rewrite -content-length re-route
    < last {"model":"qwen-v10"}
    `,
  )
  conversation(
    'does not count where clients are not trusted',
    { ...onePool, trustsHints: false, mode: 'full duplex' },
    `
    > headers POST /v1/chat/completions ${hints}
    > last {"model":"qwen"}
    < headers ${routed('qwen')} -x-gateway-model-name-rewrite re-route
    < last {"model":"qwen"}
    `,
  )
})

test('who helped with the prompt is free when the answer begins, once', () => {
  const started: boolean[] = []
  const [helper] = createWorld({ pools: { 'default/other': ['10.0.0.2:8000'] } }).endpoints
  const world = createWorld({
    ...onePool,
    scheduler: {
      schedule: (_request, candidates) => ({ ...nothingScheduled, endpoints: candidates, helpers: [helper] }),
      responseStarted: () => started.push(true) > 0,
    },
  })
  const player = new Player(world, 'full duplex')
  play(player, '> headers POST /v1/chat/completions\n> last {"model":"qwen","messages":[]}')
  const inFlight = () => [world.endpoints[0].inFlight, helper.inFlight]
  expect(inFlight()).toEqual([1, 1])
  play(player, '> response headers')
  expect(inFlight()).toEqual([1, 1])
  play(player, '> response body x')
  expect(inFlight()).toEqual([1, 0])
  play(player, '> response body y\n> response last')
  expect(inFlight()).toEqual([0, 0])
  expect(started).toEqual([true])
})
