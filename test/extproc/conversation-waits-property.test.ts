import { brotliCompressSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defaultFlowControlOptions } from '../../src/admission/options.ts'
import { PoolQueues } from '../../src/admission/pool-queues.ts'
import { fuzzRuns, fuzzTimeoutMs } from '../fuzz/random.ts'
import { settled } from '../pool/manual-clock.ts'
import { type Answer, type BodyMode, bodyMessage, headersMessage, type Message, Player } from './play.ts'
import { messageOf, play } from './script.ts'
import { createWorld, onePool, type World } from './world.ts'

const modes = ['full duplex', 'streamed', 'streamed, headers first', 'buffered', 'buffered in part', 'headers only']
const prompt = (bytes: number) => `{"model":"chat","messages":["${'x'.repeat(bytes)}"]}`
const promptAfter = '{"messages":["hello"],"user":"me","model":"qwen"}'
/** The last two are refused. */
const texts = [prompt(20), prompt(20), prompt(100_000), promptAfter, '{"messages":[]}', '{"model":"chat",,}']
const encodings = { gzip: gzipSync, br: brotliCompressSync } as const

/** What goes on beside the request, after each of its messages. */
const asides = ['nothing', 'nothing', 'time passes', 'a place becomes free', 'what is inflated is ready'] as const
type Aside = (typeof asides)[number]

const poolKey = 'default/qwen-pool'

const runs = (isCut: boolean) =>
  fc.record({
    mode: fc.constantFrom(...(modes as BodyMode[])),
    text: fc.constantFrom(...texts),
    encoding: fc.constantFrom(undefined, undefined, 'gzip', 'br', 'no gzip'),
    chunks: fc.integer({ min: 1, max: 4 }),
    ending: fc.constantFrom('with its last chunk', 'with an empty chunk', 'with trailers', 'with the stream'),
    isQueued: fc.boolean(),
    asides: fc.array(fc.constantFrom<Aside>(...asides), { minLength: 8, maxLength: 8 }),
    cut: isCut
      ? fc.record({
          after: fc.nat({ max: 6 }),
          by: fc.constantFrom('a reset', 'an answer from elsewhere', 'the end of the stream', 'the queue is closed'),
        })
      : fc.constant(undefined),
  })

type Run = ReturnType<typeof runs> extends fc.Arbitrary<infer T> ? T : never

/** A pool that has room for one request. */
function oneAtATimeWorld(): { world: World; queues: PoolQueues } {
  let queues: PoolQueues | undefined
  const world = createWorld({
    ...onePool,
    scheduler: { readsPrompt: true },
    queues: (endpoints, clock) => {
      queues = new PoolQueues(defaultFlowControlOptions, {
        clock,
        saturation: () => endpoints.reduce((sum, { inFlight }) => sum + inFlight, 0),
        hasEndpoints: () => true,
        observer: () => ({ enqueued() {}, dispatched() {}, rejected() {} }),
      })
      return queues
    },
  })
  return { world, queues: queues! }
}

/** The messages that Envoy sends of a request. Buffered, its body is one; without trailers that are sent, one streamed ends with the stream. */
function messagesOf({ mode, text, encoding, chunks, ending }: Run): Message[] {
  const body = encoding === undefined || encoding === 'no gzip' ? Buffer.from(text) : encodings[encoding](text)
  const name = encoding === 'no gzip' ? 'gzip' : encoding
  const messages = [
    headersMessage({
      ':method': 'POST',
      ':path': '/v1/chat/completions',
      ...(name && { 'content-encoding': name }),
    }),
  ]
  if (mode === 'headers only') return messages
  const isBuffered = mode.startsWith('buffered')
  const hasTrailers = ending === 'with trailers'
  const hasEmptyChunk = !isBuffered && ending === 'with an empty chunk'
  const isOpen = hasTrailers || hasEmptyChunk || (mode === 'streamed' && ending === 'with the stream')
  const size = isBuffered ? body.length : Math.ceil(body.length / chunks)
  for (let at = 0; at < body.length; at += size) {
    messages.push(bodyMessage(body.subarray(at, at + size), !isOpen && at + size >= body.length))
  }
  if (hasEmptyChunk) messages.push(bodyMessage('', true))
  if (hasTrailers) messages.push(messageOf('trailers'))
  return messages
}

/** Envoy's side of one request, and what has been answered. */
class Walk {
  readonly run: Run
  readonly world: World
  readonly queues: PoolQueues
  readonly player: Player
  readonly answers: Answer[] = []
  readonly #first: Player | undefined

  constructor(run: Run) {
    this.run = run
    const { world, queues } = oneAtATimeWorld()
    this.world = world
    this.queues = queues
    if (run.isQueued) {
      this.#first = new Player(world, 'full duplex')
      play(this.#first, '> headers POST /v1/chat/completions\n> last {"model":"qwen","messages":[]}')
    }
    this.player = new Player(world, run.mode)
  }

  async send(): Promise<void> {
    const { mode, asides, cut, ending } = this.run
    const messages = messagesOf(this.run)
    for (const [i, message] of messages.entries()) {
      this.take(this.player.send(message))
      await this.#aside(asides[i])
      if (cut?.after === i) return this.#cut(cut.by, messages.slice(i + 1))
    }
    if (mode === 'streamed' && ending === 'with the stream') this.take(this.player.halfClose())
  }

  take(answers: readonly Answer[]): void {
    this.answers.push(...answers)
  }

  async #aside(aside: Aside): Promise<void> {
    switch (aside) {
      case 'nothing':
        return
      case 'time passes':
        await this.world.clock.advance(25)
        break
      case 'a place becomes free':
        this.free()
        break
      case 'what is inflated is ready':
        await this.inflated()
    }
    this.take(this.player.takeAnswers())
  }

