import { writeFile } from 'node:fs/promises'
import { connect } from 'node:http2'
import { join } from 'node:path'
import pino from 'pino'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type ServiceOptions, startService } from '../src/service.ts'
import { SourceError } from '../src/sources/source.ts'
import { RawCall } from './extproc/serving.ts'
import { grpcMessage, serializeRequest } from './fuzz/ext-proc-oracle.ts'
import { serviceOptions } from './service-options.ts'
import { poolText } from './sources/manifest-text.ts'
import { makeTempDirectory } from './sources/temp-directory.ts'

async function optionsFor(given: Partial<ServiceOptions>): Promise<ServiceOptions> {
  const directory = await makeTempDirectory()
  await writeFile(join(directory, 'pool.yaml'), poolText('pool'))
  return {
    ...serviceOptions,
    source: { kind: 'files', resources: [directory], endpointsFile: undefined, defaultNamespace: 'default' },
    host: '127.0.0.1',
    grpcPort: 0,
    healthPort: 0,
    metricsPort: 0,
    drainTimeoutMs: 1,
    ...given,
  }
}

/** What is logged from warnings on while the service starts. */
async function warningsOf(given: Partial<ServiceOptions>): Promise<string[]> {
  const lines: string[] = []
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line).msg) })
  const service = await startService(await optionsFor(given), log)
  await service.drain()
  return lines
}

test('a pool that is not there is warned of', async () => {
  expect(await warningsOf({ onlyPool: { namespace: 'default', name: 'pool' } })).toEqual([])
  expect(await warningsOf({ onlyPool: { namespace: 'default', name: 'pol' } })).toEqual([
    '--pool-name: there is no InferencePool default/pol, so no endpoint is picked',
  ])
})

test('a folder without certificates is an error that names its flag', async () => {
  const folder = await makeTempDirectory()
  const start = startService(await optionsFor({ tls: { folder } }), pino({ level: 'silent' }))
  await expect(start).rejects.toThrow(SourceError)
  await expect(start).rejects.toThrow(`--cert-path ${folder}: ENOENT`)
})

test('what the drain timeout cuts has its access line', async () => {
  const written: string[] = []
  const standardOutput = vi.spyOn(process.stdout, 'write').mockImplementation((text: unknown, ...rest: unknown[]) => {
    written.push(String(text))
    const done = rest.at(-1)
    if (done instanceof Function) done()
    return true
  })
  onTestFinished(() => standardOutput.mockRestore())
  const service = await startService(await optionsFor({ accessLogShare: 0 }), pino({ level: 'silent' }))
  const session = connect(`http://127.0.0.1:${service.grpcPort}`)
  session.on('error', () => {})
  onTestFinished(() => session.destroy())
  const call = new RawCall(session)
  const path = { key: ':path', raw_value: Buffer.from('/v1/chat/completions') }
  const request_headers = { headers: { headers: [path] } }
  call.stream.write(grpcMessage(serializeRequest({ request_headers })))
  // The body never comes.
  const page = async () => (await fetch(`http://127.0.0.1:${service.metricsPort}/metrics`)).text()
  await expect.poll(page).toMatch(/^signalbox_open_exchanges 1$/m)
  await service.drain()
  const lines = written.join('').match(/^{"time".*$/gm) ?? []
  expect(lines.map((line) => JSON.parse(line).outcome)).toEqual(['cut'])
})
