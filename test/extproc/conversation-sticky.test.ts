import { describe } from 'vitest'
import { conversation } from './script.ts'
import { onePool, routed } from './world.ts'

const duplex = { ...onePool, mode: 'full duplex' } as const

describe('sticky targets', () => {
  const sticky = (stickyBy: { kind: 'user' } | { kind: 'header'; name: string }) =>
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
