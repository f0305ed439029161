import { afterEach, describe, expect, test, vi } from 'vitest'
import { RolloutStage, steadyTraffic, target } from '../../bench/rollback/stage.ts'
import type { RolloutPhase } from '../../src/rollout/state.ts'
import { seededRandom } from '../../src/sim/random.ts'
import { envoy } from './envoy.ts'

const users = 400

describe.skipIf(envoy === undefined)('a rollout behind a real Envoy, with a steady load of 400 users', () => {
  let stage: RolloutStage | undefined
  afterEach(async () => {
    await stage?.stop()
  })

  async function begin(steps: string) {
    stage = await RolloutStage.start({
      envoy: envoy!,
      steps, // Of servers that answer at once, on a machine with other things to do, times tell nothing.
      limits: 'samples=10, ttft-p90=100x, tokens-per-second=0.01x',
    })
    const ended = new AbortController()
    const traffic = steadyTraffic(stage, { perSecond: 60, users }, seededRandom(3, 1), ended.signal)
    const until = (phase: RolloutPhase) =>
      vi.waitFor(async () => expect((await stage!.progress())?.phase).toBe(phase), { timeout: 60_000, interval: 100 })
    const end = () => {
      ended.abort()
      return traffic
    }
    return { stage, until, end }
  }

  test('goes through its steps to the end, and no request fails', async () => {
    const { stage, until, end } = await begin('10% for 2s, 50% for 2s, 100%')
    await until('Completed')
    expect(await stage.progress()).toMatchObject({
      weightPercent: 100,
      step: 2,
      message: `${target} has 100%, the last step`,
    })
    const before = stage.exposedUsers().size
    await vi.waitFor(() => expect(stage.exposedUsers().size).toBeGreaterThan(Math.max(before, users * 0.6)), {
      timeout: 20_000,
    })
    expect([...(await end()).keys()]).toEqual([200])
  })

  test('is rolled back when the target fails, and then nobody meets it any more', async () => {
    const { stage, until, end } = await begin('4% for 5m, 100%')
    await until('Progressing')
    stage.setFaults([{ kind: 'status', code: 500 }])
    await until('RolledBack')
    expect(await stage.progress()).toMatchObject({
      weightPercent: 0,
      message: expect.stringMatching(/^rolled back from step 1 of 2 \(4%\) by errors=\+1%: \d+ of \d+ answers failed/),
    })
    // Of 400 users, of whom 4 % are 16: by how the hashes fall.
    const exposed = stage.exposedUsers()
    expect(exposed.size).toBeGreaterThan(0)
    expect(exposed.size).toBeLessThanOrEqual(28)
    // A replica has heard of it when its requests for the target end.
    await vi.waitFor(async () => {
      const page = await (await fetch(`${stage.gateway.metricsUrl}`)).text()
      expect(page).toMatch(new RegExp(`signalbox_target_weight_ratio\\{.*target="${target}"\\} 0\\n`))
    })
    const requests = () => stage.gateway.servers.reduce((sum, { journal }) => sum + journal.count, 0)
    const met = () =>
      stage.gateway.servers.flatMap(({ journal }) => journal.entries()).filter(({ model }) => model === target)
    const [before, at] = [met().length, requests()]
    await vi.waitFor(() => expect(requests()).toBeGreaterThan(at + 120), { timeout: 20_000 })
    expect(met().length - before).toBeLessThanOrEqual(1)
    await end()
  })
})
