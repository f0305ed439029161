import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MalformedMessage } from '../../src/extproc/wire.ts'
import { maxStreamedChunkBytes } from '../../src/request/limits.ts'
import { type Answer, type BodyMode, bodyMessage, type Feed, headersMessage, Player, seededRandom } from './play.ts'
import { describeAnswer, messageOf } from './script.ts'
import { createWorld, onePool, type World } from './world.ts'

/** Final names by the names that clients ask for. */
const targets: Readonly<Record<string, string>> = {
  qwen: 'qwen',
  chat: 'chat-large-v2',
  'assistant-of-the-house': 'qwen',
  gpt_a: 'gpt_b',
  'nobody knows "me" é😀': 'nobody knows "me" é😀',
}

type Member = { readonly key: string; readonly value: string; readonly isModel: boolean }

const space = fc.constantFrom('', '', ' ', '\n  ', '\t\r\n')
const longText = fc
  .tuple(fc.integer({ min: 0, max: 200_000 }), fc.constantFrom('a', '\\"', '\\\\', '{"model":', 'é'))
  .map(([size, text]) => `"${(text[0] === '{' ? 'b' : text).repeat(size / text.length)}"`)
const other: fc.Arbitrary<Member> = fc.record({
  key: fc.constantFrom('"messages"', '"temperature"', '"a"', '"modem"', '"model "', '"mod\\"el"', '"😀"', '"user"'),
  value: fc.oneof({ weight: 8, arbitrary: fc.json() }, { weight: 1, arbitrary: longText }),
  isModel: fc.constant(false),
})
const modelKey = fc.constantFrom('"model"', '"model"', '"\\u006dodel"', '"mo\\u0064e\\u006C"')
/** Before a model they are none, after it they are others. */
const otherLetters: fc.Arbitrary<Member> = fc.record({
  key: fc.constantFrom('"Model"', '"MOD\\u0045L"'),
  value: fc.json(),
  isModel: fc.constant(true),
})
const duplicate: fc.Arbitrary<Member> = fc.record({ key: modelKey, value: fc.json(), isModel: fc.constant(true) })

/** A body, and what it has to be when it goes on. */
const bodies = fc
  .record({
    before: fc.array(fc.oneof({ weight: 8, arbitrary: other }, otherLetters), { maxLength: 4 }),
    key: modelKey,
    name: fc.constantFrom(...Object.keys(targets)),
    after: fc.array(fc.oneof(other, duplicate, otherLetters), { maxLength: 6 }),
    space,
  })
  .map(({ before, key, name, after, space }) => {
    const first = { key, value: JSON.stringify(name), isModel: true }
    const final = JSON.stringify(targets[name])
    const write = (members: readonly Member[]) =>
      `${space}{${space}${members.map((member) => `${member.key}${space}:${space}${member.value}`).join(`${space},`)}${space}}${space}`
    return {
      name,
      keepsLength: after.every(
        ({ isModel, value }) => !isModel || Buffer.byteLength(value) === Buffer.byteLength(final),
      ),
      sent: Buffer.from(write([...before, first, ...after])),
      wanted: write([
        ...before,
        { ...first, value: final },
        ...after.map((member) => (member.isModel ? { ...member, value: final } : member)),
      ]),
    }
  })

/** In how many chunks, at least, Envoy reads the body, and in how many pieces a message arrives. */
const cutting = fc.record({
  chunks: fc.constantFrom(1, 2, 5, 40, 200),
  pieces: fc.constantFrom(1, 2, 5, 40),
  seed: fc.integer(),
})

const modes = ['full duplex', 'streamed', 'buffered', 'buffered in part', 'not said'] satisfies BodyMode[]
type Ending = 'with its last chunk' | 'with an empty chunk' | 'with trailers'
const endings = ['with its last chunk', 'with an empty chunk', 'with trailers'] satisfies Ending[]

