import { describe } from 'vitest'
import type { StickyKey } from '../../src/catalog/catalog.ts'
import { conversation } from './script.ts'
import { onePool, routed } from './world.ts'

const duplex = { ...onePool, mode: 'full duplex' } as const

describe('sticky targets', () => {
  const sticky = (stickyBy: StickyKey) =>
    ({ ...duplex, models: { qwen: { pool: 'default/qwen-pool', targets: { a: 1, b: 1 }, stickyBy } } }) as const

  conversation(
    'by user: waits for the user behind the model',
    sticky({ kind: 'user' }),
    `
    > headers POST /v1/chat/completions
    > body {"model":"qwen","messages":[],
    > body "user":"bo
    > body b"
    < headers ${routed('qwen')} -content-length re-route
    < body {"model":"a","messages":[],"user":"bob"
    > last }
    < last }
    `,
  )
  conversation(
    'by user: the same user before the model, the same target',
    sticky({ kind: 'user' }),
    `
    > headers POST /v1/chat/completions
    > body {"user":"bob","model":"qwen"
    < headers ${routed('qwen')} -content-length re-route
    < body {"user":"bob","model":"a"
    > last }
    < last }
    `,
  )
  conversation(
    'by user: another user, another target',
    sticky({ kind: 'user' }),
    `
    > headers POST /v1/chat/completions
    > last {"user":"ann","model":"qwen"}
    < headers ${routed('qwen')} -content-length re-route
    < last {"user":"ann","model":"b"}
    `,
  )
  conversation(
    'by user: none to the end of the document, so by chance',
    { ...sticky({ kind: 'user' }), random: () => 0.9 },
    `
    > headers POST /v1/chat/completions
    > body {"model":"qwen"
    > body }
    < headers ${routed('qwen')} -content-length re-route
    < body {"model":"b"}
    > last
    < last
    `,
  )
  conversation(
    'by prompt cache key: waits for it, as for a user, and lets other fields pass',
    sticky({ kind: 'prompt-cache-key' }),
    `
    > headers POST /v1/chat/completions
    > body {"model":"qwen","user":"ann","messages":[],
    > body "prompt_cache_key":"bo
    > body b"
    < headers ${routed('qwen')} -content-length re-route
    < body {"model":"a","user":"ann","messages":[],"prompt_cache_key":"bob"
    > last }
    < last }
    `,
  )
  for (const header of ['Authorization', 'X-Api-Key', 'Api-Key']) {
    conversation(
      `by API key in ${header}: no wait`,
      sticky({ kind: 'api-key' }),
      `
      > headers POST /v1/chat/completions ${header}=bob
      > body {"model":"qwen"
      < headers ${routed('qwen')} -content-length re-route
      < body {"model":"a"
      > last }
      < last }
      `,
    )
  }
  conversation(
    'by API key: the first of the headers counts, unless it is empty',
    sticky({ kind: 'api-key' }),
    `
    > headers POST /v1/chat/completions Authorization= X-Api-Key=ann Api-Key=bob
    > last {"model":"qwen"}
    < headers ${routed('qwen')} -content-length re-route
    < last {"model":"b"}
    `,
  )
  conversation(
    'by API key: without one, by chance',
    { ...sticky({ kind: 'api-key' }), random: () => 0.9 },
    `
    > headers POST /v1/chat/completions
    > last {"model":"qwen"}
    < headers ${routed('qwen')} -content-length re-route
    < last {"model":"b"}
    `,
  )
  conversation(
    'by header: no wait',
    sticky({ kind: 'header', name: 'x-session' }),
    `
    > headers POST /v1/chat/completions X-Session=bob
    > body {"model":"qwen"
    < headers ${routed('qwen')} -content-length re-route
    < body {"model":"a"
    > last }
    < last }
    `,
  )
})
