import { randomInt } from 'node:crypto'
import type { Sent } from '../../../src/demo/client.ts'
import { type Body, gzipped, modelFirst, modelLast } from './bodies.ts'
import type { Way } from './way.ts'

/** What clients send, and how it shall end. */
export type Kind = {
  readonly name: string
  /** Of 1,000 requests. */
  readonly share: number
  /** Sends one, and throws an Error that says what came instead of what should. */
  readonly send: (way: Way) => Promise<unknown>
}

/** Answered by a server that has got the body byte for byte, but for the model's name. */
const served = (name: string, share: number, body: Body, how: (sent: Buffer) => Partial<Sent> = sentAtOnce): Kind => ({
  name,
  share,
  send: async (way) => way.demandArrival(await way.send(how(body.sent)), body),
})

const sentAtOnce = (sent: Buffer) => ({ body: sent })

/** Without a content-length. */
const sentInChunks = (sent: Buffer) => ({ body: inChunks(sent, 4 * kilobyte) })

async function* inChunks(bytes: Buffer, chunkBytes: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    yield bytes.subarray(at, at + chunkBytes)
    await new Promise(setImmediate)
  }
}

/** Refused with an error of this code. */
const refused = (name: string, share: number, how: () => Partial<Sent>, status: number, code: string): Kind => ({
  name,
  share,
  async send(way) {
    const answer = await way.send(how())
    const text = answer.body.toString()
    if (answer.status === status && JSON.parse(text).error.code === code) return
    throw new Error(`status ${answer.status}, not ${status} ${code}: ${text.slice(0, 200)}`)
  },
})

/** The client goes away within `maxMs`. What came before is no matter. */
const cancelled = (name: string, share: number, how: () => Partial<Sent>, maxMs: number): Kind => ({
  name,
  share,
  async send(way) {
    const leave = new AbortController()
    const timer = setTimeout(() => leave.abort(), randomInt(maxMs))
    await way.send({ ...how(), signal: leave.signal }).catch((error) => {
      if (!leave.signal.aborted) throw error
    })
    clearTimeout(timer)
  },
})

const kilobyte = 1024
const small = modelFirst(kilobyte / 2)
const large = modelFirst(200 * kilobyte)
const streaming = modelFirst(kilobyte / 2, 'qwen', { stream: true })
const form = (text: string) => () => ({ body: text })

export const kinds: readonly Kind[] = [
  served('0.5 KB', 520, small),
  served('2 KB, renamed', 100, modelFirst(2 * kilobyte, 'alias')),
  served('16 KB', 40, modelFirst(16 * kilobyte)),
  served('16 KB, renamed, model last', 40, modelLast(16 * kilobyte, 'alias')),
  served('16 KB, in chunks', 30, modelLast(16 * kilobyte), sentInChunks),
  served('200 KB', 10, large),
  served('200 KB, model last', 5, modelLast(200 * kilobyte)),
  served('900 KB', 2, modelFirst(900 * kilobyte)),
  served('gzip', 20, gzipped(small), (body) => ({ body, headers: { 'content-encoding': 'gzip' } })),
  {
    name: 'HTTP/2 with trailers',
    share: 20,
    send: async (way) => way.demandArrival(await way.sendWithTrailers(small.sent), small),
  },
  {
    name: 'stream',
    share: 100,
    async send(way) {
      const answer = await way.send({ body: streaming.sent })
      way.demandArrival(answer, streaming)
      if (!answer.body.toString().endsWith('data: [DONE]\n\n')) throw new Error('a stream without its end')
    },
  },
  {
    name: 'GET /v1/models',
    share: 20,
    async send(way) {
      const { status, body } = await way.send({ method: 'GET', path: '/v1/models' })
      if (status !== 200 || JSON.parse(body.toString()).data.length !== 2) throw new Error(`status ${status}: ${body}`)
    },
  },
  cancelled('cancelled while it sends', 20, () => sentInChunks(large.sent), 10),
  cancelled('cancelled while it receives', 20, () => sentAtOnce(streaming.sent), 30),
  refused('no JSON', 10, form('{"model":"qwen","messages":[}'), 400, 'invalid_json'),
  refused('no model', 10, form('{"messages":[]}'), 400, 'model_missing'),
  refused('unknown model', 10, form('{"model":"gwen","messages":[]}'), 404, 'model_not_found'),
  refused(
    'unknown encoding',
    10,
    () => ({ body: small.sent, headers: { 'content-encoding': 'snappy' } }),
    415,
    'unsupported_encoding',
  ),
  refused(
    'too large',
    13,
    () => ({ ...sentInChunks(large.sent), headers: { 'content-length': '4200000' } }),
    413,
    'body_too_large',
  ),
]

/** One of them, by their shares. */
export function drawKind(): Kind {
  let left = randomInt(totalShare)
  return kinds.find(({ share }) => (left -= share) < 0)!
}

const totalShare = kinds.reduce((sum, { share }) => sum + share, 0)