describe('whatever the body and however it is cut, the server gets it with its models set and every other byte as it was', () => {
  test.each(modes.flatMap((mode) => endings.map((ending) => [mode, ending] as const)))(
    '%s, ending %s',
    (mode, ending) => {
      fc.assert(
        fc.property(bodies, cutting, fc.boolean(), fc.boolean(), (body, cut, declares, keepsContentLength) => {
          const isKept = keepsContentLength && declares && body.name === targets[body.name]
          // A late duplicate of another length is refused then: see the content-length conversations.
          fc.pre(!isKept || body.keepsLength)
          const world = createWorld({ ...onePool, keepsContentLength, limits: { streamedHoldBytes: 2 ** 24 } })
          const envoy = new Envoy(world, mode, feedOf(cut))
          const chunks = mode.startsWith('buffered') ? 1 : cut.chunks
          envoy.sendRequest(body.sent, Math.ceil(body.sent.length / chunks), ending, declares)
          expectSame(envoy.forwarded, body.wanted)
          expect(envoy.headers['x-gateway-model-name']).toBe(body.name)
          const length = envoy.headers['content-length']
          if (length !== undefined) expect(length).toBe(String(Buffer.byteLength(body.wanted)))
          envoy.close()
          expect(world.endpoints[0].inFlight).toBe(0)
        }),
        { numRuns: 120 },
      )
    },
  )
})

/** Says where texts differ: a full report on long ones takes minutes. */
function expectSame(found: string, wanted: string): void {
  if (found === wanted) return
  let at = 0
  while (found[at] === wanted[at]) at++
  const around = (text: string) => text.slice(Math.max(0, at - 20), at + 40)
  throw new Error(`at ${at} of ${wanted.length}: «${around(found)}», expected «${around(wanted)}»`)
}

function feedOf({ pieces, seed }: { pieces: number; seed: number }): Feed {
  const random = seededRandom(seed)
  return (bytes) => {
    const cuts = Array.from({ length: pieces - 1 }, () => Math.floor(random() * bytes.length)).sort((a, b) => a - b)
    return [0, ...cuts].map((from, i) => Buffer.from(bytes.subarray(from, cuts[i])))
  }
}

/** Takes the answers as Envoy does, and is as strict as it is. */
class Envoy {
  /** Request headers that the answers have set; `undefined` where one was removed. */
  readonly headers: Record<string, string | undefined> = {}
  readonly #player: Player
  readonly #mode: BodyMode
  /** Body messages that have no answer yet. */
  readonly #unanswered: Buffer[] = []
  readonly #forwarded: Buffer[] = []
  #areHeadersAnswered = false
  #hasEnded = false

  constructor(world: World, mode: BodyMode, feed: Feed) {
    this.#mode = mode
    this.#player = new Player(world, mode, feed)
  }

