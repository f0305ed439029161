import { describe, expect } from 'vitest'
import { conversation } from './script.ts'
import { onePool, routed } from './world.ts'

describe('full duplex: the headers wait for the model, all bytes come back', () => {
  const world = { ...onePool, mode: 'full duplex' } as const

  conversation(
    'model first: decided with the first chunk, later ones pass',
    world,
    `
    > headers POST /v1/chat/completions
    > body {"model":"qwen","messages":[{"role":"user",
    < headers ${routed('qwen')} re-route
    < body {"model":"qwen","messages":[{"role":"user",
    > body "content":"who are
    < body "content":"who are
    > last you?"}]}
    < last you?"}]}
    `,
  )
  conversation(
    'model in the middle: what came before it is held',
    world,
    `
    > headers POST /v1/chat/completions
    > body {"temperature":0,
    > body "model":"qwen","messages":[
    < headers ${routed('qwen')} re-route
    < body {"temperature":0,"model":"qwen","messages":[
    > last ]}
    < last ]}
    `,
  )
  conversation(
    'model last: everything is held',
    world,
    `
    > headers POST /v1/chat/completions
    > body {"messages":[{"model":"not this one",
    > body "content":"\\"model\\":\\"nor this\\""}],
    > body "model":"qw
    > last en"}
    < headers ${routed('qwen')} re-route
    < last {"messages":[{"model":"not this one","content":"\\"model\\":\\"nor this\\""}],"model":"qwen"}
    `,
  )
  conversation(
    'a body in one chunk',
    world,
    `
    > headers POST /v1/chat/completions
    > last {"model":"qwen"}
    < headers ${routed('qwen')} re-route
    < last {"model":"qwen"}
    `,
  )
  conversation(
    'the end in an empty chunk of its own',
    world,
    `
    > headers POST /v1/chat/completions
    > body {"model":"qwen"}
    < headers ${routed('qwen')} re-route
    < body {"model":"qwen"}
    > last
    < last
    `,
  )
  conversation(
    'empty chunks in between bring nothing',
    world,
    `
    > headers POST /v1/chat/completions
    > body
    > body {"model":"qwen"
    < headers ${routed('qwen')} re-route
    < body {"model":"qwen"
    > body
    > last }
    < last }
    `,
  )
  conversation(
    'a longer name',
    world,
    `
    > headers POST /v1/chat/completions
    > body {"model" : "ch
    > body at" ,"a":1
    < headers ${routed('chat')} re-route
    < body {"model" : "chat-large-v2" ,"a":1
    > last }
    < last }
    `,
  )
  conversation(
    'a shorter name, last in the body',
    world,
    `
    > headers POST /v1/chat/completions
    > body {"messages":[],"model":"assistant-of-
    > last the-house"}
    < headers ${routed('assistant-of-the-house')} re-route
    < last {"messages":[],"model":"qwen"}
    `,
  )
  conversation(
    'a name of the same length',
    world,
    `
    > headers POST /v1/chat/completions
    > last {"a":[1,2],"model":"gpt_a","b":{}}
    < headers ${routed('gpt_a')} re-route
    < last {"a":[1,2],"model":"gpt_b","b":{}}
    `,
  )
  conversation(
    'escapes in key and value: the value as it was written stays when the name stays',
    world,
    `
    > headers POST /v1/chat/completions
    > last {"mod\\u0065l":"q\\u0077en"}
    < headers ${routed('qwen')} re-route
    < last {"mod\\u0065l":"q\\u0077en"}
    `,
  )
  conversation(
    'trailers end the body: no chunk has end_of_stream',
    world,
    `
    > headers POST /v1/chat/completions
    > body {"messages":[],
    > body "model":"qwen"}
    < headers ${routed('qwen')} re-route
    < body {"messages":[],"model":"qwen"}
    > trailers
    < trailers
    `,
  )
  conversation(
    'trailers decide what the body left open',
    {
      ...world,
      models: {
        ...onePool.models,
        qwen: { ...onePool.models.qwen, targets: { a: 1, b: 1 }, stickyBy: { kind: 'user' } },
      },
    },
    `
    > headers POST /v1/chat/completions
    > body {"model":"qwen",
    > body "messages":[]
    > body }
    < headers ${routed('qwen')} re-route
    < body {"model":"b","messages":[]}
    > trailers
    < trailers
    `,
  )
  conversation(
    'trailers without a body',
    world,
    `
    > headers GET /v1/models
    > trailers
    < headers x-gateway-destination-endpoint=10.0.0.1:8000 re-route
    < trailers
    `,
  )
  conversation(
    'without protocol_config, too',
    { ...world, mode: 'not said' },
    `
    > headers POST /v1/chat/completions
    > body {"model":"chat",
    < headers ${routed('chat')} re-route
    < body {"model":"chat-large-v2",
    > last "messages":[]}
    < last "messages":[]}
    > response headers
    < response headers
    > response last {}
    < response last {}
    `,
  )
  conversation(
    'Expect: 100-continue makes no difference',
    world,
    `
    > headers POST /v1/chat/completions expect=100-continue
    > last {"model":"qwen"}
    < headers ${routed('qwen')} re-route
    < last {"model":"qwen"}
    `,
  )
})

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
    < headers ${routed('chat')} re-route
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
    < headers ${routed('assistant-of-the-house')} re-route
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
