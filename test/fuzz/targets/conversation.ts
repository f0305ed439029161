import { equal, ok } from 'node:assert/strict'
import { MalformedMessage } from '../../../src/extproc/wire.ts'
import { type Answer, type BodyMode, bodyModes, type Message, Player } from '../../extproc/play.ts'
import { createWorld, onePool } from '../../extproc/world.ts'
import { mutateText } from '../mutate-text.ts'
import { randomPieces } from '../pieces.ts'
import { type Random, seededRandom } from '../random.ts'
import { defineTarget, toBytes } from '../target.ts'

type Step =
  | { readonly side: Side; readonly kind: 'headers'; readonly headers: readonly string[]; readonly ends: boolean }
  | { readonly side: Side; readonly kind: 'body'; readonly text: string; readonly ends: boolean }
  | { readonly side: Side; readonly kind: 'trailers' | 'half-close' }
type Side = 'request' | 'response'
type ConversationCase = { readonly mode: BodyMode; readonly steps: readonly Step[]; readonly cut: number }

/** Final names by those that clients ask for; any other stays. */
const targets: Readonly<Record<string, string>> = {
  chat: 'chat-large-v2',
  'assistant-of-the-house': 'qwen',
  gpt_a: 'gpt_b',
}

const bodies = [
  '{"model":"chat","messages":[{"role":"user","content":"once upon a time"}],"stream":true,"max_tokens":9}',
  '{"messages":[{"role":"user","content":"a \\"model\\": \\\\ "}],"model":"gpt_a","user":"u"}',
  '{"model":"qwen","model":"chat","prompt":["x","y"]}',
]
const words = [
  ...[
    '"model":',
    '"model":"assistant-of-the-house",',
    '"mo\\u0064el":"gpt_a",',
    ',"model":7',
    ',"model":{"a":[]}',
    '"stream":true',
  ],
  ...['"messages":[', '"prompt":"', '\\u0063hat', '[[[[', '{"model":"chat"}'],
]
const paths = [
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/models',
  '/v1/audio/transcriptions',
  '/x',
  '/v1/chat/completions?a=b',
]
const odd = [
  '',
  'é',
  'a'.repeat(300),
  '-1',
  '99999999999',
  'gzip',
  'application/json',
  'multipart/form-data; boundary=b',
  'text/plain',
]
const names = [
  'content-type',
  'content-length',
  'content-encoding',
  'x-request-id',
  ':method',
  ':path',
  'upgrade',
  ':status',
]

function usualSteps(random: Random): Step[] {
  const body = Buffer.from(
    random.chance(0.2) ? random.pick(bodies) : mutateText(random.pick(bodies), random, { words, others: bodies }),
  )
  const pieces = randomPieces(body.subarray(0, 20_000), random).slice(0, 20)
  const headers = [':method', 'POST', ':path', random.chance(0.8) ? paths[0] : random.pick(paths)]
  if (random.chance(0.2)) headers.push(random.pick(names), random.pick(odd))
  const endsWithTrailers = random.chance(0.1)
  return [
    { side: 'request', kind: 'headers', headers, ends: random.chance(0.02) },
    ...pieces.map((piece, i): Step => {
      const ends = i === pieces.length - 1 && !endsWithTrailers
      return { side: 'request', kind: 'body', text: piece.toString('latin1'), ends }
    }),
    ...(endsWithTrailers ? [{ side: 'request', kind: 'trailers' } as const] : []),
    {
      side: 'response',
      kind: 'headers',
      headers: [':status', random.pick(['200', '503', 'x'])],
      ends: random.chance(0.1),
    },
    {
      side: 'response',
      kind: 'body',
      text: random.pick(['data: {"model":"qwen"}\n\n', '{"usage":{"prompt_tokens":1}}', '']),
      ends: true,
    },
  ]
}

const messageOf = (step: Step): Message => {
  switch (step.kind) {
    case 'headers': {
      const list = step.headers.flatMap((key, i) =>
        i % 2 === 0 ? [{ key, raw_value: Buffer.from(step.headers[i + 1] ?? '') }] : [],
      )
      return { [`${step.side}_headers`]: { headers: { headers: list }, end_of_stream: step.ends } }
    }
    case 'body':
      return { [`${step.side}_body`]: { body: toBytes(step.text), end_of_stream: step.ends } }
    case 'trailers':
    case 'half-close':
      return { [`${step.side}_trailers`]: {} }
  }
}

export const conversation = defineTarget<ConversationCase>({
  name: 'conversation',
  promise:
    'in whatever order Envoy speaks, nothing stays in flight or held, and the server gets the model that was decided',

  generate(random) {
    const steps = usualSteps(random)
    while (random.chance(0.3)) {
      const at = random.below(steps.length)
      switch (random.below(4)) {
        case 0:
          steps.splice(at, 1)
          break
        case 1:
          steps.splice(random.below(steps.length + 1), 0, steps[at] ?? random.pick(usualSteps(random)))
          break
        case 2:
          steps.length = at
          break
        case 3:
          steps.splice(at, 0, {
            side: random.pick(['request', 'response']),
            kind: random.pick(['trailers', 'half-close']),
          })
      }
    }
    return { mode: random.pick(Object.keys(bodyModes) as BodyMode[]), steps, cut: random.below(2 ** 31) }
  },

  check({ mode, steps, cut }) {
    const random = seededRandom(cut)
    const world = createWorld({ ...onePool, rejectsUnknownModels: random.chance(0.3) })
    const player = new Player(world, mode, (bytes) => randomPieces(bytes, random))
    const answers: Answer[] = []
    try {
      for (const step of steps) {
        answers.push(...(step.kind === 'half-close' ? player.halfClose() : player.send(messageOf(step))))
      }
    } catch (error) {
      // The stream ends with it.
      if (!(error instanceof MalformedMessage)) throw error
    }
    const [endpoint] = world.endpoints
    equal(endpoint.inFlight, world.decided.length - world.ended.length)
    ok(endpoint.inFlight <= 1 && world.refused.length <= 1)
    const refusals = answers.filter(({ immediate_response: refusal }) => refusal)
    ok(refusals.length <= 1, 'refused twice')
    if (refusals.length === 1) ok(answers.at(-1)?.immediate_response, 'an answer after a refusal')
    player.close()
    equal(endpoint.inFlight, 0)
    equal(world.ended.length, world.decided.length)
    equal(world.context.heldMemory.bytes, 0)
    if (mode === 'full duplex' && refusals.length === 0) checkForwarded(answers)
  },
})

/** What goes on to the server, where it is JSON, has the model that the routing was told, as the last of that name too. */
function checkForwarded(answers: readonly Answer[]): void {
  const changes = answers.flatMap(
    ({ request_headers: headers }) => headers?.response?.header_mutation?.set_headers ?? [],
  )
  const asked = changes.find(({ header }) => header?.key === 'x-gateway-model-name')?.header?.raw_value?.toString()
  const pieces = answers.map(({ request_body: body }) => body?.response?.body_mutation?.streamed_response?.body)
  const sent = Buffer.concat(pieces.filter((piece) => piece !== undefined))
  let value: unknown
  try {
    value = JSON.parse(sent.toString())
  } catch {
    return
  }
  if (asked === undefined || typeof value !== 'object' || value === null || !('model' in value)) return
  equal(value.model, Object.hasOwn(targets, asked) ? targets[asked] : asked)
}
