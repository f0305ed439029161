import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { modes } from '../../src/demo/envoy-file.ts'
import { type Gateway, startGateway } from '../../src/demo/gateway.ts'
import { envoy } from './envoy.ts'
import { load } from './load.ts'

// soak.ts does the same with more requests. HTTP/2 servers that limit stream resets fail some of a thousand.
describe.skipIf(envoy === undefined)('under load no request fails', () => {
  let gateway: Gateway
  beforeAll(async () => {
    gateway = await startGateway({ envoy: envoy!, modes })
  })
  afterAll(() => gateway?.stop())

  test.each([
    { mode: 'full-duplex', requests: 10_000 },
    { mode: 'streamed', requests: 2_500 },
    { mode: 'buffered', requests: 2_500 },
  ] as const)('$mode: $requests requests over 64 connections', async ({ mode, requests }) => {
    const result = await load(gateway.urls.get(mode)!, requests, 64)
    expect(result).toMatchObject({ requests, failures: new Map() })
  })
})
