import { execFile } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { stringify } from 'yaml'
import { envoyVersion } from '../../src/demo/envoy-binary.ts'
import { freePorts } from '../../src/demo/free-ports.ts'
import { GuardedProcess, untilReady } from '../../src/demo/process.ts'
import { type RouteOptions, resources } from './gateway-resources.ts'

export type GatewayPrograms = {
  /** Paths of the two programs. */
  readonly envoyGateway: string
  readonly envoy: string
}

/** A real Envoy Gateway with one route, and the Envoy that it runs. */
export type RunningGateway = { readonly url: string; stop(): Promise<void> }

const startTimeoutMs = 60_000
const settledPath = '/health'

/**
 * Starts Envoy Gateway without a cluster: resources from files below `directory`, Envoy on this machine. Resolves when a
 * request gets through to a model server. Its own ports can't be chosen (18000, 19001), so there can be one at a time.
 */
export async function startEnvoyGateway(
  programs: GatewayPrograms,
  route: Omit<RouteOptions, 'port'>,
  directory: string,
): Promise<RunningGateway> {
  const [port] = await freePorts(1)
  const folders = { home: 'home', data: 'data', state: 'state', run: 'run', resources: 'gateway' }
  for (const key of Object.keys(folders) as (keyof typeof folders)[]) {
    folders[key] = join(directory, folders[key])
    mkdirSync(folders[key], { recursive: true })
  }
  // Where it looks before it downloads one.
  const envoyFolder = join(folders.data, 'envoy-versions', envoyVersion, 'bin')
  mkdirSync(envoyFolder, { recursive: true })
  symlinkSync(resolve(programs.envoy), join(envoyFolder, 'envoy'))

  await promisify(execFile)(programs.envoyGateway, ['certgen', '--local', '--config-home', folders.home])
  writeFileSync(
    join(folders.resources, 'resources.yaml'),
    resources({ ...route, port })
      .map((each) => stringify(each, { aliasDuplicateObjects: false }))
      .join('---\n'),
  )
  const configuration = join(directory, 'envoy-gateway.yaml')
  writeFileSync(configuration, stringify(serverConfiguration(folders)))
  const program = new GuardedProcess({
    name: 'envoy-gateway',
    command: programs.envoyGateway,
    args: ['server', '--config-path', configuration],
  })
  const url = `http://127.0.0.1:${port}`
  try {
    await untilReady(program, () => answersOk(`${url}${settledPath}`), startTimeoutMs)
  } catch (error) {
    await program.stop()
    throw error
  }
  return { url, stop: () => program.stop() }
}

function serverConfiguration(folders: Record<'home' | 'data' | 'state' | 'run' | 'resources', string>): object {
  return {
    apiVersion: 'gateway.envoyproxy.io/v1alpha1',
    kind: 'EnvoyGateway',
    gateway: { controllerName: 'gateway.envoyproxy.io/gatewayclass-controller' },
    logging: { level: { default: 'error' } },
    provider: {
      type: 'Custom',
      custom: {
        resource: { type: 'File', file: { paths: [folders.resources] } },
        infrastructure: {
          type: 'Host',
          host: {
            configHome: folders.home,
            dataHome: folders.data,
            stateHome: folders.state,
            runtimeDir: folders.run,
          },
        },
      },
    },
    extensionApis: { enableBackend: true },
  }
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
