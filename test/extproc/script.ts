import { expect, test } from 'vitest'
import {
  type Answer,
  type BodyMode,
  bodyMessage,
  type CommonResponse,
  feeds,
  headersMessage,
  type Message,
  Player,
} from './play.ts'
import { createWorld, type World, type WorldInput } from './world.ts'

/**
 * A conversation written down line by line, with the answers where they have to come:
 *
 *     > headers POST /v1/completions [name=value …] [end]      > response headers [name=value …] [end] | body TEXT | last TEXT | trailers
 *     > body TEXT      a chunk of the body                     > half-close
 *     > last TEXT      the chunk with end_of_stream            # a comment
 *     > trailers
 *
 *     < headers [name=value …] [-name …] [re-route]            < response … as for the request
 *     < body TEXT, < last TEXT     full duplex                 < trailers
 *     < ack [changes of the headers] [becomes TEXT]            < refused STATUS code: message
 *
 * Texts have no white space at their ends. The destination is in header and metadata alike, or reading the answer fails.
 */
export type ConversationInput = WorldInput & {
  readonly mode: BodyMode
  /** gRPC metadata x-inference-pool. */
  readonly poolHint?: string
  /** The ways in which the bytes arrive, where that makes a difference; all without. */
  readonly arriving?: readonly (keyof typeof feeds)[]
}

/** A test that the conversation goes as written, and leaves no request in flight and nothing held. Gives the last world to `check`. */
export function conversation(
  name: string,
  input: ConversationInput,
  script: string,
  check: (world: World) => void = () => {},
): void {
  test(name, () => {
    const { mode, poolHint, arriving = Object.keys(feeds) as (keyof typeof feeds)[] } = input
    for (const feedName of arriving) {
      const world = createWorld(input)
      const player = new Player(world, mode, feeds[feedName], poolHint)
      expect(play(player, script), feedName).toEqual(linesOf(script))
      player.close()
      expect(world.endpoints.map(({ inFlight }) => inFlight)).toEqual(world.endpoints.map(() => 0))
      expect(world.context.heldMemory.bytes).toBe(0)
      check(world)
    }
  })
}

/** The lines of the script, with the answers that really came. */
export function play(player: Player, script: string): string[] {
  const lines: string[] = []
  for (const line of linesOf(script)) {
    if (!line.startsWith('> ')) continue
    lines.push(line)
    const step = line.slice(2)
    const answers = step === 'half-close' ? player.halfClose() : player.send(messageOf(step))
    lines.push(...answers.map((answer) => `< ${describeAnswer(answer)}`))
  }
  return lines
}

const linesOf = (script: string): string[] =>
  script
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))

/** The message of a step that sends one. */
export function messageOf(step: string): Message {
  const [, direction = '', kind, text = ''] = /^(response )?(\w+) ?(.*)$/s.exec(step)!
  const side = direction === '' ? 'request' : 'response'
  switch (kind) {
    case 'headers':
      return side === 'request' ? requestHeaders(text) : responseHeaders(text)
    case 'body':
    case 'last':
      return side === 'request'
        ? bodyMessage(text, kind === 'last')
        : { response_body: { body: Buffer.from(text), end_of_stream: kind === 'last' } }
    case 'trailers':
      return { [`${side}_trailers`]: { trailers: {} } }
    default:
      throw new Error(`no step "${step}"`)
  }
}

function responseHeaders(text: string): Message {
  const words = text.split(' ').filter((word) => word !== '')
  const pairs = [[':status', '200'], ...words.filter((word) => word !== 'end').map((word) => word.split(/=(.*)/s, 2))]
  const headers = pairs.map(([key, value]) => ({ key, raw_value: Buffer.from(value) }))
  return { response_headers: { headers: { headers }, end_of_stream: words.includes('end') } }
}

function requestHeaders(text: string): Message {
  const [method, path, ...rest] = text.split(' ')
  const endOfStream = rest.at(-1) === 'end'
  const pairs = rest.filter((word) => word !== 'end').map((word) => word.split(/=(.*)/s, 2))
  return headersMessage({ ':method': method, ':path': path, ...Object.fromEntries(pairs) }, endOfStream)
}

/** One line that says all of an answer. @throws when it is none that Envoy would take */
export function describeAnswer(answer: Answer): string {
  checkDestination(answer)
  if (answer.immediate_response) return describeRefusal(answer.immediate_response)
  if (answer.request_trailers) return words('trailers', headerChanges(answer.request_trailers.header_mutation))
  if (answer.response_trailers) {
    return words('response trailers', headerChanges(answer.response_trailers.header_mutation))
  }
  if (answer.request_headers) return words('headers', describeChanges(answer.request_headers.response))
  if (answer.response_headers) return words('response headers', describeChanges(answer.response_headers.response))
  if (answer.request_body) return describeBody(answer.request_body.response)
  if (answer.response_body) return words('response', describeBody(answer.response_body.response))
  throw new Error(`an answer to nothing: ${JSON.stringify(answer)}`)
}

function describeBody(response: CommonResponse | undefined): string {
  const { streamed_response: streamed, body, clear_body: isCleared } = response?.body_mutation ?? {}
  if (streamed) {
    if (describeChanges(response) !== '') throw new Error('changes of the headers that Envoy ignores')
    return words(streamed.end_of_stream ? 'last' : 'body', streamed.body?.toString() ?? '')
  }
  const becomes = body ? `becomes ${body}` : isCleared ? 'becomes nothing' : ''
  return words('ack', describeChanges(response), becomes)
}

function describeChanges(response: CommonResponse | undefined): string {
  return words(headerChanges(response?.header_mutation), response?.clear_route_cache ? 're-route' : '')
}

function headerChanges(mutation: CommonResponse['header_mutation']): string {
  const { set_headers = [], remove_headers = [] } = mutation ?? {}
  const set = set_headers.map(({ header }) => `${header?.key}=${header?.raw_value?.toString()}`)
  return words(...set, ...remove_headers.map((name) => `-${name}`))
}

function describeRefusal({ status, headers, body, details }: NonNullable<Answer['immediate_response']>): string {
  const { message, code } = JSON.parse(String(body)).error
  const [type, ...more] = headerChanges(headers).split(' ')
  if (type !== 'content-type=application/json') throw new Error('a refusal that is not JSON')
  if (details !== `signalbox_${code}`) throw new Error(`details "${details}" for ${code}`)
  return words(`refused ${statusNumbers[status?.code ?? ''] ?? status?.code} ${code}: ${message}`, ...more)
}

const statusNumbers: Readonly<Record<string, number>> = {
  BadRequest: 400,
  NotFound: 404,
  PayloadTooLarge: 413,
  UnsupportedMediaType: 415,
  TooManyRequests: 429,
  InternalServerError: 500,
  ServiceUnavailable: 503,
}

/** Header and metadata have to say the same (endpoint picker protocol). */
function checkDestination(answer: Answer): void {
  const response = answer.request_headers?.response ?? answer.request_body?.response
  const name = 'x-gateway-destination-endpoint'
  const set = response?.header_mutation?.set_headers ?? []
  const inHeader = set.find(({ header }) => header?.key === name)?.header?.raw_value?.toString()
  const inMetadata = answer.dynamic_metadata?.fields?.['envoy.lb']?.structValue?.fields?.[name]?.stringValue
  if (inHeader !== inMetadata) throw new Error(`destination ${inHeader} in the header, ${inMetadata} in the metadata`)
}

const words = (...parts: readonly string[]): string => parts.filter((part) => part !== '').join(' ')
