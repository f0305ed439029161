import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type AccessOptions, createAccess, isLoopbackName } from '../../src/admin/access.ts'
import type { KubeClient } from '../../src/kubernetes/client.ts'
import { SourceError } from '../../src/sources/source.ts'
import { ManualClock } from '../pool/manual-clock.ts'
import { requestFrom } from './serving.ts'

const silent = pino({ level: 'silent' })
const asking: AccessOptions = { asksForTokens: true, tokenFile: undefined }
const bearer = (token: string) => ({ authorization: `Bearer ${token}`, host: '10.0.0.5:9090' })

const accessBy = (options: Partial<AccessOptions>, client?: Pick<KubeClient, 'create'>, log = silent) =>
  createAccess({ ...asking, ...options }, client, new ManualClock(), log)

function fileWith(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-token-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'token'), text)
  return join(folder, 'token')
}

describe('who asks from this machine', () => {
  test.each(['127.0.0.1', '::1', '::ffff:127.0.0.1'])('is let in: %s', async (address) => {
    expect(await accessBy({})(requestFrom(address, { host: 'localhost:9090' }), '/metrics')).toBeUndefined()
  })

  test('is not let in under the name of another site, which may lead here', async () => {
    const denial = await accessBy({})(requestFrom('127.0.0.1', { host: 'evil.example:9090' }), '/state')
    expect(denial?.status).toBe(401)
  })

  test.each([{ 'x-forwarded-for': '10.0.0.9' }, { forwarded: 'for=10.0.0.9' }])(
    'is somebody else behind a proxy: %o',
    async (headers) => {
      const denial = await accessBy({})(requestFrom('127.0.0.1', { host: 'localhost', ...headers }), '/metrics')
      expect(denial?.status).toBe(401)
    },
  )

  test('is a sidecar that speaks for anybody, from any other loopback address', async () => {
    expect((await accessBy({})(requestFrom('127.0.0.6', { host: 'localhost' }), '/metrics'))?.status).toBe(401)
  })
})

test.each([
  ['localhost', true],
  ['localhost:9090', true],
  ['LOCALHOST', true],
  ['signalbox.localhost:80', true],
  ['127.0.0.1:9090', true],
  ['[::1]:9090', true],
  ['localhost.evil.example', false],
  ['127.0.0.1.evil.example', false],
  ['evil.example:127', false],
  ['[::2]', false],
  ['', false],
])('%o as a name of this machine: %s', (host, is) => {
  expect(isLoopbackName(host)).toBe(is)
})

describe('who comes from elsewhere', () => {
  test('is told all the ways in', async () => {
    const denial = await accessBy({})(requestFrom('10.0.0.9', { host: '10.0.0.5:9090' }), '/metrics')
    expect(denial).toEqual({
      status: 401,
      message:
        'this port asks for a bearer token: ask from 127.0.0.1 (kubectl port-forward), or set --metrics-token-file. ' +
        '--metrics-endpoint-auth=false opens the port',
    })
  })

  test('is let in with the token of the file, whatever is around it there', async () => {
    const access = accessBy({ tokenFile: fileWith('  s3cret\n') })
    expect(await access(requestFrom('10.0.0.9', bearer('s3cret')), '/metrics')).toBeUndefined()
    expect((await access(requestFrom('10.0.0.9', bearer('s3cret2')), '/metrics'))?.status).toBe(401)
    expect((await access(requestFrom('10.0.0.9', { authorization: 'Basic s3cret' }), '/metrics'))?.status).toBe(401)
  })

  test('needs the new token once the file has one, and none is good when it is gone', async () => {
    const tokenFile = fileWith('old')
    const access = accessBy({ tokenFile })
    writeFileSync(tokenFile, 'new')
    expect((await access(requestFrom('10.0.0.9', bearer('old')), '/metrics'))?.status).toBe(401)
    expect(await access(requestFrom('10.0.0.9', bearer('new')), '/metrics')).toBeUndefined()
    rmSync(tokenFile)
    expect((await access(requestFrom('10.0.0.9', bearer('new')), '/metrics'))?.status).toBe(401)
  })

  test('is let in by everybody, where the port is open', async () => {
    expect(await accessBy({ asksForTokens: false })(requestFrom('10.0.0.9'), '/metrics')).toBeUndefined()
  })

  test('is asked about in the cluster, and told what is missing', async () => {
    const access = accessBy({}, cluster({ authenticated: true, allowed: false }))
    expect(await access(requestFrom('10.0.0.9', bearer('abc')), '/state')).toEqual({
      status: 403,
      message:
        'system:serviceaccount:monitoring:prometheus may not do this: ' +
        'a ClusterRole with the rule {nonResourceURLs: ["/state"], verbs: [get]} allows it',
    })
    const known = accessBy({}, cluster({ authenticated: true, allowed: true }))
    expect(await known(requestFrom('10.0.0.9', bearer('abc')), '/state')).toBeUndefined()
    const unknown = accessBy({}, cluster({ authenticated: false, allowed: true }))
    expect((await unknown(requestFrom('10.0.0.9', bearer('abc')), '/state'))?.status).toBe(401)
  })

  test('is not let in while the cluster can not be asked', async () => {
    const failing = { create: async () => Promise.reject(new Error('connect ECONNREFUSED')) }
    const logged: string[] = []
    const log = pino({}, { write: (line: string) => void logged.push(line) })
    expect(await accessBy({}, failing, log)(requestFrom('10.0.0.9', bearer('abc')), '/metrics')).toEqual({
      status: 503,
      message: 'the cluster could not be asked about the token: the log of this service says why',
    })
    expect(logged.join()).toContain('"cause":"connect ECONNREFUSED"')
  })
})

test.each(['', ' \n', 'two words'])('a token file with %o stops the start', (text) => {
  expect(() => accessBy({ tokenFile: fileWith(text) })).toThrow(SourceError)
})

test('a token file that is not there stops the start, and is named', () => {
  expect(() => accessBy({ tokenFile: '/nowhere/token' })).toThrow('--metrics-token-file /nowhere/token: ENOENT')
})

function cluster({ authenticated, allowed }: { authenticated: boolean; allowed: boolean }): Pick<KubeClient, 'create'> {
  const user = { username: 'system:serviceaccount:monitoring:prometheus' }
  return {
    create: async (path) =>
      ({ status: path.endsWith('tokenreviews') ? { authenticated, user } : { allowed } }) as never,
  }
}
