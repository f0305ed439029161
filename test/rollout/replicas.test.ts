import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { freePorts } from '../../src/demo/free-ports.ts'
import { httpPages, type Replica, Replicas } from '../../src/rollout/replicas.ts'

const resource = 'InferenceModel default/chat'
const pageOf = (ok: number) =>
  Buffer.from(`signalbox_target_requests_total{resource="${resource}",target="v1",outcome="ok"} ${ok}\n`)
const replica = (id: string): Replica => ({ id, name: `Pod ${id}`, url: `http://${id}` })

describe('the sum of the replicas', () => {
  /** By id: what each counts; an Error when it can't be reached. */
  const counts = new Map<string, number | Error>()
  const urls: string[] = []
  const replicas = () =>
    new Replicas(async (url) => {
      urls.push(url)
      const count = counts.get(new URL(url).hostname)!
      if (count instanceof Error) throw count
      return pageOf(count)
    })
  const okOf = async (looking: ReturnType<Replicas['look']>) => (await looking).tallies.get(resource)?.get('v1')?.ok

  test('begins at the first sight of each, and asks for what it needs alone', async () => {
    const all = replicas()
    counts.set('a', 100).set('b', 10)
    expect(await okOf(all.look([replica('a')]))).toBeUndefined()
    counts.set('a', 103)
    expect(await okOf(all.look([replica('a'), replica('b')]))).toBe(3)
    counts.set('b', 14)
    expect(await okOf(all.look([replica('a'), replica('b')]))).toBe(4)
    expect(decodeURI(urls[0])).toBe(
      'http://a/metrics?name[]=signalbox_target_requests_total&name[]=signalbox_target_ttft_seconds&name[]=signalbox_target_token_seconds',
    )
  })

  test('is right when one of them is restarted', async () => {
    const all = replicas()
    counts.set('a', 100)
    await all.look([replica('a')])
    counts.set('a', 7)
    expect(await okOf(all.look([replica('a')]))).toBe(7)
  })

  test('has what one counted while it could not be reached, and says why', async () => {
    const all = replicas()
    counts.set('a', 1).set('b', 1)
    await all.look([replica('a'), replica('b')])
    counts.set('a', 5).set('b', new Error('no answer within 2 s'))
    const blind = await all.look([replica('a'), replica('b')])
    expect(blind.blindness).toBe('the metrics of 1 of 2 replicas can not be read (Pod b: no answer within 2 s)')
    counts.set('b', 4)
    expect(await okOf(all.look([replica('a'), replica('b')]))).toBe(3)
  })

  test('of none is nothing, which is no sight', async () => {
    expect(await replicas().look([])).toEqual({
      tallies: new Map(),
      blindness: 'no replica of signalbox serve is there',
    })
  })
})

describe('a page by HTTP', () => {
  let server: Server | undefined
  afterEach(() => {
    server?.closeAllConnections()
    server?.close()
  })

  async function serve(answer: (token: string | undefined) => [status: number, body: string]): Promise<string> {
    server = createServer((request, response) => {
      const [status, body] = answer(request.headers.authorization)
      response.writeHead(status).end(body)
    })
    await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`
  }

  test('is asked for with the token of the file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'signalbox-token-'))
    const file = join(folder, 'token')
    await writeFile(file, 'secret\n')
    const url = await serve((token) => [200, String(token)])
    expect(String(await httpPages(file)(url))).toBe('Bearer secret')
    expect(String(await httpPages(undefined)(url))).toBe('undefined')
    expect(String(await httpPages(join(folder, 'none'))(url))).toBe('undefined')
    await rm(folder, { recursive: true })
  })

  test.each([
    [401, '401: it does not accept the token'],
    [403, '403: it does not accept the token'],
    [404, 'it answers 404'],
    [302, ''],
  ])('that is refused by %i is none', async (status, message) => {
    const url = await serve(() => [status, 'no'])
    await expect(httpPages(undefined)(url)).rejects.toThrow(message)
  })

  test('that never ends is cut off', async () => {
    const url = await serve(() => [200, 'x'.repeat(17 * 2 ** 20)])
    await expect(httpPages(undefined)(url)).rejects.toThrow('its page is larger than 16777216 bytes')
  })

  test('of nobody says that nobody is there', async () => {
    const [port] = await freePorts(1)
    await expect(httpPages(undefined)(`http://127.0.0.1:${port}/metrics`)).rejects.toThrow('ECONNREFUSED')
  })
})
