import { describe, expect, test } from 'vitest'
import { bodyMessage, headersMessage, Player } from './play.ts'
import { conversation, describeAnswer, messageOf } from './script.ts'
import { createWorld, onePool, routed } from './world.ts'

const duplex = { ...onePool, mode: 'full duplex' } as const

describe('the largest body', () => {
  const limits = { maxBodyBytes: 20 }

  for (const mode of ['full duplex', 'streamed', 'streamed, headers first', 'buffered', 'headers only'] as const) {
    conversation(
      `declared, ${mode}`,
      { ...onePool, mode, limits },
      `
      > headers POST /v1/chat/completions content-length=21
      < refused 413 body_too_large: the body may have 20 bytes (--max-body-bytes); the request declares 21 bytes
      > last {"model":"qwen","a":1}
      `,
    )
  }
  conversation(
    'declared, where models are only named, on any path',
    { mode: 'full duplex', limits },
    `
    > headers POST /upload content-length=21
    < refused 413 body_too_large: the body may have 20 bytes (--max-body-bytes); the request declares 21 bytes
    `,
  )
  conversation(
    'reached and not crossed',
    { ...duplex, limits, arriving: ['in one piece'] },
    `
    > headers POST /v1/chat/completions content-length=20
    > last {"model":"qwen"    }
    < headers ${routed('qwen')} re-route
    < last {"model":"qwen"    }
    `,
  )
  conversation(
    'counted before the decision',
    { ...duplex, limits, arriving: ['in one piece'] },
    `
    > headers POST /v1/chat/completions
    > body {"messages":[
    > body 1,2,3,4,
    < refused 413 body_too_large: the body may have 20 bytes (--max-body-bytes); 21 have arrived and there are more
    > last "model":"qwen"}
    `,
  )
  conversation(
    'counted after the decision',
    { ...duplex, limits },
    `
    > headers POST /v1/chat/completions
    > body {"model":"qwen","":[
    < headers ${routed('qwen')} re-route
    < body {"model":"qwen","":[
    > body 1
    < refused 413 body_too_large: the body may have 20 bytes (--max-body-bytes); 21 have arrived and there are more
    `,
    ({ refused }) => expect(refused).toEqual(['body_too_large']),
  )
  conversation(
    'of what is not read for a model, too',
    { ...duplex, limits, arriving: ['in one piece'] },
    `
    > headers POST /v1/files content-type=multipart/form-data
    < headers x-gateway-destination-endpoint=10.0.0.1:8000 re-route
    > body 123456789012345678901
    < refused 413 body_too_large: the body may have 20 bytes (--max-body-bytes); 21 have arrived and there are more
    `,
  )
  conversation(
    'once the response has begun it is late for that',
    { ...duplex, limits },
    `
    > headers POST /v1/chat/completions
    > body {"model":"qwen","":[
    < headers ${routed('qwen')} re-route
    < body {"model":"qwen","":[
    > response headers
    < response headers
    > last 1,2,3]}
    < last 1,2,3]}
    `,
  )
})

describe('bytes held while the model is unknown', () => {
  conversation(
    'full duplex',
    { ...duplex, limits: { maxHeldBytes: 16 } },
    `
    > headers POST /v1/chat/completions
    > body {"messages":[1
    > body ,2
    < refused 413 model_too_late: "model" is not among the first 16 bytes of the body: put it first, or raise --max-held-bytes
    > last ],"model":"qwen"}
    `,
  )
  conversation(
    'the model in the byte before the limit',
    { ...duplex, limits: { maxHeldBytes: 16 } },
    `
    > headers POST /v1/chat/completions
    > body { "model":"qwen"
    < headers ${routed('qwen')} re-route
    < body { "model":"qwen"
    > last }
    < last }
    `,
  )
  conversation(
    'streamed: names the setting, and the one of Envoy that it has to be below',
    { ...onePool, mode: 'streamed', limits: { streamedHoldBytes: 16 } },
    `
    > headers POST /v1/chat/completions
    > body {"messages":[1
    > body ,2
    < refused 413 model_too_late: "model" is not among the first 16 bytes of the body: put it first, or raise --streamed-hold-bytes (below Envoy's per_connection_buffer_limit_bytes), or use FULL_DUPLEX_STREAMED
    `,
  )
  conversation(
    'streamed: the smaller one counts',
    { ...onePool, mode: 'streamed', limits: { maxHeldBytes: 8, streamedHoldBytes: 16 } },
    `
    > headers POST /v1/chat/completions
    > body {"messag
    < refused 413 model_too_late: "model" is not among the first 8 bytes of the body: put it first, or raise --max-held-bytes
    `,
  )
  conversation(
    'where models are only named, the request goes on without its model',
    { mode: 'streamed', limits: { streamedHoldBytes: 16 } },
    `
    > headers POST /v1/chat/completions
    > body {"messages":[1
    > body ,2
    < headers
    < ack
    < ack
    > last ],"model":"qwen"}
    < ack
    `,
  )
  conversation(
    'a model that waits for its user is decided by chance at the limit',
    {
      ...duplex,
      limits: { maxHeldBytes: 20 },
      models: { qwen: { pool: 'default/qwen-pool', targets: { a: 1, b: 1 }, stickyBy: { kind: 'user' } } },
      random: () => 0.9,
    },
    `
    > headers POST /v1/chat/completions
    > body {"model":"qwen",
    > body "a":
    < headers ${routed('qwen')} -content-length re-route
    < body {"model":"b","a":
    > last 1,"user":"u1"}
    < last 1,"user":"u1"}
    `,
  )
})

describe('buffered, a body that is longer than any other message may be', () => {
  const frameBytes = 16 * 1024
  const inFrames = (bytes: Buffer) =>
    Array.from({ length: Math.ceil(bytes.length / frameBytes) }, (_, i) =>
      bytes.subarray(i * frameBytes, (i + 1) * frameBytes),
    )
  const open = () => {
    const player = new Player(createWorld({ ...onePool, limits: { maxBodyBytes: 100 } }), 'buffered', inFrames)
    player.send(headersMessage({ ':method': 'POST', ':path': '/v1/chat/completions' }))
    return player
  }
  const text = 'x'.repeat(3 * 2 ** 20)

  test('of a request is refused as one that is too large', () => {
    const [refusal] = open().send(bodyMessage(`{"model":"qwen","messages":["${text}"]}`, true))
    expect(describeAnswer(refusal)).toMatch(/^refused 413 body_too_large: /)
  })
  test('of a response goes on, with its model restored', () => {
    const player = open()
    player.send(bodyMessage('{"model":"chat","messages":["x"]}', true))
    player.send(messageOf('response headers content-type=application/json'))
    const [answer] = player.send(messageOf(`response last {"model":"chat-large-v2","text":"${text}"}`))
    expect(answer.response_body?.response?.body_mutation?.body?.toString()).toBe(`{"model":"chat","text":"${text}"}`)
  })
})
