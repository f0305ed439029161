import { describe } from 'vitest'
import { conversation } from './script.ts'
import { onePool, routed } from './world.ts'

describe('buffered: the headers pass at once, the one answer to the body decides', () => {
  const world = { ...onePool, mode: 'buffered' } as const

  conversation(
    'a name that stays',
    world,
    `
    > headers POST /v1/chat/completions content-length=16
    < headers
    > last {"model":"qwen"}
    < ack ${routed('qwen')} re-route
    `,
  )
  conversation(
    'a new name: body and content-length change',
    world,
    `
    > headers POST /v1/chat/completions content-length=30
    < headers
    > last {"messages":[],"model":"chat"}
    < ack ${routed('chat')} content-length=39 re-route becomes {"messages":[],"model":"chat-large-v2"}
    `,
  )
  conversation(
    'trailers follow the body',
    world,
    `
    > headers POST /v1/chat/completions
    < headers
    > body {"model":"qwen"}
    < ack ${routed('qwen')} re-route
    > trailers
    < trailers
    `,
  )
  conversation(
    'no body',
    world,
    `
    > headers GET /v1/models end
    < headers x-gateway-destination-endpoint=10.0.0.1:8000 re-route
    `,
  )
  conversation(
    'half a document and trailers: refused, as it is all of it',
    world,
    `
    > headers POST /v1/chat/completions
    < headers
    > body {"model":"qwen"
    < refused 400 invalid_json: invalid JSON: the body ends in the middle of the document (byte 15)
    > trailers
    `,
  )
  conversation(
    'a body whose headers were not sent',
    world,
    `
    > last {"model":"chat"}
    < ack ${routed('chat')} content-length=25 re-route becomes {"model":"chat-large-v2"}
    `,
  )
})

describe('buffered in part: the same for the beginning of the body', () => {
  const world = { ...onePool, mode: 'buffered in part' } as const

  conversation(
    'a body that fits: Envoy drops the content-length itself',
    world,
    `
    > headers POST /v1/chat/completions content-length=16
    < headers
    > last {"model":"chat"}
    < ack ${routed('chat')} re-route becomes {"model":"chat-large-v2"}
    `,
  )
  conversation(
    'a body that is cut behind the model',
    world,
    `
    > headers POST /v1/chat/completions
    < headers
    > body {"model":"chat","messages":[
    < ack ${routed('chat')} re-route becomes {"model":"chat-large-v2","messages":[
    `,
  )
  conversation(
    'a body that is cut before the model',
    world,
    `
    > headers POST /v1/chat/completions
    < headers
    > body {"messages":["a
    < refused 413 model_too_late: "model" is not among the first 15 bytes of the body, which Envoy buffers: put it first, or raise Envoy's per_connection_buffer_limit_bytes
    > response headers
    `,
  )
  conversation(
    'a body that is cut, and its trailers',
    world,
    `
    > headers POST /v1/chat/completions
    < headers
    > body {"model":"qwen",
    < ack ${routed('qwen')} re-route
    > trailers
    < trailers
    `,
  )
  conversation(
    'a body that is whole but for its trailers, and has no model',
    world,
    `
    > headers POST /v1/chat/completions
    < headers
    > body {"messages":[]}
    < refused 400 model_missing: the body has no "model": name the model that shall answer
    `,
  )
  conversation(
    'a body that is whole but for its trailers',
    world,
    `
    > headers POST /v1/chat/completions
    < headers
    > body {"model":"qwen"}
    < ack ${routed('qwen')} re-route
    > trailers
    < trailers
    `,
  )
})

describe('headers only', () => {
  const world = { ...onePool, mode: 'headers only' } as const

  conversation(
    'a pool is chosen without a model',
    world,
    `
    > headers POST /v1/chat/completions content-length=16
    < headers x-gateway-destination-endpoint=10.0.0.1:8000 re-route
    > response headers
    < response headers
    `,
  )
  conversation(
    'trailers pass',
    world,
    `
    > headers POST /v1/chat/completions
    < headers x-gateway-destination-endpoint=10.0.0.1:8000 re-route
    > trailers
    < trailers
    `,
  )
})
