import pino from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePorts } from '../../src/demo/free-ports.ts'
import { Discovery } from '../../src/extension/discovery.ts'
import { ExtensionServer } from '../../src/extension/extension-server.ts'
import { createHooks } from '../../src/extension/hooks.ts'
import { loadAssignment } from '../../src/extension/load-assignment.ts'
import { messages } from '../../src/extension/messages.ts'
import { makePoolCluster } from '../../src/extension/pool-cluster.ts'
import { envoy } from '../e2e/envoy.ts'
import { servedBy, Upstream } from '../e2e/upstream.ts'
import { jsonOf } from '../extension/envoy-json.ts'
import { startBareEnvoy } from './extension-envoy.ts'

/** Envoy waits for up to 30 s before it opens a stream again. */
const askAgainMs = 40_000

const log = pino({ level: 'silent' })

/** The extension server, with these servers in the pool. */
async function startServer(port: number, servers: readonly Upstream[]) {
  const discoveries = {
    endpoints: new Discovery(messages.loadAssignment.typeUrl, log),
    filters: new Discovery(messages.extension.typeUrl, log),
  }
  const discovery = { host: '127.0.0.1', port, authority: undefined }
  const hooks = createHooks({ discovery, extProc: { host: '127.0.0.1', port, tls: false } }, log)
  const server = new ExtensionServer(hooks, discoveries, undefined, Promise.resolve(), () => {})
  await server.listen(port, '127.0.0.1')
  const update = (members: readonly Upstream[]) =>
    discoveries.endpoints.update(
      (name) => loadAssignment(name, new Map([['default/pool', members]])),
      () => true,
    )
  update(servers)
  return { server, update }
}

/** The cluster of the pool, as Envoy has it. */
function poolCluster(discoveryPort: number) {
  const cluster = messages.cluster.from({ name: 'pool', type: 'EDS', connect_timeout: '1s' })
  const discovery = { host: '127.0.0.1', port: discoveryPort, authority: undefined }
  makePoolCluster(cluster, [{ key: 'default/pool', speaksHttp2: false }], discovery)
  return jsonOf(cluster)
}

describe.skipIf(envoy === undefined)('a real Envoy that asks for the endpoints of a pool', () => {
  const ends: (() => unknown)[] = []
  const [a, b] = [new Upstream('a'), new Upstream('b')]
  let discoveryPort: number
  let url: string
  let running: Awaited<ReturnType<typeof startServer>>

  beforeAll(async () => {
    for (const upstream of [a, b]) {
      await upstream.listen()
      ends.push(() => upstream.close())
    }
    const [port] = await freePorts(1)
    discoveryPort = port
    const running = await startBareEnvoy({ clusters: [poolCluster(discoveryPort)] })
    ends.push(() => running.stop())
    url = running.url
  })
  afterAll(async () => {
    for (const end of ends.reverse()) await end()
  })

  /** The server that answers, or the status where none does. */
  const ask = async () => {
    const answer = await fetch(url)
    await answer.arrayBuffer()
    return answer.headers.get(servedBy) ?? answer.status
  }

  test('starts while nobody tells, and has none', async () => {
    expect(await ask()).toBe(503)
  })

  test('has them when it asks again', async () => {
    running = await startServer(discoveryPort, [a])
    ends.push(() => running.server.close())
    await expect.poll(ask, { timeout: askAgainMs }).toBe('a')
  })

  test('follows changes', async () => {
    running.update([b])
    await expect.poll(ask).toBe('b')
    running.update([])
    await expect.poll(ask).toBe(503)
    running.update([a])
    await expect.poll(ask).toBe('a')
  })

  test('keeps what it has while nobody tells, and goes on with the next who does', async () => {
    await running.server.close()
    expect(await ask()).toBe('a')
    running = await startServer(discoveryPort, [b])
    await expect.poll(ask, { timeout: askAgainMs }).toBe('b')
  })
})
