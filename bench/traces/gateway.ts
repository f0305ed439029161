import { mkdirSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { freePorts } from '../../src/demo/free-ports.ts'
import { type GatewayPrograms, startEnvoyGateway } from '../../test/real/envoy-gateway.ts'
import { type RouteOptions, resources } from './gateway-resources.ts'

const settledPath = '/health'

/** Starts an Envoy Gateway with one route. Resolves when a request gets through to a model server. */
export async function startGateway(
  programs: GatewayPrograms,
  route: Omit<RouteOptions, 'port'>,
  directory: string,
): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const [port] = await freePorts(1)
  const folder = join(directory, 'gateway')
  mkdirSync(folder, { recursive: true })
  const objects = resources({ ...route, port }).map((each) => stringify(each, { aliasDuplicateObjects: false }))
  writeFileSync(join(folder, 'resources.yaml'), objects.join('---\n'))
  const url = `http://127.0.0.1:${port}`
  const { stop } = await startEnvoyGateway(programs, { folder }, directory, () => answersOk(`${url}${settledPath}`))
  return { url, stop }
}

function answersOk(url: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = request(url, { agent: false }, (answer) => {
      answer.resume()
      resolve(answer.statusCode === 200)
    })
    probe.on('error', reject)
    probe.end()
  })
}
