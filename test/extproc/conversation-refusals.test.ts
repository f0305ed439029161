import { describe, expect } from 'vitest'
import { conversation } from './script.ts'
import { onePool, routed } from './world.ts'

const duplex = { ...onePool, mode: 'full duplex' } as const

describe('a refusal is the last word', () => {
  conversation(
    'at the headers',
    duplex,
    `
    > headers POST /v1/chat/completions content-encoding=compress
    < refused 415 unsupported_encoding: the body is encoded as "compress", which cannot be read for its model: send it without Content-Encoding
    > body {"model":"qwen"}
    > trailers
    > response headers
    > response body x
    > response trailers
    > half-close
    `,
    ({ refused, decided }) => {
      expect(refused).toEqual(['unsupported_encoding'])
      expect(decided).toEqual([])
    },
  )
  conversation(
    'in the middle of the body',
    duplex,
    `
    > headers POST /v1/chat/completions
    > body {"messages":[]
    > body ;
    < refused 400 invalid_json: invalid JSON: expected "," or "}", found ";" (byte 14)
    > last "model":"qwen"}
    > response headers
    `,
  )
  conversation(
    'at the end of the body',
    duplex,
    `
    > headers POST /v1/chat/completions
    > body {"messages":[]
    > last }
    < refused 400 model_missing: the body has no "model": name the model that shall answer
    > response headers
    `,
  )
  conversation(
    'at the trailers',
    duplex,
    `
    > headers POST /v1/chat/completions
    > body {"model":
    > trailers
    < refused 400 invalid_json: invalid JSON: the body ends in the middle of the document (byte 9)
    `,
  )
  conversation(
    'at the half-close, streamed',
    { ...onePool, mode: 'streamed' },
    `
    > headers POST /v1/chat/completions
    > body {"model":
    > half-close
    < refused 400 invalid_json: invalid JSON: the body ends in the middle of the document (byte 9)
    `,
  )
  conversation(
    'in the answer to a whole body',
    { ...onePool, mode: 'buffered' },
    `
    > headers POST /v1/chat/completions
    < headers
    > last {}
    < refused 400 model_missing: the body has no "model": name the model that shall answer
    > response headers
    `,
  )
  conversation(
    'after the decision, as long as no response has begun',
    duplex,
    `
    > headers POST /v1/chat/completions
    > body {"model":"qwen",
    < headers ${routed('qwen')} re-route
    < body {"model":"qwen",
    > body "a":1]
    < refused 400 invalid_json: invalid JSON: expected "," or "}", found "]" (byte 21)
    > last }
    `,
    ({ refused }) => expect(refused).toEqual(['invalid_json']),
  )
  conversation(
    'not once the response has begun',
    duplex,
    `
    > headers POST /v1/chat/completions
    > body {"model":"qwen",
    < headers ${routed('qwen')} re-route
    < body {"model":"qwen",
    > response headers
    < response headers
    > body "a":1]
    < body "a":1]
    > last
    < last
    `,
  )
})

describe('what an inference path demands, where there are pools', () => {
  const cases: [name: string, body: string, refusal: string][] = [
    ['no JSON', 'model=qwen', '400 invalid_json: invalid JSON: expected a value, found "m" (byte 0)'],
    ['no object', '["model"]', '400 model_missing: the body has no "model": name the model that shall answer'],
    [
      'no model',
      '{"a":{"model":"qwen"}}',
      '400 model_missing: the body has no "model": name the model that shall answer',
    ],
    ['an empty model', '{"model":""}', '400 model_missing: the body has no "model": name the model that shall answer'],
    ['a number', '{"model":7}', '400 model_invalid: "model" must be a string, found a number (byte 9)'],
    ['null', '{"model":null}', '400 model_invalid: "model" must be a string, found null (byte 9)'],
    ['a list', '{"model":["qwen"]}', '400 model_invalid: "model" must be a string, found an array (byte 9)'],
    [
      'a control character',
      '{"model":"q\\u0000"}',
      '400 model_invalid: "model" contains a control character (byte 17)',
    ],
  ]
  for (const [name, body, refusal] of cases) {
    conversation(name, duplex, `> headers POST /v1/embeddings\n> last ${body}\n< refused ${refusal}`)
  }
  conversation(
    'what is missing counts more than what is behind it',
    { ...duplex, arriving: ['in one piece'] },
    `
    > headers POST /v1/chat/completions
    > last {"model":3,"model":"qwen"
    < refused 400 model_invalid: "model" must be a string, found a number (byte 9)
    `,
  )
  conversation(
    'a form as its content type is taken for what it is: curl -d',
    duplex,
    `
    > headers POST /v1/chat/completions content-type=application/x-www-form-urlencoded
    > last {"model":"qwen"}
    < headers ${routed('qwen')} re-route
    < last {"model":"qwen"}
    `,
  )
})

describe('unknown models', () => {
  const reject = { ...duplex, rejectsUnknownModels: true } as const

  conversation(
    'rejected, with the name that was probably meant',
    reject,
    `
    > headers POST /v1/chat/completions
    > last {"model":"qwne"}
    < refused 404 model_not_found: the model "qwne" is not served here; did you mean "qwen"?
    `,
  )
  conversation(
    'rejected as soon as the name is read',
    reject,
    `
    > headers POST /v1/chat/completions
    > body {"model":"llama","messages":[
    < refused 404 model_not_found: the model "llama" is not served here
    > last ]}
    `,
  )
  conversation(
    'left to the only pool otherwise',
    duplex,
    `
    > headers POST /v1/chat/completions
    > last {"model":"llama"}
    < headers ${routed('llama')} re-route
    < last {"model":"llama"}
    `,
  )
  conversation(
    'left to the routes where there are several pools',
    { ...duplex, pools: { ...onePool.pools, 'default/other': ['10.0.0.9:8000'] } },
    `
    > headers POST /v1/chat/completions
    > last {"model":"llama"}
    < headers x-gateway-model-name=llama re-route
    < last {"model":"llama"}
    `,
  )
  conversation(
    'a body without a model elsewhere is none',
    reject,
    `
    > headers POST /v1/rerank
    > last {"query":"x"}
    < headers x-gateway-destination-endpoint=10.0.0.1:8000 re-route
    < last {"query":"x"}
    `,
  )
})

describe('no endpoint', () => {
  conversation(
    'an empty pool',
    { ...duplex, pools: { 'default/qwen-pool': [] } },
    `
    > headers POST /v1/chat/completions
    > body {"model":"qwen","messages":[
    < refused 503 no_endpoint: InferencePool default/qwen-pool has no ready endpoint x-llm-d-request-dropped-reason=rejected-no-endpoints
    > last ]}
    `,
  )
})
