import { envoyVersion } from '../../src/demo/envoy-binary.ts'
import { type Ground, Probe } from '../../src/demo/probe.ts'
import { type Sim, startSim } from '../../src/sim/sim.ts'
import { podAddress } from './pod-network.ts'
import type { PodEntry } from './pods.ts'

/** A model server in the place of a Pod, with its journal. */
export type Server = Sim & { readonly model: string; readonly pod: PodEntry }

/** A server to start; `host` as {@link podAddress} takes it. */
export type PlannedServer = {
  readonly name: string
  readonly model: string
  readonly adapters: readonly string[]
  readonly host: number
}

/** The port of the model servers in the manifests. */
export const serverPort = 8000

/** @param ends is told how to end each of them */
export async function startServers(plan: readonly PlannedServer[], ends: (() => unknown)[]): Promise<Server[]> {
  const servers: Server[] = []
  for (const { name, model, adapters, host } of plan) {
    const pod = { name, address: podAddress(host), labels: { app: model } }
    // Journals that hold the requests of several tests, with bodies as far as a test looks at them.
    const journal = { maxEntries: 10_000, maxBodyBytes: 1024 }
    const sim = await startSim({ name, model, adapters, host: pod.address, port: serverPort, journal })
    ends.push(() => sim.close())
    servers.push({ ...sim, model, pod })
  }
  return servers
}

/** In a cluster Envoy Gateway makes a Deployment of Envoy: here it is a program beside it. */
export const envoyOnHost = {
  provider: { type: 'Host', host: { envoyVersion } },
  logging: { level: { default: 'error' } },
  telemetry: { accessLog: { disable: true } },
}

type Gateway = Pick<Ground, 'url' | 'servers'>

/** What the checks of the demo stand on. */
export const groundOf = ({ url, servers }: Gateway): Ground => ({ mode: 'full-duplex', url, servers, modelsFile: '' })

/** What `ask` gives, with a probe of its own. */
export async function withProbe<T>(gateway: Gateway, ask: (probe: Probe) => Promise<T>): Promise<T> {
  const probe = new Probe(groundOf(gateway))
  try {
    return await ask(probe)
  } finally {
    probe.close()
  }
}
