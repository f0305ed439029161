import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { demandChatAnswer } from '../../src/demo/demand.ts'
import { Probe } from '../../src/demo/probe.ts'
import { type RunningCluster, startExtensionCluster } from './extension-cluster.ts'
import { hasCluster } from './parts.ts'

describe.skipIf(!hasCluster)('hooks and discovery over TLS, on a real Envoy Gateway', () => {
  let running: RunningCluster
  beforeAll(async () => {
    running = await startExtensionCluster({ speaksTls: true })
  })
  afterAll(() => running?.stop())

  test('Envoy hears of a Pod that is new', async () => {
    const { cluster } = running
    const { url, servers } = cluster
    const probe = new Probe({ mode: 'full-duplex', url, servers, modelsFile: '' })
    demandChatAnswer(await probe.chat('qwen'), 'qwen')
    await cluster.addPod('qwen-1')
    const served = async () => {
      const answers = await probe.many(20, () => probe.chat('qwen'))
      return new Set(answers.map(({ headers }) => headers['x-sim-server'])).size
    }
    await expect.poll(served).toBe(2)
    probe.close()
  })
})
