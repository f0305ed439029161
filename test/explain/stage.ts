import pino from 'pino'
import { compileCatalog } from '../../src/catalog/compile.ts'
import { createConversing, type DecisionListener } from '../../src/conversing.ts'
import { readAnswers } from '../../src/explain/answers.ts'
import type { ClientRequest } from '../../src/explain/client-request.ts'
import { createTrialGround, explainRequest } from '../../src/explain/ground.ts'
import { Conversation } from '../../src/extproc/conversation.ts'
import type { ConversationContext, Routing } from '../../src/extproc/conversation-context.ts'
import { bodyMode } from '../../src/extproc/decode.ts'
import { type Endpoint, type EndpointSpec, unknownMetrics } from '../../src/pool/endpoint.ts'
import { LivePools } from '../../src/pool/live-pools.ts'
import type { Known } from '../../src/preflight/inventory.ts'
import { createHeaderTable } from '../../src/request/control-headers.ts'
import { readConfiguration } from '../../src/scheduling/configuration.ts'
import { createDefaultConfiguration } from '../../src/scheduling/default-configuration.ts'
import { readDocuments } from '../../src/sources/document.ts'
import { readManifests } from '../../src/sources/manifests.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { serviceOptions } from '../service-options.ts'

export const pool = (name: string, app: string): string => `
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: ${name}}
spec:
  selector: {matchLabels: {app: ${app}}}
  targetPorts: [{number: 8000}]
  endpointPickerRef: {name: signalbox, port: {number: 9002}}
`

export const model = (name: string, poolName: string, spec = '', annotations = '{}'): string => `
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: ${name}, annotations: ${annotations}}
spec:
  modelName: ${name}
  poolRef: {group: inference.networking.k8s.io, kind: InferencePool, name: ${poolName}}
  ${spec}
`

export const server = (name: string, app: string, address: string): EndpointSpec => {
  return { name, namespace: 'default', address, port: 8000, labels: { app } }
}

export type StageInput = {
  readonly manifests: readonly string[]
  readonly servers?: readonly EndpointSpec[]
  /** An EndpointPickerConfig. */
  readonly configuration?: string
  readonly rejectsUnknownModels?: boolean
  readonly trustsHints?: boolean
  readonly random?: () => number
  readonly decisions?: Omit<DecisionListener, 'catalog'>
}

/** All that a service has between its sources and its streams, put together as a service does. */
export function createStage(input: StageInput) {
  const { manifests, servers = [], random = () => 0.5, decisions } = input
  const { resources } = readManifests('manifests.yaml', manifests.join('---'))
  const compiled = compileCatalog(resources)
  const { catalog } = compiled
  const world = { nowMs: () => performance.now(), staleAfterMs: () => Number.MAX_VALUE }
  const configuration =
    input.configuration === undefined
      ? createDefaultConfiguration(world)
      : readConfiguration(input.configuration, 'epp.yaml', { ...world, readDocuments })
  const pools = new LivePools()
  pools.update(catalog, servers)
  const touched: string[] = []
  const activity = { touched: (key: string) => void touched.push(key), released() {} }
  const options = {
    ...serviceOptions,
    rejectsUnknownModels: input.rejectsUnknownModels ?? false,
    trustsHints: input.trustsHints ?? true,
  }
  const metrics = createMetrics({ pools: () => [], openExchanges: () => 0, resourceProblems: () => 0 }, options)
  const tellers = {
    otlp: undefined,
    accessLog: undefined,
    decisions: decisions && { ...decisions, catalog: () => catalog },
  }
  const conversing = createConversing(
    options,
    configuration,
    pools,
    activity,
    metrics,
    tellers,
    pino({ level: 'silent' }),
  )
  const context: ConversationContext = { ...conversing.context, random }
  const routing: Routing = { catalog, table: createHeaderTable([...catalog.headerNames, ...conversing.headerNames]) }
  const ground = createTrialGround(context, configuration, false, pools, conversing.queues)
  const known: Known = {
    resources,
    compiled,
    endpoints: servers,
    envoyGateways: [],
    isCluster: false,
    isUnread: () => false,
  }
  const metricsPage = async () => {
    let text = ''
    for await (const piece of metrics.registry.pieces()) text += piece
    return text
  }
  return {
    pools,
    routing,
    context,
    conversing,
    configuration,
    known,
    touched,
    metricsPage,
    explain: (client: ClientRequest) => explainRequest(client, routing, ground),
    serve: (client: ClientRequest) => {
      const { written, close } = hold(client, context, routing)
      return { ...readAnswers(written), close }
    },
    hold: (client: ClientRequest) => hold(client, context, routing),
  }
}

/** Holds the conversation that Envoy would; the request stays open until `close` is called. */
export function hold(client: ClientRequest, context: ConversationContext, routing: Routing) {
  const written: Buffer[] = []
  const out = { write: (bytes: Buffer) => void written.push(bytes), run: (step: () => void) => step() }
  const conversation = new Conversation(context, routing, client.poolHint, out)
  conversation.protocolConfig({
    requestBodyMode: bodyMode.fullDuplex,
    responseBodyMode: bodyMode.fullDuplex,
    sendBodyWithoutWaiting: false,
  })
  if (client.subset !== undefined) conversation.subsetHint(client.subset)
  const values = new Array<string | undefined>(routing.table.size).fill(undefined)
  for (const [name, value] of [[':method', client.method], [':path', client.path], ...client.headers] as const) {
    const slot = routing.table.slotOf(name)
    if (slot >= 0) values[slot] = value
  }
  conversation.requestHeaders(values, client.body.length === 0)
  if (client.body.length > 0) {
    conversation.requestBody(client.body)
    conversation.requestBodyEnd(true)
  }
  return { written, close: () => conversation.closed() }
}

/** A chat request as clients send it. */
export function chat(body: object, headers: Readonly<Record<string, string>> = {}): ClientRequest {
  const bytes = Buffer.from(JSON.stringify({ messages: [{ role: 'user', content: 'Hello' }], ...body }))
  const sent = { 'content-type': 'application/json', 'content-length': String(bytes.length), ...headers }
  return { method: 'POST', path: '/v1/chat/completions', headers: Object.entries(sent), body: bytes }
}

/** As a scrape of this moment would have it. */
export function load(endpoint: Endpoint, metrics: Partial<Endpoint['metrics']>): void {
  endpoint.metrics = { ...unknownMetrics, updatedAtMs: performance.now(), ...metrics }
}
