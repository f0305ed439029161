import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type DemoPage, servePage } from '../../../src/demo/show/page.ts'
import { feedWith } from './feed.ts'

let signalbox: Server
let metricsUrl: string
const pages: DemoPage[] = []

beforeEach(async () => {
  signalbox = createServer((incoming, response) => {
    if (incoming.url === '/stream') return void response.writeHead(200).write('data: 1\n\n')
    if (incoming.url === '/') {
      const text = '<head>\n</head>'
      return void response.writeHead(200, { 'content-length': text.length, etag: '"1"' }).end(text)
    }
    let body = ''
    incoming.on('data', (chunk) => (body += chunk))
    incoming.on('end', () => {
      response.writeHead(201, { 'x-from': 'signalbox' })
      response.end(JSON.stringify({ method: incoming.method, url: incoming.url, host: incoming.headers.host, body }))
    })
  })
  await new Promise<void>((resolve) => signalbox.listen(0, '127.0.0.1', resolve))
  metricsUrl = `http://127.0.0.1:${(signalbox.address() as AddressInfo).port}/metrics`
})
afterEach(async () => {
  for (const page of pages.splice(0)) await page.close()
  signalbox.closeAllConnections()
  await new Promise((resolve) => signalbox.close(resolve))
})

async function page(feed?: () => ReturnType<typeof feedWith>): Promise<string> {
  const served = await servePage(0, metricsUrl, feed)
  pages.push(served)
  return served.url
}

test('passes everything else through to Signalbox, with the host that was asked for', async () => {
  const url = await page(feedWith)
  const answer = await fetch(`${url}explain?a=1`, { method: 'POST', body: 'hello' })
  expect(answer.status).toBe(201)
  expect(answer.headers.get('x-from')).toBe('signalbox')
  expect(await answer.json()).toEqual({ method: 'POST', url: '/explain?a=1', host: new URL(url).host, body: 'hello' })
})

test('leaves it to Signalbox to refuse other names for this machine', async () => {
  const url = new URL(await page(feedWith))
  const host = await new Promise((resolve) => {
    request(new URL('state', url), { headers: { host: 'evil.example' } }, (answer) => {
      answer.on('data', (data) => resolve(JSON.parse(data).host))
    }).end()
  })
  expect(host).toBe('evil.example')
})

test('/scenario says how the scenario stands', async () => {
  let title = 'one'
  const url = await page(() => feedWith({ title }))
  const read = async () => (await fetch(`${url}scenario`)).json()
  expect(await read()).toEqual(feedWith({ title }))
  title = 'two'
  expect(await read()).toMatchObject({ title })
})

test('names the module of the panel in the document', async () => {
  const text = async (url: string) => (await fetch(url)).text()
  expect(await text(await page(feedWith))).toBe('<head>\n<script type="module" src="scenario.js"></script>\n</head>')
})

test('without a scenario passes those through, too', async () => {
  const url = await page()
  expect(await (await fetch(`${url}scenario`)).json()).toMatchObject({ url: '/scenario' })
  expect(await (await fetch(url)).text()).toBe('<head>\n</head>')
})

test('passes on a stream as it comes, and ends it with the browser', async () => {
  const gone = new Promise((resolve) => signalbox.on('request', (_, response) => response.on('close', resolve)))
  const answer = await fetch(`${await page()}stream`)
  const reader = answer.body!.getReader()
  expect(new TextDecoder().decode((await reader.read()).value)).toBe('data: 1\n\n')
  await reader.cancel()
  await gone
})

test('says so when Signalbox is gone', async () => {
  const url = await page()
  await new Promise((resolve) => signalbox.close(resolve))
  expect((await fetch(url)).status).toBe(502)
  expect((await fetch(`${url}metrics`)).status).toBe(502)
})
