import { describe, expect, test } from 'vitest'
import { modes } from '../../src/demo/envoy-file.ts'
import { startGateway } from '../../src/demo/gateway.ts'
import { envoy } from './envoy.ts'

describe.skipIf(envoy === undefined)('a drain', () => {
  test('lets go of requests whose answers are under way, and Envoy completes them', async () => {
    const gateway = await startGateway({
      envoy: envoy!,
      modes,
      showsAnswers: true,
      serveFlags: ['--access-log=1'],
    })
    try {
      const order: string[] = []
      const ask = async (url: string): Promise<number> => {
        const body = JSON.stringify({ model: 'qwen', messages: [{ role: 'user', content: 'hi' }] })
        const headers = { 'content-type': 'application/json', 'x-sim-fault': 'stall=6000' }
        const answer = await fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body })
        order.push('answered')
        return answer.status
      }
      const answers = Promise.all(modes.map((mode) => ask(gateway.urls.get(mode)!)))
      const qwen = gateway.servers.filter(({ model }) => model === 'qwen')
      await expect.poll(() => qwen.reduce((sum, server) => sum + server.journal.count, 0)).toBe(modes.length)
      process.kill(gateway.signalbox.pid!, 'SIGTERM')
      await gateway.signalbox.ended
      order.push('signalbox has ended')
      expect(await answers).toEqual(modes.map(() => 200))
      expect(order[0]).toBe('signalbox has ended')
      // It does not see how they end, and so does not say that they were cut.
      const lines = gateway.signalbox.lastLines(1000).match(/^{"time".*"outcome".*$/gm) ?? []
      expect(lines.map((line) => JSON.parse(line).outcome)).toEqual(modes.map(() => 'unseen'))
    } finally {
      await gateway.stop()
    }
  })
})
