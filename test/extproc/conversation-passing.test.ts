import { describe, expect } from 'vitest'
import { conversation } from './script.ts'
import { onePool, routed } from './world.ts'

const duplex = { ...onePool, mode: 'full duplex' } as const
const bodyRouter = { mode: 'full duplex', baseModels: { 'qwen-lora': 'qwen', qwen: 'qwen' } } as const
const twoPools = { ...duplex, pools: { ...onePool.pools, 'default/other': ['10.0.0.9:8000'] } } as const

describe('other paths', () => {
  conversation(
    'JSON with a model is routed by it',
    duplex,
    `
    > headers POST /v1/rerank content-type=application/json
    > last {"model":"chat"}
    < headers ${routed('chat')} -content-length re-route
    < last {"model":"chat-large-v2"}
    `,
  )
  const passing: [name: string, contentType: string, body: string][] = [
    ['JSON without a model', 'application/json', '{"query":"x"}'],
    ['a model that is no string', 'application/json', '{"model":{"id":1}}'],
    ['no JSON, whatever its type says', 'application/json', 'query=x'],
    ['half a document', 'application/json', '{"model'],
  ]
  for (const [name, type, body] of passing) {
    conversation(
      `${name}: passes as it is, without the header`,
      twoPools,
      `
      > headers POST /v1/rerank content-type=${type} x-gateway-model-name=qwen
      > last ${body}
      < headers -x-gateway-model-name re-route
      < last ${body}
      `,
    )
  }
  conversation(
    'what turns out to be no JSON is not waited for',
    twoPools,
    `
    > headers POST /v1/rerank
    > body query
    < headers
    < body query
    > last =x
    < last =x
    `,
  )
  conversation(
    'another type than JSON is not waited for',
    twoPools,
    `
    > headers POST /v1/files content-type=multipart/form-data;boundary=x
    < headers
    > body --x
    < body --x
    > last --x--
    < last --x--
    `,
  )
  conversation(
    'compressed: the same',
    twoPools,
    `
    > headers POST /v1/rerank content-type=application/json content-encoding=gzip
    < headers
    > last zzz
    < last zzz
    `,
  )
  conversation(
    'buffered: the same',
    { ...twoPools, mode: 'buffered' },
    `
    > headers POST /v1/files content-type=multipart/form-data;boundary=x
    < headers
    > last --x--
    < ack
    `,
  )
  conversation(
    'the document goes wrong behind a model that has been decided: passes as it is',
    twoPools,
    `
    > headers POST /v1/rerank
    > body {"model":"qwen",
    < headers ${routed('qwen')} re-route
    < body {"model":"qwen",
    > last "a":x}
    < last "a":x}
    `,
  )
})

describe('a body router, which has no pools, names the model and refuses nothing', () => {
  conversation(
    'a model',
    bodyRouter,
    `
    > headers POST /v1/chat/completions
    > body {"model":"llama","messages":[
    < headers x-gateway-model-name=llama re-route
    < body {"model":"llama","messages":[
    > last ]}
    < last ]}
    `,
    ({ decided }) => expect(decided).toEqual(['llama → no pool/as it is']),
  )
  conversation(
    'an adapter',
    bodyRouter,
    `
    > headers POST /v1/chat/completions
    > last {"model":"qwen-lora"}
    < headers x-gateway-model-name=qwen-lora x-gateway-base-model-name=qwen re-route
    < last {"model":"qwen-lora"}
    `,
  )
  for (const body of ['', 'no JSON', '{}', '{"model":""}', '{"model":1}', '["model"]', '{"model":"x', '{"a":1}}']) {
    conversation(
      `passes: ${body === '' ? 'an empty body' : body}`,
      bodyRouter,
      `
      > headers POST /v1/chat/completions
      > last ${body}
      < headers
      < last ${body}
      `,
    )
  }
  conversation(
    'passes: a compressed body',
    bodyRouter,
    `
    > headers POST /v1/chat/completions content-encoding=compress
    < headers
    > last zzz
    < last zzz
    `,
  )
  conversation(
    'a later model that goes wrong: no byte behind it is lost',
    bodyRouter,
    `
    > headers POST /v1/chat/completions
    > body {"model":"llama",
    < headers x-gateway-model-name=llama re-route
    < body {"model":"llama",
    > body "model":tru
    < body "model":"llama"
    > last th,"a":1}
    < last th,"a":1}
    `,
  )
})

describe('headers that only the gateway may set', () => {
  conversation(
    "a client's are removed, or replaced",
    bodyRouter,
    `
    > headers POST /v1/chat/completions X-Gateway-Model-Name=a x-gateway-base-model-name=b x-gateway-destination-endpoint=10.6.6.6:80 x-prefiller-host-port=c
    > last {"model":"llama"}
    < headers x-gateway-model-name=llama -x-gateway-base-model-name -x-gateway-destination-endpoint -x-prefiller-host-port re-route
    < last {"model":"llama"}
    `,
  )
  conversation(
    'a model with the name of a header saves none of them',
    bodyRouter,
    `
    > headers POST /v1/chat/completions x-gateway-destination-endpoint=10.6.6.6:80
    > last {"model":"x-gateway-destination-endpoint"}
    < headers x-gateway-model-name=x-gateway-destination-endpoint -x-gateway-destination-endpoint re-route
    < last {"model":"x-gateway-destination-endpoint"}
    `,
  )
  conversation(
    'no route that they chose is kept',
    twoPools,
    `
    > headers GET /v1/models x-gateway-model-name=qwen end
    < headers -x-gateway-model-name re-route
    `,
  )
  conversation(
    'nor in buffered mode',
    { ...twoPools, mode: 'buffered' },
    `
    > headers POST /v1/rerank x-gateway-model-name=qwen
    < headers -x-gateway-model-name re-route
    > last {"query":1}
    < ack -x-gateway-model-name re-route
    `,
  )
  conversation(
    'what is meant for Signalbox goes no further',
    duplex,
    `
    > headers POST /v1/chat/completions x-gateway-inference-objective=batch x-slo-ttft-ms=100 x-llm-d-slo-tpot-ms=20
    > last {"model":"qwen"}
    < headers ${routed('qwen')} -x-gateway-inference-objective -x-slo-ttft-ms -x-llm-d-slo-tpot-ms re-route
    < last {"model":"qwen"}
    `,
  )
})
