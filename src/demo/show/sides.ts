import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { type RolloutState, rolloutState } from '../../rollout/state.ts'
import { type Sim, startSim } from '../../sim/sim.ts'
import { freePorts } from '../free-ports.ts'
import { GuardedProcess } from '../process.ts'
import { failIfItEnds, root, type Started, startEnvoy, startSignalbox } from '../programs.ts'
import { fleetLabels, inferenceGroup, type Picker, type Scenario } from '../scenarios/scenario.ts'
import { envoyConfig } from './envoy-config.ts'
import { Tally } from './tally.ts'

/** One of the two sides: an Envoy listener, model servers of its own, and what is seen of it. */
export type Side = {
  readonly name: string
  /** Of the gateway. */
  readonly url: string
  readonly servers: readonly Sim[]
  readonly tally: Tally
}

export type Stage = {
  /** Signalbox's first. */
  readonly sides: readonly [Side, Side]
  /** Of Signalbox's side. */
  readonly metricsUrl: string
  /** Rejects when one of the programs ends without being asked to, with its last lines. */
  readonly broken: Promise<never>
  /** How far Signalbox's side has driven its rollout; undefined before there is anything to tell. */
  rollout(): Promise<RolloutState | undefined>
  stop(): Promise<void>
}

export type StageOptions = {
  /** Of the scenario. */
  readonly lengthMs: number
  /** Path of the Envoy binary. */
  readonly envoy: string
  /** Of Signalbox's gateway; 0 takes a free one. */
  readonly gatewayPort: number
  /** Further flags of `signalbox serve` on Signalbox's side. */
  readonly serveFlags: readonly string[]
}

const pool = {
  apiVersion: `${inferenceGroup}/v1`,
  kind: 'InferencePool',
  metadata: { name: 'demo', namespace: 'default' },
  spec: {
    selector: { matchLabels: fleetLabels },
    targetPorts: [{ number: 8000 }],
    endpointPickerRef: { name: 'signalbox', port: { number: 9002 } },
  },
}

/** Starts what a scenario needs; resolves when requests would be answered. Nothing stays behind when a part of it fails. */
export async function startStage(scenario: Scenario, options: StageOptions): Promise<Stage> {
  const started: Started = []
  const stop = async () => {
    for (const end of started.splice(0).reverse()) await end()
  }
  try {
    return { ...(await start(scenario, options, started)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function start(scenario: Scenario, options: StageOptions, started: Started): Promise<Omit<Stage, 'stop'>> {
  const folder = await mkdtemp(join(tmpdir(), 'signalbox-'))
  started.push(() => rm(folder, { recursive: true, force: true }))
  const { signalbox, baseline } = scenario
  const plans = [
    { name: 'Signalbox', picker: signalbox, flags: options.serveFlags },
    { name: baseline.name, picker: baseline.kind === 'picker' ? baseline.picker : undefined, flags: [] },
  ]
  const parts = []
  for (const [index, { name, picker, flags }] of plans.entries()) {
    const tally = new Tally()
    const servers = await startFleet(scenario, tally, started)
    const sideFolder = join(folder, `side-${index}`)
    const running = picker && (await startPicker(picker, options.lengthMs, servers, sideFolder, flags, started))
    parts.push({ name, tally, servers, running })
  }

  // Last, so that nobody else takes them meanwhile.
  const [port, otherPort, adminPort] = await freePorts(3)
  const ports = [options.gatewayPort || port, otherPort]
  const envoySides = parts.map(({ servers, running }, index) => ({
    port: ports[index],
    servers: servers.map((each) => each.port),
    extProcPort: running?.grpcPort,
  }))
  const template = await readFile(join(root, 'envoy', 'full-duplex.yaml'), 'utf8')
  const file = join(folder, 'envoy.json')
  await writeFile(file, envoyConfig(template, envoySides, adminPort))
  const envoy = await startEnvoy(started, { command: options.envoy, name: 'envoy', file, adminPort })

  const pickers = parts.flatMap(({ running }) => running ?? [])
  const broken = Promise.race([envoy, ...pickers.flatMap(({ programs }) => programs)].map(failIfItEnds))
  broken.catch(() => {}) // whoever is interested waits for it
  const [a, b] = parts.map(({ name, servers, tally }, index) => {
    return { name, url: `http://127.0.0.1:${ports[index]}`, servers, tally }
  })
  const [{ metricsUrl, stateFile }] = pickers
  return { sides: [a, b], metricsUrl, broken, rollout: () => readRollout(stateFile) }
}

async function startFleet({ fleet }: Scenario, tally: Tally, started: Started): Promise<Sim[]> {
  const servers: Sim[] = []
  for (let i = 1; i <= fleet.servers; i += 1) {
    const server = await startSim({
      ...fleet.options,
      name: `server-${i}`,
      seed: i,
      // Nobody reads it here.
      journal: { maxEntries: 1, maxBodyBytes: 0 },
      onRequest: (entry) => tally.served(entry),
    })
    started.push(() => server.close())
    servers.push(server)
  }
  return servers
}

async function startPicker(
  { resources, configuration, drivesRollouts }: Picker,
  lengthMs: number,
  servers: readonly Sim[],
  folder: string,
  flags: readonly string[],
  started: Started,
) {
  const resourcesFolder = join(folder, 'resources')
  await mkdir(resourcesFolder, { recursive: true })
  const manifests = [pool, ...resources(lengthMs)].map((each) => stringify(each)).join('---\n')
  await writeFile(join(resourcesFolder, 'resources.yaml'), manifests)
  const endpointsFile = join(folder, 'endpoints.yaml')
  const endpoints = servers.map(({ name, address, port }) => ({
    name,
    namespace: pool.metadata.namespace,
    address,
    port,
    labels: fleetLabels,
  }))
  await writeFile(endpointsFile, stringify({ endpoints }))
  const { signalbox, grpcPort, metricsUrl } = await startSignalbox(started, {
    resources: resourcesFolder,
    endpointsFile,
    flags: [
      '--secure-serving=false',
      ...(configuration === undefined ? [] : [`--config-text=${configuration}`]),
      ...flags,
    ],
  })
  const programs = [signalbox]
  const stateFile = join(resourcesFolder, 'rollouts.yaml')
  if (drivesRollouts) {
    const args = [
      'rollout',
      'drive',
      `--file=${resourcesFolder}`,
      `--replica=${new URL(metricsUrl).origin}`,
      `--state=${stateFile}`,
    ]
    const driver = new GuardedProcess({
      name: 'signalbox rollout drive',
      command: join(root, 'bin', 'signalbox'),
      args,
    })
    started.push(() => driver.stop())
    programs.push(driver)
  }
  return { grpcPort, metricsUrl, programs, stateFile }
}

/** The only rollout of a ConfigMap in a file; undefined while there is none. */
async function readRollout(file: string): Promise<RolloutState | undefined> {
  try {
    const [state] = Object.values<string>(parse(await readFile(file, 'utf8')).data)
    return rolloutState.parse(JSON.parse(state))
  } catch {
    return undefined // not there yet, or just being written
  }
}
