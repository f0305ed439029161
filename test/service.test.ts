import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pino from 'pino'
import { expect, test } from 'vitest'
import { type ServiceOptions, startService } from '../src/service.ts'
import { SourceError } from '../src/sources/source.ts'
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
