import { expect } from 'vitest'
import { chatBody } from '../../src/demo/probe.ts'
import type { Sim } from '../../src/sim/sim.ts'

/** More than Envoy lets through to a cluster by itself. */
export const manyRequests = 1_200

/** {@link manyRequests} at once, none of which is answered: expects them all to reach the servers, and to stay there. */
export async function expectCrowd(cluster: { readonly url: string; readonly servers: readonly Sim[] }): Promise<void> {
  const enough = new AbortController()
  const path = '/v1/chat/completions?crowd'
  const question = {
    method: 'POST',
    headers: { 'x-sim-fault': 'stall' },
    body: chatBody('qwen'),
    signal: enough.signal,
  }
  const answers = Array.from({ length: manyRequests }, () => fetch(`${cluster.url}${path}`, question))
  const ended = Promise.allSettled(answers)
  const here = () => cluster.servers.flatMap(({ journal }) => journal.entries()).filter((entry) => entry.path === path)
  try {
    await expect.poll(() => here().length, { timeout: 60_000 }).toBe(manyRequests)
    expect(here().filter(({ closedMs }) => closedMs !== undefined)).toEqual([])
  } finally {
    enough.abort()
    await ended
  }
}