  free(): void {
    this.#first?.close()
  }

  /** Inflating is done by zlib's threads. */
  async inflated(): Promise<void> {
    const isInflating = () => this.player.isWaiting && this.queues.of(poolKey).requests === 0
    while (isInflating()) await settled()
  }

  #cut(by: NonNullable<Run['cut']>['by'], rest: readonly Message[]): void {
    switch (by) {
      case 'a reset':
        return this.player.reset()
      case 'an answer from elsewhere':
        this.take(this.player.send(messageOf('response headers :status=504')))
        for (const message of rest.slice(0, 1)) this.take(this.player.send(message))
        this.take(this.player.send(messageOf('response last late')))
        return
      case 'the end of the stream':
        return this.take(this.player.halfClose())
      case 'the queue is closed':
        this.queues.close()
    }
  }

  /** All that a request may wait for has come. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 2; turn++) {
      await this.world.clock.advance(25)
      await this.inflated()
      this.free()
    }
    this.take(this.player.takeAnswers())
  }
}

const kindOf = (answer: Answer): string =>
  Object.keys(answer).find((key) => key !== 'dynamic_metadata' && answer[key as keyof Answer]) ?? 'nothing'

describe('whatever a request waits for, and whatever happens meanwhile', () => {
  test('it is answered once, in order, and with nothing lost', { timeout: fuzzTimeoutMs }, async () => {
    await fc.assert(
      fc.asyncProperty(runs(false), async (run) => {
        const walk = new Walk(run)
        await walk.send()
        await walk.settle()
        expectAnswered(walk)
        expect(walk.player.isWaiting).toBe(false)
        walk.player.close()
        expectAtRest(walk)
      }),
      { numRuns: fuzzRuns },
    )
  })

  test('it leaves nothing behind when it ends early', { timeout: fuzzTimeoutMs }, async () => {
    await fc.assert(
      fc.asyncProperty(runs(true), async (run) => {
        const walk = new Walk(run)
        await walk.send()
        await walk.settle()
        expectOrder(walk)
        walk.player.close()
        await walk.settle()
        expectAtRest(walk)
      }),
      { numRuns: fuzzRuns },
    )
  })
})

/** Each message has at most one answer, and an answer in place of the server's is the last one. */
function expectOrder({ answers, run }: Walk): void {
  const kinds = answers.map(kindOf)
  const messages = messagesOf(run)
  const count = (kind: string) => kinds.filter((each) => each === kind).length
  const immediate = kinds.indexOf('immediate_response')
  if (immediate >= 0) expect(immediate).toBe(kinds.length - 1)
  expect(count('request_headers')).toBeLessThanOrEqual(1)
  expect(count('request_trailers')).toBeLessThanOrEqual(1)
  expect(count('response_headers')).toBeLessThanOrEqual(1)
  if (run.mode !== 'full duplex') {
    expect(count('request_body')).toBeLessThanOrEqual(messages.filter(({ request_body }) => request_body).length)
  }
  const order = ['request_headers', 'request_body', 'request_trailers', 'immediate_response']
  const asked = kinds.filter((kind) => order.includes(kind))
  expect(asked).toEqual(asked.toSorted((a, b) => order.indexOf(a) - order.indexOf(b)))
}

function expectAnswered(walk: Walk): void {
  const { answers, run, world } = walk
  expectOrder(walk)
  if (answers.some(({ immediate_response }) => immediate_response)) {
    expect(world.refused).toHaveLength(1)
    return
  }
  expect(world.refused).toEqual([])
  const messages = messagesOf(run)
  const sent = messages.flatMap(({ request_body }) => (request_body ? [request_body as { body: Buffer }] : []))
  const kinds = answers.map(kindOf)
  expect(kinds[0]).toBe('request_headers')
  const hasTrailers = messages.some(({ request_trailers }) => request_trailers)
  expect(kinds.at(-1) === 'request_trailers').toBe(hasTrailers)
  const bodies = answers.flatMap(({ request_body }) => (request_body ? [request_body.response?.body_mutation] : []))
  if (run.mode === 'full duplex') {
    const flags = bodies.map((mutation) => mutation?.streamed_response?.end_of_stream === true)
    expect(flags).toEqual(flags.map((_, i) => i === flags.length - 1 && !hasTrailers))
  } else expect(bodies).toHaveLength(sent.length)
  const forwarded = bodies.map((mutation, i) => {
    if (run.mode === 'full duplex') return mutation?.streamed_response?.body ?? Buffer.alloc(0)
    return mutation?.clear_body ? Buffer.alloc(0) : (mutation?.body ?? sent[i].body)
  })
  const isRead = run.mode !== 'streamed, headers first' && run.mode !== 'headers only'
  const original = Buffer.concat(sent.map(({ body }) => body))
  const isRenamed = isRead && run.text.includes('"chat"')
  const expected = isRenamed ? Buffer.from(run.text.replace('"chat"', '"chat-large-v2"')) : original
  expect(Buffer.concat(forwarded).equals(expected)).toBe(true)
}

/** Nothing counts as in flight, nothing waits, and the next request finds room. */
function expectAtRest({ world, queues, answers, player, run }: Walk): void {
  expect(world.endpoints[0].inFlight).toBe(0)
  expect(world.ended).toHaveLength(world.decided.length)
  expect(queues.of(poolKey).requests).toBe(0)
  expect(player.takeAnswers()).toEqual([])
  expect(answers.length).toBeLessThan(50)
  if (run.cut?.by === 'the queue is closed') return
  const next = new Player(world, 'full duplex')
  play(next, '> headers POST /v1/chat/completions\n> last {"model":"qwen","messages":[]}')
  expect(world.endpoints[0].inFlight).toBe(1)
}
