import { describe } from 'vitest'
import { conversation } from './script.ts'
import { onePool, routed } from './world.ts'

// What a decision knows of the body depends on how much of it has arrived: so in one piece.
const duplex = { ...onePool, mode: 'full duplex', arriving: ['in one piece'] } as const
const kept = { ...duplex, keepsContentLength: true } as const

describe('content-length', () => {
  conversation(
    'the whole body is known: set where it changes',
    duplex,
    `
    > headers POST /v1/chat/completions content-length=16
    > last {"model":"chat"}
    < headers ${routed('chat')} content-length=25 re-route
    < last {"model":"chat-large-v2"}
    `,
  )
  conversation(
    'the whole body is known: left alone where it does not',
    duplex,
    `
    > headers POST /v1/chat/completions content-length=17
    > last {"model":"gpt_a"}
    < headers ${routed('gpt_a')} re-route
    < last {"model":"gpt_b"}
    `,
  )
  conversation(
    'more is to come: removed, as later duplicates of the model may change the length',
    duplex,
    `
    > headers POST /v1/chat/completions content-length=22
    > body {"model":"qwen",
    < headers ${routed('qwen')} -content-length re-route
    < body {"model":"qwen",
    > last "a":1}
    < last "a":1}
    `,
  )
  conversation(
    'none was sent: none is set',
    duplex,
    `
    > headers POST /v1/chat/completions
    > last {"model":"chat"}
    < headers ${routed('chat')} -content-length re-route
    < last {"model":"chat-large-v2"}
    `,
  )
  conversation(
    'a body without a model keeps it',
    duplex,
    `
    > headers POST /v1/files content-length=7
    > last {"a":1}
    < headers x-gateway-destination-endpoint=10.0.0.1:8000 re-route
    < last {"a":1}
    `,
  )
  conversation(
    'streamed: as in full duplex',
    { ...duplex, mode: 'streamed' },
    `
    > headers POST /v1/chat/completions content-length=16
    > last {"model":"chat"}
    < headers ${routed('chat')} content-length=25 re-route
    < ack becomes {"model":"chat-large-v2"}
    `,
  )
})

describe('content-length, where Envoy keeps it', () => {
  conversation(
    'a name that may change: held to the end of the document, and set',
    kept,
    `
    > headers POST /v1/chat/completions content-length=30
    > body {"model":"chat","n":1,
    > body "model":2}
    < headers ${routed('chat')} content-length=53 re-route
    < body {"model":"chat-large-v2","n":1,"model":"chat-large-v2"}
    > last
    < last
    `,
  )
  conversation(
    'a name that stays, all of the body known: stays',
    kept,
    `
    > headers POST /v1/chat/completions content-length=16
    > last {"model":"qwen"}
    < headers ${routed('qwen')} re-route
    < last {"model":"qwen"}
    `,
  )
  conversation(
    'a name that stays, more to come: stays',
    kept,
    `
    > headers POST /v1/chat/completions content-length=31
    > body {"model":"qwen",
    < headers ${routed('qwen')} re-route
    < body {"model":"qwen",
    > last "model":"QWEN"}
    < last "model":"qwen"}
    `,
  )
  const tooLate = '< refused 400 model_invalid: "model" is given twice, with different values'
  conversation(
    'a duplicate of another length is refused, as the end of the body would shift',
    kept,
    `
    > headers POST /v1/chat/completions content-length=26
    > body {"model":"qwen",
    < headers ${routed('qwen')} re-route
    < body {"model":"qwen",
    > last "model":1}
    ${tooLate}
    `,
  )
  conversation(
    'even when the response has begun: Envoy cuts it',
    kept,
    `
    > headers POST /v1/chat/completions content-length=26
    > body {"model":"qwen",
    < headers ${routed('qwen')} re-route
    < body {"model":"qwen",
    > response headers
    < response headers
    > last "model":1}
    ${tooLate}
    > response body x
    `,
  )
  conversation(
    'even where nothing else is refused, and when it is no JSON',
    { mode: 'full duplex', keepsContentLength: true, arriving: ['in one piece'] },
    `
    > headers POST /v1/chat/completions content-length=29
    > body {"model":"qwen",
    < headers x-gateway-model-name=qwen re-route
    < body {"model":"qwen",
    > body "model":t
    < body "model":"qwen"
    > last GET /
    ${tooLate}
    `,
  )
  conversation(
    'too long to hold: removed',
    { ...kept, limits: { maxHeldBytes: 20 } },
    `
    > headers POST /v1/chat/completions content-length=26
    > body {"model":"chat",
    > body "a":
    < headers ${routed('chat')} -content-length re-route
    < body {"model":"chat-large-v2","a":
    > last [1,2]}
    < last [1,2]}
    `,
  )
})