  sendRequest(body: Buffer, chunkBytes: number, ending: Ending, declaresLength: boolean): void {
    const length: Record<string, string> = declaresLength ? { 'content-length': String(body.length) } : {}
    this.#take(this.#player.send(headersMessage({ ':method': 'POST', ':path': '/v1/chat/completions', ...length })))
    for (let at = 0; at < body.length; at += chunkBytes) {
      const chunk = body.subarray(at, at + chunkBytes)
      this.#sendChunk(chunk, ending === 'with its last chunk' && at + chunkBytes >= body.length)
    }
    if (ending === 'with an empty chunk' && !this.#mode.startsWith('buffered')) this.#sendChunk(Buffer.alloc(0), true)
    if (ending === 'with trailers') {
      const answers = this.#player.send({ request_trailers: {} })
      expect(answers.at(-1)?.request_trailers).toBeDefined()
      this.#take(answers.slice(0, -1))
    }
    expect(this.#areHeadersAnswered).toBe(true)
    if (this.#isDuplex) expect(this.#hasEnded).toBe(ending !== 'with trailers')
    else expect(this.#unanswered.length).toBe(0)
  }

  get forwarded(): string {
    return Buffer.concat(this.#forwarded).toString()
  }

  close(): void {
    this.#player.close()
  }

  get #isDuplex(): boolean {
    return this.#mode === 'full duplex' || this.#mode === 'not said'
  }

  #sendChunk(chunk: Buffer, endOfStream: boolean): void {
    this.#unanswered.push(chunk)
    this.#take(this.#player.send(bodyMessage(chunk, endOfStream)))
  }

  #take(answers: readonly Answer[]): void {
    for (const { request_headers: headers, request_body: body, ...rest } of answers) {
      if (headers !== undefined) {
        expect(this.#areHeadersAnswered, 'headers answered before').toBe(false)
        this.#areHeadersAnswered = true
        this.#takeHeaders(headers.response?.header_mutation)
      } else if (body !== undefined) {
        expect(this.#areHeadersAnswered, 'headers answered before the body').toBe(true)
        this.#takeHeaders(body.response?.header_mutation)
        this.#takeBody(body.response?.body_mutation)
      } else expect.fail(describeAnswer(rest))
    }
  }

  #takeHeaders(mutation: NonNullable<NonNullable<Answer['request_headers']>['response']>['header_mutation']): void {
    for (const { header } of mutation?.set_headers ?? []) this.headers[header!.key!] = header!.raw_value!.toString()
    for (const name of mutation?.remove_headers ?? []) this.headers[name] = undefined
  }

  #takeBody(mutation: NonNullable<NonNullable<Answer['request_body']>['response']>['body_mutation']): void {
    if (!this.#isDuplex) {
      expect(mutation?.streamed_response ?? undefined).toBeUndefined()
      const chunk = this.#unanswered.shift()
      if (chunk === undefined) expect.fail('an answer to no message')
      this.#forwarded.push(mutation?.clear_body ? Buffer.alloc(0) : (mutation?.body ?? chunk))
      return
    }
    expect(this.#hasEnded, 'ended before').toBe(false)
    const { body = Buffer.alloc(0), end_of_stream: isEnd = false } = mutation!.streamed_response!
    expect(body.length).toBeLessThanOrEqual(maxStreamedChunkBytes)
    this.#hasEnded = isEnd
    this.#forwarded.push(body)
  }
}

test('whatever comes in whatever order, and wherever it breaks off: no request stays in flight', () => {
  const steps = [
    'headers POST /v1/chat/completions',
    'headers POST /v1/chat/completions content-length=16 content-encoding=br',
    'headers GET /v1/models end',
    'headers GET /v1/realtime upgrade=websocket',
    'body {"model":"chat",',
    'body {"model":"nobody",',
    'body "messages":["x"],"model":1',
    'body',
    'last }',
    'last {"model":"qwen"}',
    'last',
    'trailers',
    'response headers',
    'response body x',
    'response last',
    'response trailers',
    'half-close',
  ]
  const mode = fc.constantFrom<BodyMode>(
    'full duplex',
    'streamed',
    'streamed, headers first',
    'buffered',
    'buffered in part',
    'headers only',
    'not said',
  )
  fc.assert(
    fc.property(
      mode,
      fc.array(fc.constantFrom(...steps), { maxLength: 12 }),
      fc.boolean(),
      (mode, script, isStrict) => {
        const world = createWorld({ ...onePool, rejectsUnknownModels: isStrict, limits: { maxBodyBytes: 60 } })
        const player = new Player(world, mode)
        try {
          for (const step of script) {
            if (step === 'half-close') player.halfClose()
            else player.send(messageOf(step))
          }
        } catch (error) {
          // The stream ends with it.
          if (!(error instanceof MalformedMessage)) throw error
        }
        const [endpoint] = world.endpoints
        expect(endpoint.inFlight).toBe(world.decided.length - world.ended.length)
        expect(endpoint.inFlight).toBeLessThanOrEqual(1)
        expect(world.refused.length).toBeLessThanOrEqual(1)
        player.close()
        expect(endpoint.inFlight).toBe(0)
        expect(world.ended.length).toBe(world.decided.length)
      },
    ),
    { numRuns: 5000 },
  )
})
