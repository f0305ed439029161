import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createServer, type Server, request as startRequest } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { type Mode, modes } from '../../src/demo/envoy-file.ts'
import { type Gateway, startGateway } from '../../src/demo/gateway.ts'
import { Probe } from '../../src/demo/probe.ts'
import { envoy } from './envoy.ts'

const folder = join(import.meta.dirname, '..', '..', 'envoy')

describe.skipIf(envoy === undefined)('the Envoy files', () => {
  let gateway: Gateway | undefined
  afterEach(async () => {
    await gateway?.stop()
    gateway = undefined
  })
  const start = async (mode: Mode = 'full-duplex', tls = false) => {
    gateway = await startGateway({ envoy: envoy!, modes: [mode], tls })
    const url = gateway.urls.get(mode)!
    return { gateway, url, probe: new Probe({ ...gateway, mode, url }) }
  }

  test.each(readdirSync(folder).filter((name) => name.endsWith('.yaml')))('%s is valid', (name) => {
    const output = execFileSync(envoy!, ['--mode', 'validate', '-c', join(folder, name)], {
      encoding: 'utf8',
      stdio: 'pipe',
    })
    expect(output).toContain('OK')
  })

  test('full-duplex-tls.yaml works with the certificate that Signalbox makes itself', async () => {
    const { probe } = await start('full-duplex', true)
    expect((await probe.chat('travel-helper')).status).toBe(200)
    expect(probe.onlyArrival('qwen').model).toMatch(/^travel-helper-v[12]$/)
  })

  test('a server that refuses connections costs no request: another one answers', async () => {
    const { gateway, probe } = await start()
    await gateway.servers[0].refuse()
    const answers = await probe.many(200, () => probe.chat('qwen'))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
  })

  test.each(modes)('%s: a server that answers 503 is tried once, then another one gets the same body', async (mode) => {
    const { gateway, probe } = await start(mode)
    const failing = gateway.servers[1]
    failing.setFaults([{ kind: 'status', code: 503 }])
    // Each of its own, as equal prompts would stay where the first one went.
    const bodies = Array.from({ length: 50 }, (_, i) =>
      JSON.stringify({ model: 'qwen', messages: [{ role: 'user', content: `${i}: who are you? `.repeat(30_000) }] }),
    )
    let next = 0
    const answers = await probe.many(bodies.length, () => probe.chat('', { body: bodies[next++] }))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    const entries = probe.arrived('qwen')
    expect(entries.length).toBeGreaterThan(bodies.length)
    const hashes = bodies.map((body) => createHash('sha256').update(body).digest('hex'))
    expect(new Set(entries.map(({ bodySha256 }) => bodySha256))).toEqual(new Set(hashes))
  })

  test('without a server, and without Signalbox, clients get 503 as OpenAI-shaped JSON', async () => {
    const { gateway, probe } = await start()
    for (const server of gateway.servers) await server.refuse()
    const unreachable = await probe.chat('qwen')
    await gateway.signalbox.stop()
    const undecided = await probe.chat('qwen')
    for (const { status, headers, body } of [unreachable, undecided]) {
      expect({ status, type: headers['content-type'] }).toEqual({ status: 503, type: 'application/json' })
      expect(JSON.parse(body.toString())).toEqual({
        error: { message: expect.any(String), type: 'server_error', param: null, code: expect.any(String) },
      })
    }
  })

  describe('an answer under way reaches its end', () => {
    async function whileStreaming(mode: Mode, happening: (gateway: Gateway) => Promise<unknown>): Promise<string> {
      const { gateway, probe } = await start(mode)
      const headers = { 'x-sim-fault': 'stall=1500;afterChunks=3' }
      const answer = probe.chat('qwen', { fields: { stream: true }, headers })
      while (probe.arrived('qwen')[0]?.endMs === undefined) await sleep(10)
      await sleep(200) // the headers of the answer and its first chunks pass
      await happening(gateway)
      return (await answer).body.toString()
    }

    test.each(modes)('%s: when Signalbox is stopped', async (mode) => {
      expect(await whileStreaming(mode, ({ signalbox }) => signalbox.stop())).toMatch(/data: \[DONE\]\n\n$/)
    })

    // In buffered mode Envoy waits for its processor to the end.
    test.each(['full-duplex', 'streamed'] as const)('%s: when Signalbox is killed', async (mode) => {
      const kill = async ({ signalbox }: Gateway) => process.kill(signalbox.pid, 'SIGKILL')
      expect(await whileStreaming(mode, kill)).toMatch(/data: \[DONE\]\n\n$/)
    })
  })

  test('WebSocket upgrades pass, both ways', async () => {
    const { gateway, url } = await start()
    const echoes: Server[] = []
    for (const { model, port, refuse } of gateway.servers) {
      if (model !== 'qwen') continue
      await refuse()
      echoes.push(await echoServer(port))
    }
    const request = startRequest(new URL('/v1/realtime', url), {
      headers: {
        connection: 'upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'a2V5',
      },
    }).end()
    const [response, socket] = await once(request, 'upgrade')
    expect(response.statusCode).toBe(101)
    for (const words of ['mind the gap', 'stand clear']) {
      socket.write(words)
      const [echo] = await once(socket, 'data')
      expect(echo.toString()).toBe(words)
    }
    socket.destroy()
    for (const echo of echoes) echo.close()
  })
})

/** Switches protocols with anybody, and sends back what it gets. */
async function echoServer(port: number): Promise<Server> {
  const server = createServer()
  server.on('upgrade', (_, socket) => {
    socket.on('error', () => {})
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n')
    socket.pipe(socket)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}
