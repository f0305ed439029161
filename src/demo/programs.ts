import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePorts } from './free-ports.ts'
import { GuardedProcess, untilReady } from './process.ts'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** How to end each part that was started, as soon as there is one. */
export type Started = (() => Promise<unknown>)[]

export type SignalboxProgram = {
  /** Folder or file of resources. */
  readonly resources: string
  readonly endpointsFile: string
  /** Further flags of `signalbox serve`. */
  readonly flags: readonly string[]
}

/** Starts `signalbox serve` on free ports of loopback; resolves when it takes connections. */
export async function startSignalbox(started: Started, { resources, endpointsFile, flags }: SignalboxProgram) {
  const [grpcPort, healthPort, metricsPort] = await freePorts(3)
  const signalbox = new GuardedProcess({
    name: 'signalbox serve',
    command: join(root, 'bin', 'signalbox'),
    args: [
      'serve',
      `--resources=${resources}`,
      `--endpoints=${endpointsFile}`,
      '--host=127.0.0.1',
      `--grpc-port=${grpcPort}`,
      `--grpc-health-port=${healthPort}`,
      `--metrics-port=${metricsPort}`,
      ...flags,
    ],
  })
  started.push(() => signalbox.stop())
  await untilReady(signalbox, () => accepts(grpcPort))
  return { signalbox, grpcPort, metricsUrl: `http://127.0.0.1:${metricsPort}/metrics` }
}

export type EnvoyProgram = {
  /** Path of the binary. */
  readonly command: string
  readonly name: string
  /** The configuration, with an admin listener at `adminPort`. */
  readonly file: string
  readonly adminPort: number
}

/** Starts an Envoy; resolves when it is ready. */
export async function startEnvoy(started: Started, { command, name, file, adminPort }: EnvoyProgram) {
  // Hot restart shares memory under a number that all Envoys of a machine would have to agree on.
  const args = ['-c', file, '--disable-hot-restart', '--concurrency', '2', '--log-level', 'warning']
  const envoy = new GuardedProcess({ name, command, args })
  started.push(() => envoy.stop())
  await untilReady(envoy, async () => (await fetch(`http://127.0.0.1:${adminPort}/ready`)).ok)
  return envoy
}

/** Rejects with the program's last lines when it ends without being asked to. */
export async function failIfItEnds(program: GuardedProcess): Promise<never> {
  const how = await program.ended
  if (program.stopping) return new Promise(() => {})
  throw new Error(`${program.name} ended: ${how}. Its last lines:\n${program.lastLines()}`)
}

/** Whether something listens on the port. */
function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
