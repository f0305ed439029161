import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { maxStreamedChunkBytes } from '../../src/request/limits.ts'
import { randomPieces } from '../fuzz/pieces.ts'
import { fuzzRuns, fuzzTimeoutMs, type Random, seededRandom } from '../fuzz/random.ts'
import { document, usageOfAll, type Value, write } from '../response/oracle.ts'
import { asked, served } from '../response/reading.ts'
import { type Answer, type BodyMode, bodyMessage, headersMessage, type Message, Player } from './play.ts'
import { messageOf } from './script.ts'
import { createWorld, onePool } from './world.ts'

const modes: readonly BodyMode[] = ['full duplex', 'streamed', 'buffered', 'buffered in part']
const endings = ['with its last chunk', 'with an empty chunk', 'with trailers'] as const

const exchanges = fc.record({
  documents: fc.array(document, { minLength: 1, maxLength: 3 }),
  isStream: fc.boolean(),
  /** Enough for more than one chunk of an answer. */
  filling: fc.constantFrom(0, 0, 0, 200_000),
  ending: fc.constantFrom(...endings),
  declaresLength: fc.boolean(),
  seed: fc.nat(),
})
type Exchange = typeof exchanges extends fc.Arbitrary<infer T> ? T : never

function bodyOf({ documents, isStream, filling }: Exchange, random: Random) {
  const written = (isStream ? documents : documents.slice(0, 1)).map((each) => write(each, random, [' ', '\t']))
  const padding = ' '.repeat(filling)
  const join = (texts: readonly string[]) =>
    isStream ? texts.map((text) => `:${padding}\r\ndata: ${text}\r\n\r\n`).join('') : padding + texts[0]
  return { given: join(written.map(({ given }) => given)), sent: join(written.map(({ sent }) => sent)) }
}

/** Envoy's messages of a response. Buffered, its body is one. */
function messagesOf(mode: BodyMode, body: Buffer, { isStream, ending, declaresLength }: Exchange, random: Random) {
  const type = isStream ? 'text/event-stream' : 'application/json'
  const length = declaresLength ? ` content-length=${body.length}` : ''
  const isBuffered = mode.startsWith('buffered')
  const pieces = isBuffered ? [body] : randomPieces(body, random)
  const isLast = (index: number) => index === pieces.length - 1
  const endsItself = ending === 'with its last chunk' || (isBuffered && ending === 'with an empty chunk')
  const messages: Message[] = [messageOf(`response headers content-type=${type}${length}`)]
  for (const [index, piece] of pieces.entries()) {
    messages.push({ response_body: { body: piece, end_of_stream: endsItself && isLast(index) } })
  }
  if (ending === 'with trailers') messages.push(messageOf('response trailers'))
  else if (!endsItself) messages.push(messageOf('response last'))
  return messages
}

const kindOf = (message: object): string => Object.keys(message).find((key) => key.startsWith('response_'))!

describe('whatever the response and however it is cut, the client gets it with its models restored and nothing else changed', () => {
  test.each(modes)('%s', { timeout: fuzzTimeoutMs }, (mode) => {
    fc.assert(
      fc.property(exchanges, (exchange) => {
        const random = seededRandom(exchange.seed)
        const { given, sent } = bodyOf(exchange, random)
        const world = createWorld({ ...onePool, models: { [asked]: { pool, targets: { [served]: 1 } } } })
        const player = new Player(world, mode)
        player.send(headersMessage({ ':method': 'POST', ':path': '/v1/chat/completions' }))
        player.send(bodyMessage(JSON.stringify({ model: asked, messages: [] }), true))
        const messages = messagesOf(mode, Buffer.from(given), exchange, random)
        const answers: Answer[] = []
        const parts: Buffer[] = []
        for (const message of messages) {
          const these = player.send(message)
          for (const answer of these) parts.push(...bodyPartOf(answer, message, mode))
          if (mode !== 'full duplex') expect(these.map(kindOf)).toEqual([kindOf(message)])
          answers.push(...these)
        }
        expect(Buffer.concat(parts).toString()).toBe(sent)
        if (exchange.declaresLength) expectLength(answers, given, sent)
        const isTrailed = exchange.ending === 'with trailers'
        if (mode === 'full duplex') expectChunks(answers, isTrailed)
        const documents = exchange.isStream ? exchange.documents : exchange.documents.slice(0, 1)
        const isAtBody = isTrailed && mode === 'buffered'
        expect(tokensOf(answers.at(isAtBody ? -2 : -1)!)).toEqual(tokensIn(documents))
        expect(world.endpoints[0].inFlight).toBe(0)
        expect(world.ended).toHaveLength(1)
      }),
      { numRuns: fuzzRuns },
    )
  })
})

const pool = 'default/qwen-pool'

/** What an answer sends on of the message that it answers. */
function bodyPartOf({ response_body }: Answer, message: Message, mode: BodyMode): Buffer[] {
  if (response_body === undefined || response_body === null) return []
  const mutation = response_body.response?.body_mutation
  if (mode === 'full duplex') return [mutation!.streamed_response!.body ?? Buffer.alloc(0)]
  if (mutation?.clear_body) return []
  return [mutation?.body ?? (message.response_body as { body: Buffer }).body]
}

function expectChunks(answers: readonly Answer[], isTrailed: boolean): void {
  const chunks = answers.flatMap(({ response_body }) => response_body?.response?.body_mutation?.streamed_response ?? [])
  for (const { body } of chunks) expect(body?.length ?? 0).toBeLessThanOrEqual(maxStreamedChunkBytes)
  const ends = chunks.map(({ end_of_stream }) => end_of_stream === true)
  expect(ends).toEqual(ends.map((_, index) => !isTrailed && index === ends.length - 1))
  expect(answers.at(-1)?.response_trailers !== undefined && answers.at(-1)?.response_trailers !== null).toBe(isTrailed)
}

/** A length that is set is right, and one that would be wrong is taken away. */
function expectLength(answers: readonly Answer[], given: string, sent: string): void {
  const mutations = answers.flatMap(
    ({ response_headers, response_body }) => (response_headers ?? response_body)?.response?.header_mutation ?? [],
  )
  const set = mutations.flatMap(({ set_headers = [] }) => set_headers.map(({ header }) => header))
  const length = set.find((header) => header?.key === 'content-length')?.raw_value?.toString()
  const isRemoved = mutations.some(({ remove_headers = [] }) => remove_headers.includes('content-length'))
  if (length !== undefined) expect(length).toBe(String(Buffer.byteLength(sent)))
  else if (given.length !== sent.length) expect(isRemoved).toBe(true)
}

function tokensOf({ dynamic_metadata }: Answer): unknown {
  const fields = dynamic_metadata?.fields?.signalbox?.structValue?.fields
  return fields && Object.fromEntries(Object.entries(fields).map(([key, { numberValue }]) => [key, numberValue]))
}

function tokensIn(documents: readonly Value[]): unknown {
  const usage = usageOfAll(documents)
  if (usage === undefined) return undefined
  const { promptTokens, completionTokens, cachedTokens, totalTokens } = usage
  const tokens = {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    cached_tokens: cachedTokens,
    total_tokens: totalTokens,
  }
  return Object.fromEntries(Object.entries(tokens).filter(([, value]) => value !== undefined))
}
