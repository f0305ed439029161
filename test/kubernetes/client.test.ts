import dns from 'node:dns'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KubeConfig } from '@kubernetes/client-node'
import { afterEach, beforeEach, describe, expect, type Mock, test, vi } from 'vitest'
import { freePorts } from '../../src/demo/free-ports.ts'
import { isManagerConflict, KubeClient, type WatchEvent } from '../../src/kubernetes/client.ts'
import { startScriptedApi } from './api-script.ts'

type LookupCall = [host: string, options: object, done: (error: null, addresses: readonly object[]) => void]

describe('a client of the Kubernetes API', () => {
  let api: Awaited<ReturnType<typeof startScriptedApi>>
  beforeEach(async () => {
    api = await startScriptedApi()
  })
  afterEach(() => api.close())

  /** What a GET throws when it is answered like this. */
  const refused = async (answer: (call: Awaited<ReturnType<typeof api.next>>) => void) => {
    const call = api.client.get('/api/v1/pods')
    answer(await api.next())
    return call.then(
      () => expect.fail('was not refused'),
      (error: Error) => error,
    )
  }

  test('tells how long the API server wants to be left alone', async () => {
    const status = { kind: 'Status', code: 429, reason: 'TooManyRequests', message: 'too many requests' }
    const { kind: _, code, ...told } = status
    const error = await refused((call) => call.answer(status, code, { 'retry-after': '7' }))
    expect(error).toMatchObject({ name: 'ApiError', status: code, ...told, retryAfterMs: 7000 })
    expect(await refused((call) => call.answer(status, 429))).toMatchObject({ retryAfterMs: 0 })
  })

  test.for([
    { answer: 'no JSON', text: '<html>Bad gateway</html>', type: 'text/html', status: 502 },
    { answer: 'JSON in name alone', text: '<html>Bad gateway</html>', type: 'application/json', status: 502 },
    { answer: 'JSON that is nothing', text: 'null', type: 'application/json', status: 502 },
    { answer: 'a page to log in', text: '<html>Who are you?</html>', type: 'text/html', status: 200 },
    { answer: 'half of an object', text: '{"items": [', type: 'application/json', status: 200 },
  ])('$answer, with status $status, is a refusal that shows it', async ({ text, type, status }) => {
    const error = await refused((call) => call.answerText(text, status, type))
    expect(error).toMatchObject({ name: 'ApiError', status, message: expect.stringContaining(text) })
  })

  test('sends a body with DELETE that is one, and no beginning of another request', async () => {
    const uid = 'u-1'
    const deleting = api.client.delete('/api/v1/pods/a', { uid, resourceVersion: '7' })
    const call = await api.next()
    expect(call.method).toBe('DELETE')
    expect(JSON.parse(await call.text())).toEqual({ preconditions: { uid, resourceVersion: '7' } })
    call.answer({})
    await deleting
    const getting = api.client.get('/api/v1/pods')
    ;(await api.next()).answer({ items: [] })
    expect(await getting).toEqual({ items: [] })
  })

  test('tells which fields of an apply belong to whom', async () => {
    const causes = [{ reason: 'FieldManagerConflict', message: 'conflict with "other"', field: '.spec.rules' }]
    const error = await refused((call) => call.answer({ kind: 'Status', details: { causes } }, 409))
    expect(error).toMatchObject({ status: 409, causes })
    expect(isManagerConflict(error)).toBe(true)
    expect(isManagerConflict(await refused((call) => call.answer({ kind: 'Status' }, 409)))).toBe(false)
  })

  test('gives up a watch that tells nothing any more', async () => {
    const told: WatchEvent['type'][] = []
    const listener = { onOpen: () => {}, onEvent: ({ type }: WatchEvent) => told.push(type) }
    const watch = api.client.watch('/api/v1/pods', {}, listener, new AbortController().signal, 50)
    const call = await api.next()
    call.send({ type: 'BOOKMARK', object: {} })
    expect(await watch).toBe('silent')
    expect(told).toEqual(['BOOKMARK'])
  })

  test('waits for the beginning of a watch no longer than for an answer', async () => {
    const listener = { onOpen: () => {}, onEvent: () => {} }
    const watch = api.client.watch('/api/v1/pods', {}, listener, new AbortController().signal, 50)
    await expect(watch).rejects.toThrow('the API server has not answered within 0.05 s')
  })
})

test('says of each address of a name why it does not answer', async () => {
  const [port] = await freePorts(1)
  const config = new KubeConfig()
  const cluster = { name: 'nobody', server: `https://api.example.com:${port}`, skipTLSVerify: true }
  config.loadFromClusterAndUser(cluster, { name: 'user' })
  const addresses = ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }))
  const lookup = vi.spyOn(dns, 'lookup') as unknown as Mock<(...call: LookupCall) => void>
  lookup.mockImplementation((_host, _options, done) => done(null, addresses))
  try {
    await expect(new KubeClient(config).get('/api/v1/pods')).rejects.toMatchObject({
      message: `connect ECONNREFUSED 127.0.0.1:${port}; connect ECONNREFUSED 127.0.0.2:${port}`,
      code: 'ECONNREFUSED',
    })
  } finally {
    lookup.mockRestore()
  }
})

test('a token is read anew from its file within a minute', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'signalbox-token-'))
  const tokenFile = join(folder, 'token')
  const api = await startScriptedApi({ name: 'pod', authProvider: { name: 'tokenFile', config: { tokenFile } } })
  vi.useFakeTimers({ toFake: ['Date'] })
  const tokenOf = async () => {
    const call = api.client.get('/api/v1/pods')
    const received = await api.next()
    received.answer({})
    await call
    return received.headers.authorization
  }
  try {
    await writeFile(tokenFile, 'first')
    expect(await tokenOf()).toBe('Bearer first')
    await writeFile(tokenFile, 'second')
    vi.setSystemTime(Date.now() + 61_000)
    expect(await tokenOf()).toBe('Bearer second')
  } finally {
    vi.useRealTimers()
    await api.close()
    await rm(folder, { recursive: true })
  }
})
