import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parse, stringify } from 'yaml'
import { Client, type Received, type Sent } from '../../src/demo/client.ts'
import { freePorts } from '../../src/demo/free-ports.ts'
import type { GuardedProcess, Program } from '../../src/demo/process.ts'
import { envoy } from './envoy.ts'
import { Part } from './part.ts'

const root = join(import.meta.dirname, '..', '..')

/** How one listener of the scene's Envoy differs from envoy/full-duplex.yaml. */
export type Listener = {
  /** Fields of ext_proc's `processing_mode`. */
  readonly processingMode?: Readonly<Record<string, string>>
  /** Further fields of ext_proc. */
  readonly processor?: Readonly<Record<string, unknown>>
  /** HTTP filters before ext_proc. */
  readonly filtersBefore?: readonly object[]
}

export type SceneOptions = {
  /** All of them are the pool `default/pool`. */
  readonly servers: readonly { readonly name: string; readonly port: number }[]
  /** Manifests beside that pool. */
  readonly resources?: readonly object[]
  /** The folder that is made for the manifests, as Signalbox is told it; a temporary one by default. */
  readonly resourcesFolder?: string
  /** An EndpointPickerConfig, but for its kind. */
  readonly configuration?: object
  readonly serveFlags?: readonly string[]
  /** How many Signalboxes share the requests; 1 by default. */
  readonly replicas?: number
  /** Threads of Envoy that take requests; 1 by default. */
  readonly envoyWorkers?: number
  /** By what the test calls them. */
  readonly listeners?: Readonly<Record<string, Listener>>
  /** Further fields of the route to the servers. */
  readonly route?: Readonly<Record<string, unknown>>
  /** Fields of an access log line beside `case`, the header x-case of the request. */
  readonly accessLog?: Readonly<Record<string, string>>
}

/** A Signalbox of the scene. */
export type Replica = { readonly part: Part; readonly metricsUrl: string }

/** One Envoy, one Signalbox or more, and the servers of a test. */
export class Scene {
  readonly replicas: readonly Replica[]
  readonly envoy: Part
  /** What Signalbox reads and follows: the resources are the only file of their folder. */
  readonly files: { readonly resources: string; readonly endpoints: string }
  readonly #ports: ReadonlyMap<string, number>
  readonly #clients: ReadonlyMap<string, Client>
  readonly #logFile: string
  readonly #ends: (() => Promise<unknown>)[]

  constructor(parts: Pick<Scene, 'replicas' | 'envoy' | 'files'>, places: Places, ends: (() => Promise<unknown>)[]) {
    this.replicas = parts.replicas
    this.envoy = parts.envoy
    this.files = parts.files
    this.#ports = places.ports
    this.#clients = new Map([...places.ports].map(([name, port]) => [name, new Client(`http://127.0.0.1:${port}`)]))
    this.#logFile = places.logFile
    this.#ends = ends
  }

  /** The first of them. */
  get signalbox(): GuardedProcess {
    return this.replicas[0].part.process
  }

  /** Of the first of them, as {@link metric} reads it. */
  get metricsUrl(): string {
    return this.replicas[0].metricsUrl
  }

  /** E.g. `http://127.0.0.1:8080`. */
  urlOf(listener = onlyListener): string {
    return `http://127.0.0.1:${this.#ports.get(listener)}`
  }

  send(sent: Sent, listener = onlyListener): Promise<Received> {
    return this.#clients.get(listener)!.send(sent)
  }

