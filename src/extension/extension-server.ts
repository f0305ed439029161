import type { Message } from '@bufbuild/protobuf'
import {
  experimental,
  type handleUnaryCall,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  status,
} from '@grpc/grpc-js'
import type { CertificatePair, Certificates } from '../extproc/tls.ts'
import type { Discovery } from './discovery.ts'
import type { Hooks } from './hooks.ts'
import { type DiscoveryRequest, type DiscoveryResponse, messages } from './messages.ts'

/** Translations of large gateways; Envoy Gateway's own limit is its maxMessageSize. */
const maxMessageBytes = 256 * 2 ** 20
/** Once the service is told to end, hooks under way have so long. */
const graceMs = 5000
/** An Envoy that is gone without a word (a lost node) is noticed in a minute: else it would be told for ever. */
const keepalive = { 'grpc.keepalive_time_ms': 40_000, 'grpc.keepalive_timeout_ms': 20_000 }

const extensionService = 'envoygateway.extension.EnvoyGatewayExtension'
const definitions: ServiceDefinition = {
  postClusterModify: method(
    `/${extensionService}/PostClusterModify`,
    messages.clusterRequest,
    messages.clusterResponse,
  ),
  postTranslateModify: method(
    `/${extensionService}/PostTranslateModify`,
    messages.translateRequest,
    messages.translateResponse,
  ),
}
/** Hooks that a configuration may name, and that have nothing to do here: an answer without a resource leaves it as it is. */
const idleHooks = ['PostRouteModify', 'PostVirtualHostModify', 'PostHTTPListenerModify', 'PostEndpointsModify']
const nothing = Buffer.alloc(0)
const unread: Codec<Buffer> = { encode: (message) => message, decode: () => nothing }
const idleDefinitions: ServiceDefinition = Object.fromEntries(
  idleHooks.map((hook) => [hook, method<Buffer, Buffer>(`/${extensionService}/${hook}`, unread, unread)]),
)
const discoveryDefinitions: ServiceDefinition = {
  streamEndpoints: stream('/envoy.service.endpoint.v3.EndpointDiscoveryService/StreamEndpoints'),
  streamExtensionConfigs: stream('/envoy.service.extension.v3.ExtensionConfigDiscoveryService/StreamExtensionConfigs'),
}

/** What Envoys are told. */
export type Discoveries = {
  /** Of pools. */
  readonly endpoints: Discovery
  /** Of the ext_proc filter. */
  readonly filters: Discovery
}

/** Is told of every call of a hook: its name, and what went wrong if anything did. */
export type HookObserver = (hook: keyof Hooks, error: Error | undefined) => void

/** The gRPC server of hooks for Envoy Gateway and of discovery for Envoys. */
export class ExtensionServer {
  readonly #server = new Server({ 'grpc.max_receive_message_length': maxMessageBytes, ...keepalive })
  readonly #discoveries: Discoveries
  readonly #credentials: ServerCredentials

  /**
   * @param certificates undefined for plain text
   * @param known resolves when the resources have been read; calls wait for it. Envoy Gateway has no deadline for them and
   *   keeps the configuration that it has meanwhile, whereas a translation that fails is not tried again before the next change.
   */
  constructor(
    hooks: Hooks,
    discoveries: Discoveries,
    certificates: Certificates | undefined,
    known: Promise<unknown>,
    observe: HookObserver,
  ) {
    this.#discoveries = discoveries
    this.#credentials = serverCredentials(certificates)
    const unary =
      (name: keyof Hooks): handleUnaryCall<Message, Message> =>
      async ({ request }, answer) => {
        try {
          await known
          answer(null, hooks[name](request as never))
          observe(name, undefined)
        } catch (error) {
          answer({ code: status.INTERNAL, details: (error as Error).message })
          observe(name, error as Error)
        }
      }
    const leave: handleUnaryCall<Buffer, Buffer> = (_, answer) => answer(null, nothing)
    this.#server.addService(idleDefinitions, Object.fromEntries(idleHooks.map((hook) => [hook, leave])))
    this.#server.addService(definitions, {
      postClusterModify: unary('postClusterModify'),
      postTranslateModify: unary('postTranslateModify'),
    })
    this.#server.addService(discoveryDefinitions, {
      streamEndpoints: discoveries.endpoints.stream,
      streamExtensionConfigs: discoveries.filters.stream,
    })
  }

  /** @param host undefined for all addresses @returns the port, a free one for 0 */
  listen(port: number, host: string | undefined): Promise<number> {
    const address = host === undefined ? `[::]:${port}` : `${host.includes(':') ? `[${host}]` : host}:${port}`
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, this.#credentials, (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      )
    })
  }

  /** Ends streams, and answers what has been asked. */
  async close(): Promise<void> {
    for (const discovery of Object.values(this.#discoveries)) discovery.close()
    const force = setTimeout(() => this.#server.forceShutdown(), graceMs)
    await new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()))
    clearTimeout(force)
  }
}

type Codec<T> = { encode(message: T): Buffer; decode(bytes: Uint8Array): T }

function method<Request, Response>(
  path: string,
  request: Codec<Request>,
  response: Codec<Response>,
): MethodDefinition<Request, Response> {
  return {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: request.encode,
    requestDeserialize: request.decode,
    responseSerialize: response.encode,
    responseDeserialize: response.decode,
  }
}

function stream(path: string): MethodDefinition<DiscoveryRequest, DiscoveryResponse> {
  const unary = method(path, messages.discoveryRequest, messages.discoveryResponse)
  return { ...unary, requestStream: true, responseStream: true }
}

/** Certificates in the way that lets grpc-js take renewed ones. */
function serverCredentials(certificates: Certificates | undefined): ServerCredentials {
  if (certificates === undefined) return ServerCredentials.createInsecure()
  const provider: experimental.CertificateProvider = {
    addIdentityCertificateListener(listener) {
      const tell = ({ cert, key }: CertificatePair) =>
        listener({ certificate: Buffer.from(cert), privateKey: Buffer.from(key) })
      certificates.onChange(tell)
      // It forgets what it is told before it has listeners of its own, right after this.
      queueMicrotask(() => tell(certificates.current))
    },
    removeIdentityCertificateListener() {},
    addCaCertificateListener() {},
    removeCaCertificateListener() {},
  }
  return experimental.createCertificateProviderServerCredentials(provider, null, false)
}
