import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ScenarioRequest } from '../scenarios/scenario.ts'
import { ask } from './ask.ts'
import type { Tally } from './tally.ts'

export type Drive = {
  readonly requests: readonly ScenarioRequest[]
  readonly sides: readonly { readonly url: string; readonly tally: Tally }[]
  readonly patienceMs: number
  /** Since the start of the scenario. */
  readonly nowMs: () => number
  /** Ends it, and all requests under way. */
  readonly signal: AbortSignal
}

/** Once the last request was sent, others have so long to be answered. */
const graceMs = 3000

/**
 * Sends each request at its time to all sides, whether or not earlier ones were answered. Resolves a moment after the last one;
 * what has no answer by then stays as waiting.
 */
export async function drive({ requests, sides, patienceMs, nowMs, signal }: Drive): Promise<void> {
  const agents = sides.map(() => new Agent({ keepAlive: true }))
  const over = new AbortController()
  const under = AbortSignal.any([signal, over.signal])
  const send = async (side: number, request: ScenarioRequest, body: string) => {
    const { url, tally } = sides[side]
    const outcome = tally.send(request)
    const onFirstToken = () => {
      outcome.firstTokenMs = nowMs() - request.atMs
    }
    const { headers } = request
    const result = await ask({ agent: agents[side], url, headers, body, patienceMs, onFirstToken, signal: under })
    if (!under.aborted) tally.end(outcome, result, nowMs())
  }

  const answers: Promise<void>[] = []
  try {
    for (const [index, request] of requests.entries()) {
      const waitMs = request.atMs - nowMs()
      if (waitMs > 0) await sleep(waitMs, undefined, { signal })
      const body = request.body()
      // Neither side is always the first.
      for (let i = 0; i < sides.length; i += 1) answers.push(send((index + i) % sides.length, request, body))
    }
    const grace = new AbortController()
    await Promise.race([
      Promise.all(answers),
      sleep(graceMs, undefined, { signal: AbortSignal.any([signal, grace.signal]) }),
    ])
    grace.abort()
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    over.abort()
    await Promise.all(answers)
    for (const agent of agents) agent.destroy()
  }
}
