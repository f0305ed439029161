import { describe } from 'vitest'
import type { BodyMode } from './play.ts'
import { conversation } from './script.ts'
import { onePool, routed } from './world.ts'

const endpointOnly = 'x-gateway-destination-endpoint=10.0.0.1:8000'
const duplex = { ...onePool, mode: 'full duplex' } as const

describe.each(['full duplex', 'streamed', 'streamed, headers first', 'buffered', 'buffered in part', 'headers only'])(
  'answered at the headers, %s',
  (mode) => {
    const world = { ...onePool, mode: mode as BodyMode }
    const requests = [
      'GET /v1/models end',
      'HEAD /v1/models end',
      'OPTIONS /v1/chat/completions end',
      'DELETE /v1/files/1 end',
      'POST /v1/fine_tuning/jobs/1/cancel content-length=0 end',
      'GET /v1/realtime upgrade=websocket connection=Upgrade',
      'CONNECT /v1/realtime',
    ]
    for (const request of requests) {
      conversation(request, world, `> headers ${request}\n< headers ${endpointOnly} re-route`)
    }
  },
)

describe('upgraded connections in full duplex', () => {
  conversation(
    'what the client says then passes, and is no JSON body',
    duplex,
    `
    > headers GET /v1/chat/completions upgrade=websocket
    < headers ${endpointOnly} re-route
    > response headers
    < response headers
    > body hello
    < body hello
    > response body hello yourself
    < response body hello yourself
    > last bye
    < last bye
    `,
  )
  conversation(
    'the limit of a body is not one of a connection',
    { ...duplex, limits: { maxBodyBytes: 8 } },
    `
    > headers GET /v1/realtime upgrade=websocket
    < headers ${endpointOnly} re-route
    > body 12345678
    < body 12345678
    > body 9
    < body 9
    `,
  )
  conversation(
    'a POST that offers h2c has a body like any other',
    duplex,
    `
    > headers POST /v1/chat/completions upgrade=h2c connection=Upgrade,HTTP2-Settings
    > last {"model":"qwen"}
    < headers ${routed('qwen')} re-route
    < last {"model":"qwen"}
    `,
  )
})

describe('an inference path without its body', () => {
  conversation(
    'POST: refused, as it names no model',
    duplex,
    `
    > headers POST /v1/chat/completions content-length=0 end
    < refused 400 model_missing: the request has no body, so no "model"
    `,
  )
  conversation(
    'POST, where the server only names models: passes',
    { mode: 'full duplex' },
    `
    > headers POST /v1/chat/completions content-length=0 end
    < headers
    `,
  )
  conversation(
    'GET: passes',
    duplex,
    `
    > headers GET /v1/chat/completions?limit=20 end
    < headers ${endpointOnly} re-route
    `,
  )
  conversation(
    'an empty chunk is an empty body',
    duplex,
    `
    > headers POST /v1/chat/completions
    > last
    < refused 400 invalid_json: invalid JSON: the body is empty (byte 0)
    `,
  )
})

describe('more pools than one', () => {
  const twoPools = {
    mode: 'full duplex',
    pools: { 'default/a': ['10.0.0.1:8000'], 'default/b': ['10.0.0.2:8000', '10.0.0.3:8000'], 'default/c': [] },
    models: { a: { pool: 'default/a', targets: { a: 1 } }, c: { pool: 'default/c', targets: { c: 1 } } },
  } as const

  conversation(
    'no model, no pool: the route decides',
    twoPools,
    `
    > headers GET /v1/models end
    < headers
    `,
  )
  conversation(
    'the pool that the stream names',
    { ...twoPools, poolHint: 'default/b' },
    `
    > headers GET /v1/models end
    < headers x-gateway-destination-endpoint=10.0.0.2:8000,10.0.0.3:8000 re-route
    `,
  )
  conversation(
    'the stream names one that is not here',
    { ...twoPools, poolHint: 'default/z' },
    `
    > headers GET /v1/models end
    < refused 503 pool_not_found: no InferencePool default/z is served here (gRPC metadata x-inference-pool)
    `,
  )
  conversation(
    'the stream names one without endpoints',
    { ...twoPools, poolHint: 'default/c' },
    `
    > headers GET /v1/models end
    < refused 503 no_endpoint: InferencePool default/c has no ready endpoint x-llm-d-request-dropped-reason=rejected-no-endpoints
    `,
  )
})
