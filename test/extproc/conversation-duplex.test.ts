import { describe } from 'vitest'
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
    < headers ${routed('chat')} -content-length re-route
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
    < headers ${routed('assistant-of-the-house')} -content-length re-route
    < last {"messages":[],"model":"qwen"}
    `,
  )
  conversation(
    'a name of the same length',
    world,
    `
    > headers POST /v1/chat/completions
    > last {"a":[1,2],"model":"gpt_a","b":{}}
    < headers ${routed('gpt_a')} -content-length re-route
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
    world,
    `
    > headers POST /v1/rerank
    > body {"query":
    > body "x"}
    > trailers
    < headers x-gateway-destination-endpoint=10.0.0.1:8000 re-route
    < body {"query":"x"}
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
    'a half-close ends no body: Envoy has gone away',
    world,
    `
    > headers POST /v1/rerank
    > body {"query":
    > half-close
    `,
  )
  conversation(
    'without protocol_config, too',
    { ...world, mode: 'not said' },
    `
    > headers POST /v1/chat/completions
    > body {"model":"chat",
    < headers ${routed('chat')} -content-length re-route
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
