import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { checks, runCheck } from '../../src/demo/acceptance.ts'

let folder: string
const closers: (() => unknown)[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'acceptance-'))
  writeFileSync(join(folder, 'models.yaml'), readFileSync('examples/two-models/models.yaml'))
})
afterEach(() => {
  for (const close of closers.splice(0)) close()
  rmSync(folder, { recursive: true })
})

/** Something that listens where the gateway should be. */
async function gateway(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(
    () => server.closeAllConnections(),
    () => server.close(),
  )
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const ground = (url: string) => ({
  mode: 'full-duplex' as const,
  url,
  servers: [],
  modelsFile: join(folder, 'models.yaml'),
})

describe('no check passes', () => {
  test.each(checks)('$id on a gateway that fails', async (check) => {
    const url = await gateway((_, response) => response.writeHead(500).end('out of order'))
    expect(await runCheck(check, ground(url))).toEqual({ ok: false, reason: expect.stringContaining('status 500') })
  })

  // C2 waits 10 s for its change before it gives up.
  test.each(checks.filter(({ id }) => id !== 'C2'))('$id on a gateway that answers by itself', async (check) => {
    const answer = { object: 'chat.completion', model: 'qwen', choices: [{ message: { content: 'hi' } }] }
    const url = await gateway((request, response) => {
      request.resume()
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
    })
    expect((await runCheck(check, ground(url))).ok).toBe(false)
  })

  test.each(checks)('$id where nothing listens', async (check) => {
    expect(await runCheck(check, ground('http://127.0.0.1:1'))).toEqual({
      ok: false,
      reason: expect.stringContaining('ECONNREFUSED'),
    })
  })
})

test('the canary check puts its file back', async () => {
  const url = await gateway((_, response) => response.writeHead(500).end())
  await runCheck(checks.find(({ id }) => id === 'C2')!, ground(url))
  expect(readFileSync(join(folder, 'models.yaml'), 'utf8')).toBe(
    readFileSync('examples/two-models/models.yaml', 'utf8'),
  )
})
