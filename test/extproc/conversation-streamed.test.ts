import { describe, expect } from 'vitest'
import { conversation } from './script.ts'
import { onePool, routed } from './world.ts'

describe('streamed without waiting: the same, but each chunk is acknowledged', () => {
  const world = { ...onePool, mode: 'streamed' } as const

  conversation(
    'model first',
    world,
    `
    > headers POST /v1/chat/completions
    > body {"model":"qwen",
    < headers ${routed('qwen')} re-route
    < ack
    > body "messages":
    < ack
    > last []}
    < ack
    `,
  )
  conversation(
    'model last: held chunks are acknowledged one by one',
    world,
    `
    > headers POST /v1/chat/completions
    > body {"messages":
    > body [],"model":"qw
    > last en"}
    < headers ${routed('qwen')} re-route
    < ack
    < ack
    < ack
    `,
  )
  conversation(
    'a new name: the chunks that hold the old one get new content',
    world,
    `
    > headers POST /v1/chat/completions
    > body {"a":1,
    > body "model":"ch
    > body at","b":2
    < headers ${routed('chat')} -content-length re-route
    < ack
    < ack becomes "model":"chat-large-v2"
    < ack becomes ,"b":2
    > last }
    < ack
    `,
  )
  conversation(
    'a chunk that lies within the old name becomes nothing',
    world,
    `
    > headers POST /v1/chat/completions
    > body {"model":"assistant
    > body -of-the-
    > body house"
    < headers ${routed('assistant-of-the-house')} -content-length re-route
    < ack becomes {"model":"qwen"
    < ack becomes nothing
    < ack becomes nothing
    > last }
    < ack
    `,
  )
  conversation(
    'an empty last chunk is a message like any other',
    world,
    `
    > headers POST /v1/chat/completions
    > body {"model":"qwen"}
    < headers ${routed('qwen')} re-route
    < ack
    > last
    < ack
    `,
  )
  conversation(
    'a body that ends with trailers ends with the half-close of Envoy',
    world,
    `
    > headers POST /v1/files
    > body {"messages":[]
    > body }
    > half-close
    < headers x-gateway-destination-endpoint=10.0.0.1:8000 re-route
    < ack
    < ack
    `,
  )
  conversation(
    'no half-close decides a request that has been answered without us',
    world,
    `
    > headers POST /v1/files
    > body {"messages":[]
    > response headers
    < response headers
    > half-close
    `,
  )
  conversation(
    'half-close after the answers brings nothing',
    world,
    `
    > headers POST /v1/chat/completions
    > last {"model":"qwen"}
    < headers ${routed('qwen')} re-route
    < ack
    > half-close
    `,
  )
  conversation(
    'trailers, when Envoy sends them',
    world,
    `
    > headers POST /v1/files
    > body {"messages":[]}
    > trailers
    < headers x-gateway-destination-endpoint=10.0.0.1:8000 re-route
    < ack
    < trailers
    `,
  )
})

describe('streamed, headers first: the body comes too late to route by', () => {
  const world = { ...onePool, mode: 'streamed, headers first' } as const

  conversation(
    'the headers go at once, chunks are acknowledged, and it is counted',
    world,
    `
    > headers POST /v1/chat/completions
    < headers x-gateway-destination-endpoint=10.0.0.1:8000 re-route
    > body {"model":"chat",
    < ack
    > last "messages":[]}
    < ack
    `,
    ({ unroutable }) => expect(unroutable).toBe(1),
  )
  conversation(
    'a request without a body is none of that kind',
    world,
    `
    > headers GET /v1/models end
    < headers x-gateway-destination-endpoint=10.0.0.1:8000 re-route
    `,
    ({ unroutable }) => expect(unroutable).toBe(0),
  )
  conversation(
    'trailers pass',
    world,
    `
    > headers POST /v1/chat/completions
    < headers x-gateway-destination-endpoint=10.0.0.1:8000 re-route
    > body {"model":
    < ack
    > trailers
    < trailers
    `,
  )
})
