import { fileURLToPath } from 'node:url'
import { freePorts } from '../../src/demo/free-ports.ts'
import { GuardedProcess, untilReady } from '../../src/demo/process.ts'
import type { EndpointSpec } from '../../src/pool/endpoint.ts'

/** Model servers. */
export type Fleet = {
  readonly endpoints: readonly EndpointSpec[]
  /** The one port that all of them listen on. */
  readonly port: number
  stop(): Promise<void>
}

/** Those of model-servers.ts, all in one process. */
export type OwnFleet = Fleet & { readonly pid: number }

export const fleetNamespace = 'default'
export const fleetLabels = { app: 'bench-model-server' }

const program = fileURLToPath(new URL('model-servers.ts', import.meta.url))

const addresses = ['127.20.0.1', '127.20.0.2', '127.20.0.3', '127.20.0.4']

/** Starts them all on one free port. */
export async function startFleet(): Promise<OwnFleet> {
  const [port] = await freePorts(1)
  const servers = new GuardedProcess({
    name: 'model servers',
    command: process.execPath,
    args: [program, String(port), ...addresses],
  })
  try {
    // The last one listens when all do.
    await untilReady(servers, async () => (await fetch(`http://${addresses.at(-1)}:${port}/metrics`)).ok)
  } catch (error) {
    await servers.stop()
    throw error
  }
  return {
    port,
    pid: servers.pid,
    endpoints: addresses.map((address, index) => ({
      name: `model-server-${index + 1}`,
      namespace: fleetNamespace,
      address,
      port,
      labels: fleetLabels,
    })),
    stop: () => servers.stop(),
  }
}
