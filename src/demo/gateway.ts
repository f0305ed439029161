import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { type Sim, startSim } from '../sim/sim.ts'
import { adminPort, extProcPort, gatewayPort, type Mode, withAnswersSeen, withPorts } from './envoy-file.ts'
import { freePorts } from './free-ports.ts'
import type { Server } from './probe.ts'
import type { GuardedProcess } from './process.ts'
import { failIfItEnds, root, type Started, startEnvoy, startSignalbox } from './programs.ts'

const exampleFolder = join(root, 'examples', 'two-models')

/** A journal that holds the requests of several checks, with bodies as far as a check looks at them. */
const journal = { maxEntries: 10_000, maxBodyBytes: 1024 }

export type GatewayOptions = {
  /** Path of the Envoy binary. */
  readonly envoy: string
  /** One Envoy each, all beside the same Signalbox and the same servers. */
  readonly modes: readonly Mode[]
  /** Port of the first mode's Envoy; a free one by default. */
  readonly port?: number | undefined
  /** Of the simulated servers; they answer at once by default. */
  readonly latencyProfile?: 'instant' | '8b-h100'
  /** Between the Envoys and Signalbox, with envoy/full-duplex-tls.yaml; only for full duplex. */
  readonly tls?: boolean
  /** Whether Envoy shows Signalbox the answers, for the plots of its page; the files of envoy/ do not. */
  readonly showsAnswers?: boolean
  /** Further flags of `signalbox serve`. */
  readonly serveFlags?: readonly string[]
}

/** A whole gateway on this machine, from examples/two-models: Envoys, Signalbox, simulated model servers. */
export type Gateway = {
  /** By mode, e.g. `http://127.0.0.1:8080`. */
  readonly urls: ReadonlyMap<Mode, string>
  readonly servers: readonly (Server & Sim)[]
  readonly signalbox: GuardedProcess
  readonly envoys: readonly GuardedProcess[]
  /** Signalbox's copy of examples/two-models/models.yaml; it follows changes. */
  readonly modelsFile: string
  /** Where Signalbox serves its metrics, e.g. `http://127.0.0.1:9090/metrics`. */
  readonly metricsUrl: string
  /** Rejects when one of the programs ends without being asked to, with its last lines. */
  readonly broken: Promise<never>
  stop(): Promise<void>
}

type EndpointEntry = { name: string; port: number; labels: { app: string } }

/** Starts it all, and resolves when a request would be answered. Nothing stays behind when a part of it fails. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const started: Started = []
  const stop = async () => {
    for (const end of started.splice(0).reverse()) await end()
  }
  try {
    return { ...(await start(options, started)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** @param started is told how to end each part, as soon as there is one. */
async function start(options: GatewayOptions, started: Started): Promise<Omit<Gateway, 'stop'>> {
  const folder = await mkdtemp(join(tmpdir(), 'signalbox-'))
  started.push(() => rm(folder, { recursive: true, force: true }))
  const resources = join(folder, 'resources')
  await cp(exampleFolder, resources, { recursive: true })

  // The servers take free ports; endpoints file and Envoy files are rewritten to match.
  const endpointsFile = join(resources, 'endpoints.yaml')
  const { endpoints } = parse(await readFile(endpointsFile, 'utf8')) as { endpoints: EndpointEntry[] }
  const ports = new Map<number, number>()
  const servers: (Server & Sim)[] = []
  for (const endpoint of endpoints) {
    const server = await startServer(endpoint, options)
    started.push(() => server.close())
    servers.push(server)
    ports.set(endpoint.port, server.port)
  }
  const moved = endpoints.map((endpoint) => ({ ...endpoint, port: ports.get(endpoint.port) }))
  await writeFile(endpointsFile, stringify({ endpoints: moved }))

  const { signalbox, grpcPort, metricsUrl } = await startSignalbox(started, {
    resources,
    endpointsFile,
    flags: [`--secure-serving=${options.tls === true}`, ...(options.serveFlags ?? [])],
  })
  ports.set(extProcPort, grpcPort)

  const urls = new Map<Mode, string>()
  const envoys: GuardedProcess[] = []
  for (const [index, mode] of options.modes.entries()) {
    const [freePort, admin] = await freePorts(2)
    const port = (index === 0 ? options.port : undefined) ?? freePort
    const template = join(root, 'envoy', `${mode}${options.tls ? '-tls' : ''}.yaml`)
    const ownPorts = new Map([...ports, [gatewayPort, port], [adminPort, admin]])
    const file = join(folder, `${mode}.yaml`)
    const configuration = withPorts(await readFile(template, 'utf8'), ownPorts)
    await writeFile(file, options.showsAnswers ? withAnswersSeen(configuration) : configuration)
    urls.set(mode, `http://127.0.0.1:${port}`)
    envoys.push(await startEnvoy(started, { command: options.envoy, name: `envoy (${mode})`, file, adminPort: admin }))
  }

  const broken = Promise.race([signalbox, ...envoys].map(failIfItEnds))
  broken.catch(() => {}) // whoever is interested waits for it
  return {
    urls,
    servers,
    signalbox,
    envoys,
    modelsFile: join(resources, 'models.yaml'),
    metricsUrl,
    broken,
  }
}

async function startServer({ name, labels }: EndpointEntry, { latencyProfile }: GatewayOptions): Promise<Server & Sim> {
  const model = labels.app
  const sim = await startSim({
    name,
    model,
    adapters: model === 'qwen' ? ['travel-helper-v1', 'travel-helper-v2'] : [],
    settings: { latency: { profile: latencyProfile ?? 'instant' } },
    journal,
  })
  return { ...sim, model }
}
