import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { Client, type Received, type Sent } from '../../src/demo/client.ts'
import { freePorts } from '../../src/demo/free-ports.ts'
import { GuardedProcess, untilReady } from '../../src/demo/process.ts'
import { envoy } from './envoy.ts'

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
  /** An EndpointPickerConfig, but for its kind. */
  readonly configuration?: object
  readonly serveFlags?: readonly string[]
  /** By what the test calls them. */
  readonly listeners?: Readonly<Record<string, Listener>>
  /** Fields of an access log line beside `case`, the header x-case of the request. */
  readonly accessLog?: Readonly<Record<string, string>>
}

/** One Envoy, one Signalbox, and the servers of a test. */
export class Scene {
  readonly signalbox: GuardedProcess
  readonly metricsUrl: string
  readonly #ports: ReadonlyMap<string, number>
  readonly #clients: ReadonlyMap<string, Client>
  readonly #logFile: string
  readonly #ends: (() => Promise<unknown>)[]

  constructor(
    signalbox: GuardedProcess,
    metricsUrl: string,
    { ports, logFile }: Places,
    ends: (() => Promise<unknown>)[],
  ) {
    this.signalbox = signalbox
    this.#ports = ports
    this.#clients = new Map([...ports].map(([name, port]) => [name, new Client(`http://127.0.0.1:${port}`)]))
    this.metricsUrl = metricsUrl
    this.#logFile = logFile
    this.#ends = ends
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
  async metric(name: string): Promise<number> {
    const page = await (await fetch(this.metricsUrl)).text()
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
  const [grpcPort, healthPort, metricsPort, adminPort, ...listenerPorts] = await freePorts(4 + names.length)
  const ports = new Map(names.map((name, index) => [name, listenerPorts[index]]))

  const files = {
    resources: join(folder, 'resources.yaml'),
    endpoints: join(folder, 'endpoints.yaml'),
    configuration: join(folder, 'configuration.yaml'),
    envoy: join(folder, 'envoy.yaml'),
    log: join(folder, 'access.log'),
  }
  const manifests = [pool, ...(options.resources ?? [])].map((manifest) => stringify(manifest))
  await writeFile(files.resources, manifests.join('---\n'))
  await writeFile(files.endpoints, stringify({ endpoints: servers.map(endpointOf) }))
  const kind = { apiVersion: 'llm-d.ai/v1alpha1', kind: 'EndpointPickerConfig' }
  if (configuration !== undefined) await writeFile(files.configuration, stringify({ ...kind, ...configuration }))
  const signalbox = new GuardedProcess({
    name: 'signalbox serve',
    command: join(root, 'bin', 'signalbox'),
    args: [
      'serve',
      `--resources=${files.resources}`,
      `--endpoints=${files.endpoints}`,
      ...(configuration === undefined ? [] : [`--config-file=${files.configuration}`]),
      '--secure-serving=false',
      '--host=127.0.0.1',
      `--grpc-port=${grpcPort}`,
      `--grpc-health-port=${healthPort}`,
      `--metrics-port=${metricsPort}`,
      '--drain-timeout=0s',
      ...serveFlags,
    ],
  })
  ends.push(() => signalbox.stop())
  const metricsUrl = `http://127.0.0.1:${metricsPort}/metrics`
  await untilReady(signalbox, async () => (await fetch(metricsUrl)).ok)

  const template = await readFile(join(root, 'envoy', 'full-duplex.yaml'), 'utf8')
  const places = { ports, adminPort, grpcPort, logFile: files.log }
  await writeFile(
    files.envoy,
    stringify(envoyConfiguration(parse(template), options, places), { aliasDuplicateObjects: false }),
  )
  const program = new GuardedProcess({
    name: 'envoy',
    command: envoy!,
    args: [
      ...['-c', files.envoy, '--disable-hot-restart', '--concurrency', '1', '--log-level', 'warning'],
      ...['--file-flush-interval-msec', '20'],
    ],
  })
  ends.push(() => program.stop())
  await untilReady(program, async () => (await fetch(`http://127.0.0.1:${adminPort}/ready`)).ok)
  return new Scene(signalbox, metricsUrl, places, ends)
}

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
  readonly grpcPort: number
  readonly logFile: string
}

/** The template with a listener for each of the scene's, one route to the scene's servers, and an access log in JSON. */
function envoyConfiguration(
  template: Yaml,
  options: SceneOptions,
  { ports, adminPort, grpcPort, logFile }: Places,
): Yaml {
  const { admin, static_resources: fixed } = structuredClone(template)
  admin.address.socket_address.port_value = adminPort
  const servers: Yaml = fixed.clusters.find(({ name }: Yaml) => name === 'qwen-pool')
  servers.load_assignment.endpoints[0].lb_endpoints = options.servers.map(({ port }) => lbEndpoint(port))
  const signalbox: Yaml = fixed.clusters.find(({ name }: Yaml) => name === 'signalbox')
  signalbox.load_assignment.endpoints[0].lb_endpoints = [lbEndpoint(grpcPort)]
  const listeners = [...ports].map(([name, port]) => {
    const listener = structuredClone(fixed.listeners[0])
    listener.name = name
    listener.address.socket_address.port_value = port
    const connections: Yaml = listener.filter_chains[0].filters[0].typed_config
    connections.access_log = [fileLog(logFile, { case: '%REQ(X-CASE)%', ...options.accessLog })]
    const toServers = { match: { prefix: '/' }, route: { cluster: servers.name, timeout: '60s' } }
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
