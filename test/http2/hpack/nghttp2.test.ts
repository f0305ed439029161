import { describe, expect, test } from 'vitest'
import { connectTo } from '../../extproc/serving.ts'
import { seededRandom } from '../../fuzz/random.ts'
import { okBlock } from '../echo.ts'
import { serveHttp2 } from '../serving.ts'

/** A server that notes the headers of each request, and a way to send it some with nghttp2's encoder, by node:http2. */
async function openOracle() {
  const seen: string[][] = []
  const { port } = await serveHttp2((stream, headers) => {
    seen.push([...headers])
    stream.respond(okBlock, true)
    return { data() {}, end() {}, closed() {} }
  })
  const session = await connectTo(port)
  /** @returns the headers as the server has read them, without pseudo-headers */
  const send = async (headers: Readonly<Record<string, string | string[]>>): Promise<string[]> => {
    const stream = session.request({ ':method': 'GET', ':path': '/', ...headers })
    stream.resume().end()
    await new Promise((resolve) => stream.once('close', resolve))
    const read = seen.pop()!
    return read.slice(read.findLastIndex((name, i) => i % 2 === 0 && name.startsWith(':')) + 2)
  }
  return { send, session }
}

describe('headers that nghttp2 encodes are read as they were meant', () => {
  test('every byte that a value may have, in strings with and without Huffman codes', async () => {
    const { send } = await openOracle()
    const codes = Array.from({ length: 256 }, (_, code) => code).filter((code) => code >= 0x20 && code !== 0x7f)
    for (const code of codes) {
      const character = String.fromCharCode(code)
      const headers = { 'x-raw': `~${character}~`, 'x-huffman': `${'a'.repeat(30)}${character}${'a'.repeat(code % 8)}` }
      expect(await send(headers)).toEqual(Object.entries(headers).flat())
    }
  })

  test('random headers over one connection, old and new ones, small and larger than the table', async () => {
    const { send } = await openOracle()
    const random = seededRandom(11)
    const letters = 'abcdefghijklmnopqrstuvwxyz0123456789-_.!#$%&*+^|~'
    const text = (length: number, of: string) => Array.from({ length }, () => of[random.below(of.length)]).join('')
    const values = `${letters}ABCDEFGHIJKLMNOPQRSTUVWXYZ "(),/:;<=>?@[]{}\\\xe4\xff`
    const known: [string, string][] = []
    for (let round = 0; round < 400; round++) {
      const headers = new Map<string, string>()
      for (let i = random.below(12); i > 0; i--) {
        const length = random.pick([0, 1, 5, 30, 126, 127, 128, 1000, 5000])
        const [name, value] =
          known.length > 0 && random.chance(0.6)
            ? random.pick(known)
            : [`x${text(random.below(40), letters)}`, `v${text(length, values)}v`]
        headers.set(name, random.chance(0.2) ? `${value}!` : value)
        known.push([name, value])
      }
      expect(await send(Object.fromEntries(headers))).toEqual([...headers].flat())
    }
  })

  test('values that are never to be indexed, and names that come twice', async () => {
    const { send } = await openOracle()
    const headers = { authorization: 'Bearer secret', cookie: 'short', 'x-twice': ['one', 'two'] }
    const expected = ['authorization', 'Bearer secret', 'cookie', 'short', 'x-twice', 'one', 'x-twice', 'two']
    expect(await send(headers)).toEqual(expected)
    expect(await send(headers)).toEqual(expected)
  })

  test('headers in several CONTINUATION frames', async () => {
    const { send } = await openOracle()
    // Characters whose Huffman codes are longer than they are.
    const headers = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`x-${i}`, '\xff'.repeat(6000 + i)]))
    expect(await send(headers)).toEqual(Object.entries(headers).flat())
    expect(await send({ after: 'that' })).toEqual(['after', 'that'])
  })
})