  /** Posts JSON, and resolves when the answer begins. */
  async open({ path, body }: Pick<Sent, 'path'> & { readonly body: string }, listener = onlyListener) {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const call = request({ port: this.#ports.get(listener), path, method: 'POST', headers, agent: false }).end(body)
    const [answer] = await once(call, 'response')
    return answer as IncomingMessage
  }

  /** Asks for a chat with these fields in its body. */
  chat(fields: object, { headers, signal }: Pick<Sent, 'headers' | 'signal'> = {}, listener = onlyListener) {
    const body = JSON.stringify({ model: 'qwen', messages: [{ role: 'user', content: 'who are you?' }], ...fields })
    const more = { ...(headers && { headers }), ...(signal && { signal }) }
    return this.send({ path: '/v1/chat/completions', body, ...more }, listener)
  }

  /** The value of one of Signalbox's metrics without labels. */
  async metric(name: string, { metricsUrl }: Pick<Replica, 'metricsUrl'> = this): Promise<number> {
    const page = await (await fetch(metricsUrl)).text()
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(page)?.[1])
  }

  /** What Envoy's access log says of the requests with this value of the header x-case. */
  async logged(name: string): Promise<Record<string, unknown>[]> {
    const text = await readFile(this.#logFile, 'utf8').catch(() => '')
    const whole = text.slice(0, text.lastIndexOf('\n') + 1)
    const lines = whole.split('\n').filter((line) => line !== '')
    return lines.map((line) => JSON.parse(line)).filter((line) => line.case === name)
  }

  async stop(): Promise<void> {
    for (const client of this.#clients.values()) client.close()
    for (const end of this.#ends.splice(0).reverse()) await end()
  }
}

const onlyListener = 'only'

/** The modes of request bodies, each as the file of envoy/ by that name has it. */
export const requestModes = {
  'full-duplex': {},
  streamed: {
    processingMode: { request_body_mode: 'STREAMED', request_trailer_mode: 'SKIP' },
    processor: { send_body_without_waiting_for_header_response: true },
  },
  buffered: { processingMode: { request_body_mode: 'BUFFERED', request_trailer_mode: 'SKIP' } },
} as const satisfies Readonly<Record<string, Listener>>

/** Starts it all, and resolves when a request would be answered. Nothing stays behind when a part of it fails. */
export async function startScene(options: SceneOptions): Promise<Scene> {
  const ends: (() => Promise<unknown>)[] = []
  try {
    return await start(options, ends)
  } catch (error) {
    for (const end of ends.reverse()) await end()
    throw error
  }
}

async function start(options: SceneOptions, ends: (() => Promise<unknown>)[]): Promise<Scene> {
  const { servers, configuration, serveFlags = [], listeners = { [onlyListener]: {} } } = options
  const folder = await mkdtemp(join(tmpdir(), 'signalbox-scene-'))
  ends.push(() => rm(folder, { recursive: true, force: true }))
  const names = Object.keys(listeners)
  const [adminPort, ...listenerPorts] = await freePorts(1 + names.length)
  const ports = new Map(names.map((name, index) => [name, listenerPorts[index]]))

  const files = {
    resources: join(options.resourcesFolder ?? join(folder, 'resources'), 'resources.yaml'),
    endpoints: join(folder, 'endpoints.yaml'),
    configuration: join(folder, 'configuration.yaml'),
    envoy: join(folder, 'envoy.yaml'),
    log: join(folder, 'access.log'),
  }
  const manifests = [pool, ...(options.resources ?? [])].map((manifest) => stringify(manifest))
  await mkdir(dirname(files.resources))
  await writeFile(files.resources, manifests.join('---\n'))
  await writeFile(files.endpoints, stringify({ endpoints: servers.map(endpointOf) }))
  const kind = { apiVersion: 'llm-d.ai/v1alpha1', kind: 'EndpointPickerConfig' }
  if (configuration !== undefined) await writeFile(files.configuration, stringify({ ...kind, ...configuration }))
  const flags = [
    `--resources=${dirname(files.resources)}`,
    `--endpoints=${files.endpoints}`,
    ...(configuration === undefined ? [] : [`--config-file=${files.configuration}`]),
    ...serveFlags,
  ]
  const replicas: Replica[] = []
  const grpcPorts: number[] = []
  for (let index = 0; index < (options.replicas ?? 1); index++) {
    const [grpcPort, healthPort, metricsPort] = await freePorts(3)
    const metricsUrl = `http://127.0.0.1:${metricsPort}/metrics`
    const part = new Part(serve({ grpcPort, healthPort, metricsPort }, flags), async () => (await fetch(metricsUrl)).ok)
    ends.push(() => part.stop())
    await part.start()
    replicas.push({ part, metricsUrl })
    grpcPorts.push(grpcPort)
  }

  const template = await readFile(join(root, 'envoy', 'full-duplex.yaml'), 'utf8')
  const places = { ports, adminPort, grpcPorts, logFile: files.log }
  await writeFile(
    files.envoy,
    stringify(envoyConfiguration(parse(template), options, places), { aliasDuplicateObjects: false }),
  )
  const program: Program = {
    name: 'envoy',
    command: envoy!,
    args: [
      ...['-c', files.envoy, '--disable-hot-restart', '--log-level', 'warning'],
      ...['--concurrency', String(options.envoyWorkers ?? 1), '--file-flush-interval-msec', '20'],
    ],
  }
  const gateway = new Part(program, async () => (await fetch(`http://127.0.0.1:${adminPort}/ready`)).ok)
  ends.push(() => gateway.stop())
  await gateway.start()
  return new Scene({ replicas, envoy: gateway, files }, places, ends)
}

type ServePorts = Readonly<Record<'grpcPort' | 'healthPort' | 'metricsPort', number>>

const serve = ({ grpcPort, healthPort, metricsPort }: ServePorts, flags: readonly string[]): Program => ({
  name: 'signalbox serve',
  command: join(root, 'bin', 'signalbox'),
  args: [
    'serve',
    '--secure-serving=false',
    '--host=127.0.0.1',
    `--grpc-port=${grpcPort}`,
    `--grpc-health-port=${healthPort}`,
    `--metrics-port=${metricsPort}`,
    '--drain-timeout=0s',
    ...flags,
  ],
})

const labels = { app: 'model' }

/** The scene's pool, of servers with the label `app: model`. */
export const pool = {
  apiVersion: 'inference.networking.k8s.io/v1',
  kind: 'InferencePool',
  metadata: { name: 'pool', namespace: 'default' },
  spec: {
    selector: { matchLabels: labels },
    targetPorts: [{ number: 8000 }],
    endpointPickerRef: { name: 'signalbox', port: { number: 9002 } },
  },
}

/** Of the scene's pool. */
export const poolRef = { group: 'inference.networking.k8s.io', kind: 'InferencePool', name: 'pool' }

/** Clients know the model `name`, servers know it as `target`. */
export const modelAlias = (name: string, target: string) => ({
  apiVersion: 'inference.networking.x-k8s.io/v1alpha2',
  kind: 'InferenceModel',
  metadata: { name, namespace: 'default' },
  spec: { modelName: name, criticality: 'Critical', poolRef, targetModels: [{ name: target }] },
})

export const objective = (name: string, priority: number) => ({
  apiVersion: 'inference.networking.x-k8s.io/v1alpha2',
  kind: 'InferenceObjective',
  metadata: { name, namespace: 'default' },
  spec: { priority, poolRef },
})

const endpointOf = ({ name, port }: SceneOptions['servers'][number]) => ({
  name,
  namespace: 'default',
  address: '127.0.0.1',
  port,
  labels,
})

// biome-ignore lint/suspicious/noExplicitAny: an Envoy configuration, read where envoy/full-duplex.yaml has it
type Yaml = any

type Places = {
  readonly ports: ReadonlyMap<string, number>
  readonly adminPort: number
  readonly grpcPorts: readonly number[]
  readonly logFile: string
}

/** The template with a listener for each of the scene's, one route to the scene's servers, and an access log in JSON. */
function envoyConfiguration(
  template: Yaml,
  options: SceneOptions,
  { ports, adminPort, grpcPorts, logFile }: Places,
): Yaml {
  const { admin, static_resources: fixed } = structuredClone(template)
  admin.address.socket_address.port_value = adminPort
  const servers: Yaml = fixed.clusters.find(({ name }: Yaml) => name === 'qwen-pool')
  servers.load_assignment.endpoints[0].lb_endpoints = options.servers.map(({ port }) => lbEndpoint(port))
  const signalbox: Yaml = fixed.clusters.find(({ name }: Yaml) => name === 'signalbox')
  signalbox.load_assignment.endpoints[0].lb_endpoints = grpcPorts.map(lbEndpoint)
  const listeners = [...ports].map(([name, port]) => {
    const listener = structuredClone(fixed.listeners[0])
    listener.name = name
    listener.address.socket_address.port_value = port
    const connections: Yaml = listener.filter_chains[0].filters[0].typed_config
    connections.access_log = [fileLog(logFile, { case: '%REQ(X-CASE)%', ...options.accessLog })]
    const toServers = { match: { prefix: '/' }, route: { cluster: servers.name, timeout: '60s', ...options.route } }
    connections.route_config.virtual_hosts[0].routes = [toServers]
    const { processingMode, processor: changes, filtersBefore = [] } = options.listeners?.[name] ?? {}
    const processor: Yaml = connections.http_filters[0].typed_config
    Object.assign(processor.processing_mode, processingMode)
    Object.assign(processor, changes)
    processor.metadata_options = {
      receiving_namespaces: { untyped: ['envoy.lb', 'signalbox'] },
      forwarding_namespaces: { untyped: ['envoy.lb', 'envoy.lb.subset_hint'] },
    }
    connections.http_filters.unshift(...filtersBefore)
    return listener
  })
  return { admin, static_resources: { listeners, clusters: [servers, signalbox] } }
}

const lbEndpoint = (port: number) => ({
  endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } },
})

const fileLog = (path: string, fields: Readonly<Record<string, string>>) => ({
  name: 'envoy.access_loggers.file',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
    path,
    log_format: { json_format: fields },
  },
})
