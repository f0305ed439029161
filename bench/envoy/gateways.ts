import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { freePorts } from '../../src/demo/free-ports.ts'
import { type GatewayPrograms, startEnvoyGateway } from '../../test/real/envoy-gateway.ts'
import { chatBody } from '../bodies.ts'
import type { Fleet } from '../peers/fleet.ts'
import { modelName } from '../peers/resources.ts'
import type { Server } from '../peers/server.ts'
import { descendantNamed } from '../process-cpu.ts'
import { type Chain, resources } from './resources.ts'

/** A listener of Envoy that sends each request through ext_proc servers, one after the other, to a model server. */
export type Gateway = { readonly name: string; readonly url: string; readonly servers: readonly Server[] }

export type Gateways = { readonly gateways: readonly Gateway[]; readonly envoyPid: number; stop(): Promise<void> }

export const chatPath = '/v1/chat/completions'

/** Starts one real Envoy Gateway with a listener for each chain. Resolves when requests get through all of them. */
export async function startGateways(
  programs: GatewayPrograms,
  chains: readonly { name: string; servers: readonly Server[] }[],
  fleet: Fleet,
  directory: string,
): Promise<Gateways> {
  const ports = await freePorts(chains.length)
  const listeners = chains.map(
    ({ servers }, index): Chain => ({ port: ports[index], processors: servers.map(({ address }) => address) }),
  )
  const folder = join(directory, 'gateway')
  mkdirSync(folder, { recursive: true })
  const objects = resources(
    listeners,
    fleet.endpoints.map(({ address, port }) => `${address}:${port}`),
  )
  writeFileSync(
    join(folder, 'resources.yaml'),
    objects.map((each) => stringify(each, { aliasDuplicateObjects: false })).join('---\n'),
  )
  const gateways = chains.map(({ name, servers }, index) => ({
    name,
    servers,
    url: `http://127.0.0.1:${ports[index]}`,
  }))
  const body = chatBody(1024, 'first', modelName)
  const { stop } = await startEnvoyGateway(programs, { folder }, directory, async () => {
    const received = await Promise.all(gateways.map(({ url }) => receivedBytes(url, body)))
    return received.every((bytes) => bytes === body.length)
  })
  try {
    return { gateways, envoyPid: descendantNamed(process.pid, 'envoy'), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Sends one request through a gateway; gives how many bytes of its body the model server has seen. Throws at any status but 200. */
export async function receivedBytes(url: string, body: Buffer): Promise<number> {
  const headers = { 'content-type': 'application/json', connection: 'close' }
  const answer = await fetch(url + chatPath, { method: 'POST', headers, body })
  const text = await answer.text()
  if (answer.status !== 200) throw new Error(`HTTP ${answer.status} ${text}`)
  return JSON.parse(text).received
}
