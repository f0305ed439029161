/**
 * Many requests through Envoy and Signalbox, none of which may fail:
 *   node test/e2e/soak.ts [--requests 200000] [--connections 64] [--mode full-duplex]
 */
import { parseArgs } from 'node:util'
import { findEnvoy } from '../../src/demo/envoy-binary.ts'
import type { Mode } from '../../src/demo/envoy-file.ts'
import { startGateway } from '../../src/demo/gateway.ts'
import { load } from './load.ts'

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '200000' },
    connections: { type: 'string', default: '64' },
    mode: { type: 'string', default: 'full-duplex' },
  },
})
const mode = values.mode as Mode
const gateway = await startGateway({ envoy: await findEnvoy(process.env, console.log), modes: [mode] })
try {
  const work = load(gateway.urls.get(mode)!, Number(values.requests), Number(values.connections))
  const { requests, failures, seconds } = await Promise.race([work, gateway.broken])
  for (const [problem, times] of failures) console.log(`${times} × ${problem}`)
  const failed = [...failures.values()].reduce((sum, times) => sum + times, 0)
  console.log(`${mode}: ${requests} requests, ${failed} failed, ${Math.round(requests / seconds)} a second`)
  if (failed > 0) process.exitCode = 1
} finally {
  await gateway.stop()
}
