import { type Sim, startSim } from '../../../src/sim/sim.ts'

/** Model servers that take their time, so that there are always answers under way. */
const latency = { ttftMs: 10, itlMs: 10 }
const answerTokens = 8

/** Two are left when one fails. */
const fleetSize = 3

export type Fleet = { readonly servers: readonly Sim[]; stop(): Promise<void> }

export async function startFleet(): Promise<Fleet> {
  const servers: Sim[] = []
  const stop = async () => {
    for (const server of servers) await server.close()
  }
  try {
    for (let index = 0; index < fleetSize; index++) {
      const settings = { latency, tokens: answerTokens }
      servers.push(await startSim({ name: `qwen-${index}`, model: 'qwen', settings }))
    }
  } catch (error) {
    await stop()
    throw error
  }
  return { servers, stop }
}
