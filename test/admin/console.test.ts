import type { ServerResponse } from 'node:http'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { Console } from '../../src/admin/console.ts'
import { maxMissedStates, maxViewers, stateIntervalMs } from '../../src/admin/limits.ts'
import { Overview } from '../../src/admin/overview.ts'
import { Viewers } from '../../src/admin/viewers.ts'
import type { StateFeed } from '../../src/admin/wire.ts'
import { emptyCatalog } from '../../src/catalog/catalog.ts'
import { LivePools } from '../../src/pool/live-pools.ts'
import { ManualClock, settled } from '../pool/manual-clock.ts'
import { metricsOf, serve } from './serving.ts'

let clock: ManualClock
let reads: number
let url: string

beforeEach(async () => {
  clock = new ManualClock()
  reads = 0
  const metrics = metricsOf(() => {
    reads += 1
    return ''
  })
  const overview = new Overview({
    clock,
    pools: new LivePools(),
    metrics,
    catalog: () => emptyCatalog,
    problems: () => [],
    poolName: (key) => key,
    decisions: () => [],
  })
  const console = new Console(overview, clock)
  onTestFinished(() => console.close())
  url = await serve({ console, metrics })
})

/** The events of a stream, as they come. */
async function* eventsOf(response: Response): AsyncGenerator<{ name: string; data: StateFeed }> {
  let text = ''
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    const events = `${text}${chunk}`.split('\n\n')
    text = events.pop()!
    for (const event of events) {
      const [, name, data] = /^event: (\w+)\ndata: (.+)$/.exec(event)!
      yield { name, data: JSON.parse(data) }
    }
  }
}

async function look() {
  const stop = new AbortController()
  onTestFinished(() => stop.abort())
  const response = await fetch(`${url}/state/stream`, { signal: stop.signal })
  const events = eventsOf(response)
  const next = async () => (await events.next()).value!
  return { response, next, leave: () => stop.abort() }
}

describe('the stream of states', () => {
  test('begins with what was, then has a state each second, the same for all', async () => {
    const [first, second] = [await look(), await look()]
    expect((await first.next()).name).toBe('history')
    expect((await first.next()).data.viewers).toBe(1)
    await second.next()
    await second.next()
    await clock.advance(stateIntervalMs)
    const [a, b] = [await first.next(), await second.next()]
    expect(a).toEqual(b)
    expect(a).toMatchObject({ name: 'state', data: { viewers: 2, timeMs: clock.epochMs() } })
  })

  test('has a limit, and says so', async () => {
    for (let i = 0; i < maxViewers; i += 1) await look()
    const { response } = await look()
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '10'])
    expect(await response.text()).toContain(`${maxViewers} others look at this page already`)
  })

  test('is not looked at by who asks for its headers alone', async () => {
    for (let i = 0; i < 2 * maxViewers; i += 1) {
      const { status, headers } = await fetch(`${url}/state/stream`, { method: 'HEAD' })
      expect([status, headers.get('content-type')]).toEqual([200, 'text/event-stream'])
    }
    expect((await look()).response.status).toBe(200)
  })

  test('has a place again when somebody leaves', async () => {
    const viewers = await Promise.all(Array.from({ length: maxViewers }, look))
    viewers[0].leave()
    await expect.poll(async () => (await look()).response.status).toBe(200)
  })
})

test('what was is kept while nobody looks, once a second', async () => {
  await settled()
  const before = reads
  for (let i = 0; i < 5; i += 1) await clock.advance(stateIntervalMs)
  expect(reads).toBe(before + 5)
  const { history } = (await (await fetch(`${url}/state`)).json()) as { history: { timesMs: number[] } }
  expect(history.timesMs).toHaveLength(reads)
})

test('who is slow is passed over until all has left, and nothing waits for them', () => {
  const viewers = new Viewers()
  const [slow, quick] = [responseWith(100), responseWith(0)]
  viewers.add(slow as unknown as ServerResponse, 'first')
  viewers.add(quick as unknown as ServerResponse, 'first')
  viewers.tell('second')
  expect([slow.told, quick.told]).toEqual([['first'], ['first', 'second']])
  slow.writableLength = 0
  viewers.tell('third')
  expect([slow.told, quick.told]).toEqual([
    ['first', 'third'],
    ['first', 'second', 'third'],
  ])
})

test('who takes nothing any more makes room for others, and not who is only slow', () => {
  const viewers = new Viewers()
  const [gone, slow] = [responseWith(100), responseWith(100)]
  for (const response of [gone, slow]) viewers.add(response as unknown as ServerResponse, 'first')
  for (let i = 1; i < maxMissedStates; i++) viewers.tell('missed')
  slow.writableLength = 0
  viewers.tell('taken')
  expect([gone.destroyed, slow.destroyed]).toEqual([true, false])
})

describe('the files of the page', () => {
  test('are served with a policy that lets nothing else in, and not again when they are known', async () => {
    const page = await fetch(`${url}/`)
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(page.headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; script-src 'self'; style-src 'self'/,
    )
    const html = await page.text()
    expect(html).not.toMatch(/<script>|<style>| style=| on\w+=/)
    for (const [, file] of html.matchAll(/(?:src|href)="([^"#]+)"/g)) {
      expect([file, (await fetch(new URL(file, `${url}/`))).status]).toEqual([file, 200])
    }
    const headers = { 'if-none-match': page.headers.get('etag')! }
    expect((await fetch(`${url}/`, { headers })).status).toBe(304)
  })

  test('are these alone: no way leads out of the folder', async () => {
    for (const path of ['/index.html', '/uplot.d.ts', '/%2e%2e/console.ts', '/..%2fconsole.ts', '/constructor']) {
      expect([path, (await fetch(`${url}${path}`)).status]).toEqual([path, 404])
    }
  })

  test('are there for who has no token, as the form for it is in them; what they show is not', async () => {
    const metrics = metricsOf(() => '')
    const sources = { clock, pools: new LivePools(), metrics, poolName: (key: string) => key }
    const lists = { catalog: () => emptyCatalog, problems: () => [], decisions: () => [] }
    const console = new Console(new Overview({ ...sources, ...lists }), clock)
    onTestFinished(() => console.close())
    const closed = await serve({ console, access: async () => ({ status: 401, message: 'no' }) })
    expect((await fetch(`${closed}/main.js`)).status).toBe(200)
    for (const path of Object.keys(console.routes)) {
      expect([path, (await fetch(closed + path)).status]).toEqual([path, 401])
    }
  })
})

function responseWith(writableLength: number) {
  const told: string[] = []
  return {
    told,
    writableLength,
    destroyed: false,
    destroy() {
      this.destroyed = true
    },
    writeHead() {},
    on() {},
    write: (bytes: string | Buffer) => told.push(String(bytes)),
  }
}
