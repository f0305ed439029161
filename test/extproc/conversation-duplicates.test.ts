import { describe, expect, test } from 'vitest'
import { type BodyMode, bodyMessage, feeds, headersMessage, Player } from './play.ts'
import { conversation } from './script.ts'
import { createWorld, onePool, routed } from './world.ts'

const json = ['"other"', '""', '"q\\u0077en"', '"qwen"', '1', '-1.5e3', 'true', 'null', '{"model":[1]}', '["a","b"]']

describe('every later "model" becomes the first one\'s final value', () => {
  conversation(
    'in the chunk of the decision and after it',
    { ...onePool, mode: 'full duplex' },
    `
    > headers POST /v1/chat/completions
    > body {"model":"qwen","model":"deepseek-r1"
    < headers ${routed('qwen')} re-route
    < body {"model":"qwen","model":"qwen"
    > last ,"mod\\u0065l":{"a":[1]}}
    < last ,"mod\\u0065l":"qwen"}
    `,
  )
  conversation(
    'in whatever letters, as some servers read them',
    { ...onePool, mode: 'full duplex' },
    `
    > headers POST /v1/chat/completions
    > last {"Model":1,"model":"chat","Model":"other","a":{"MODEL":2},"\\u004dodeL":null,"models":3}
    < headers ${routed('chat')} -content-length re-route
    < last {"Model":1,"model":"chat-large-v2","Model":"chat-large-v2","a":{"MODEL":2},"\\u004dodeL":"chat-large-v2","models":3}
    `,
  )
  conversation(
    'nested ones are none of ours',
    { ...onePool, mode: 'full duplex' },
    `
    > headers POST /v1/chat/completions
    > last {"model":"chat","a":{"model":1},"b":[{"model":2}],"model ":3,"modem":4}
    < headers ${routed('chat')} -content-length re-route
    < last {"model":"chat-large-v2","a":{"model":1},"b":[{"model":2}],"model ":3,"modem":4}
    `,
  )
  conversation(
    'buffered, with the length that comes of it',
    { ...onePool, mode: 'buffered' },
    `
    > headers POST /v1/chat/completions content-length=36
    < headers
    > last {"model":"chat","model":[1,2,3]}
    < ack ${routed('chat')} content-length=49 re-route becomes {"model":"chat-large-v2","model":"chat-large-v2"}
    `,
  )

  test.each(['full duplex', 'streamed'] satisfies BodyMode[])('%s: of any JSON type, cut anywhere', (mode) => {
    for (const [model, target] of [
      ['qwen', 'qwen'],
      ['chat', 'chat-large-v2'],
    ]) {
      for (const value of json) {
        const sent = `{"model":"${model}","model" : ${value} ,"n":1,"model":${value}}`
        const wanted = `{"model":"${target}","model" : "${target}" ,"n":1,"model":"${target}"}`
        // "qwen" spelled otherwise is replaced as well: the same value, in the bytes of the literal.
        for (let cut = 0; cut <= sent.length; cut++) {
          expect(bodyThrough(mode, [sent.slice(0, cut), sent.slice(cut)]), `cut at ${cut} of ${sent}`).toBe(wanted)
        }
        expect(bodyThrough(mode, [...sent])).toBe(wanted)
      }
    }
  })
})

/** The body that a model server gets when it is sent in these chunks. */
function bodyThrough(mode: BodyMode, chunks: readonly string[]): string {
  const player = new Player(createWorld(onePool), mode, feeds['in one piece'])
  player.send(headersMessage({ ':method': 'POST', ':path': '/v1/chat/completions' }))
  const answers = chunks.flatMap((chunk, i) => player.send(bodyMessage(chunk, i === chunks.length - 1)))
  const bodies = answers.flatMap(({ request_body: body }) => (body === undefined ? [] : [body.response?.body_mutation]))
  if (mode === 'full duplex') return bodies.map((mutation) => mutation?.streamed_response?.body?.toString()).join('')
  return bodies.map((mutation, i) => (mutation?.clear_body ? '' : (mutation?.body?.toString() ?? chunks[i]))).join('')
}
