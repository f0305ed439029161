import { describe } from 'vitest'
import { conversation } from './script.ts'
import { onePool, routed } from './world.ts'

/** Envoy leaves out the phases that its filter is told to skip. An answer to what was not sent would fail the request. */
describe('a stream that begins with', () => {
  conversation(
    'request_body, full duplex: all of it comes back, with the name that its target has',
    { ...onePool, mode: 'full duplex' },
    `
    > body {"model":
    > body "chat","a":
    < body {"model":"chat-large-v2","a":
    > last 1}
    < last 1}
    `,
  )
  conversation(
    'request_body, streamed: acknowledged',
    { ...onePool, mode: 'streamed' },
    `
    > body {"model":
    > last "chat"}
    < ack
    < ack becomes "chat-large-v2"}
    `,
  )
  conversation(
    'request_body, streamed, headers first: acknowledged as it comes',
    { ...onePool, mode: 'streamed, headers first' },
    `
    > body {"model":
    < ack
    > last "chat"}
    < ack
    `,
  )
  conversation(
    'request_body, buffered: routed, as the headers wait for the body',
    { ...onePool, mode: 'buffered' },
    `
    > last {"model":"qwen"}
    < ack ${routed('qwen')} re-route
    `,
  )
  conversation(
    'request_body that is no JSON, buffered: refused like any other',
    { ...onePool, mode: 'buffered' },
    `
    > last model=qwen
    < refused 400 invalid_json: invalid JSON: expected a value, found "m" (byte 0)
    `,
  )
  conversation(
    'request_trailers',
    { ...onePool, mode: 'headers only' },
    `
    > trailers
    < trailers
    `,
  )
  conversation(
    'response_headers',
    { ...onePool, mode: 'full duplex' },
    `
    > response headers
    < response headers
    > response body {"choices":
    < response body {"choices":
    > response last []}
    < response last []}
    `,
  )
  conversation(
    'response_body',
    { ...onePool, mode: 'streamed' },
    `
    > response body data: [DONE]
    < response ack
    > response last
    < response ack
    > half-close
    `,
  )
  conversation(
    'response_trailers',
    { ...onePool, mode: 'full duplex' },
    `
    > response trailers
    < response trailers
    `,
  )
})

describe('the response phase', () => {
  const request = `
    > headers POST /v1/chat/completions
    > last {"model":"qwen"}
    < headers ${routed('qwen')} re-route`

  conversation(
    'full duplex: bytes come back, trailers end them',
    { ...onePool, mode: 'full duplex' },
    `${request}
    < last {"model":"qwen"}
    > response headers
    < response headers
    > response body data: {"choices":[]}
    < response body data: {"choices":[]}
    > response body
    > response body data: [DONE]
    < response body data: [DONE]
    > response trailers
    < response trailers
    `,
  )
  conversation(
    'streamed: each chunk is acknowledged',
    { ...onePool, mode: 'streamed' },
    `${request}
    < ack
    > response headers
    < response headers
    > response body data: {"choices":[]}
    < response ack
    > response last
    < response ack
    `,
  )
  conversation(
    'buffered: the body is acknowledged',
    { ...onePool, mode: 'buffered' },
    `
    > headers POST /v1/chat/completions
    < headers
    > last {"model":"qwen"}
    < ack ${routed('qwen')} re-route
    > response headers
    < response headers
    > response last {"choices":[]}
    < response ack
    > response trailers
    < response trailers
    `,
  )
  conversation(
    'an answer that begins before the request has ended: both go on',
    { ...onePool, mode: 'full duplex' },
    `
    > headers POST /v1/chat/completions
    > body {"model":"qwen",
    < headers ${routed('qwen')} re-route
    < body {"model":"qwen",
    > response headers
    < response headers
    > body "a":1
    < body "a":1
    > response last no
    < response last no
    > last }
    < last }
    `,
  )
})
