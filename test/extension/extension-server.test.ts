import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { Client, credentials, type ServiceError } from '@grpc/grpc-js'
import pino from 'pino'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Discovery } from '../../src/extension/discovery.ts'
import { ExtensionServer } from '../../src/extension/extension-server.ts'
import { createHooks, type Hooks } from '../../src/extension/hooks.ts'
import { loadAssignment } from '../../src/extension/load-assignment.ts'
import {
  type ClusterResponse,
  type DiscoveryResponse,
  messages,
  type Translation,
} from '../../src/extension/messages.ts'
import { type CertificatePair, type Certificates, selfSignedCertificates } from '../../src/extproc/tls.ts'
import { bytesOf, gatewayCluster, jsonOf, poolObject } from './envoy-json.ts'

const log = pino({ level: 'silent' })
const endpointStreams = '/envoy.service.endpoint.v3.EndpointDiscoveryService/StreamEndpoints'
const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

type StartOptions = { hooks?: Hooks; certificates?: Certificates; known?: Promise<unknown> }

/** A server with its clients: Envoy Gateway, and an Envoy. */
async function start({ hooks, certificates, known = Promise.resolve() }: StartOptions = {}) {
  const discoveries = {
    endpoints: new Discovery(messages.loadAssignment.typeUrl, log),
    filters: new Discovery(messages.extension.typeUrl, log),
  }
  const settings = {
    discovery: { host: 'here', port: 9005, authority: undefined },
    extProc: { host: 'there', port: 9002, tls: false },
  }
  const observed: string[] = []
  const observe = (hook: string, error: Error | undefined) => void observed.push(`${hook} ${error?.message ?? 'ok'}`)
  const server = new ExtensionServer(hooks ?? createHooks(settings, log), discoveries, certificates, known, observe)
  const port = await server.listen(0, '127.0.0.1')
  const options = { 'grpc.max_receive_message_length': -1 }
  const client = new Client(`localhost:${port}`, channelCredentials(certificates), options)
  let isClosed: Promise<void> | undefined
  const close = () => (isClosed ??= server.close())
  ends.push(close, () => client.close())

  const service = '/envoygateway.extension.EnvoyGatewayExtension'
  const postClusterModify = () => {
    const { clusterRequest, clusterResponse } = messages
    const pools = [poolObject('qwen')]
    const request = clusterRequest.from({ post_cluster_context: { backend_extension_resources: pools } })
    request.cluster = gatewayCluster('rule/0')
    return new Promise<ClusterResponse>((resolve, reject) => {
      client.makeUnaryRequest(
        `${service}/PostClusterModify`,
        clusterRequest.encode,
        clusterResponse.decode,
        request,
        (error: ServiceError | null, response) => (error ? reject(error) : resolve(response!)),
      )
    })
  }
  const postTranslateModify = (request: Translation) => {
    const { translateRequest, translateResponse } = messages
    return new Promise<Translation>((resolve, reject) => {
      client.makeUnaryRequest(
        `${service}/PostTranslateModify`,
        translateRequest.encode,
        translateResponse.decode,
        request,
        (error: ServiceError | null, response) => (error ? reject(error) : resolve(response!)),
      )
    })
  }
  const streamEndpoints = () =>
    client.makeBidiStreamRequest(endpointStreams, messages.discoveryRequest.encode, messages.discoveryResponse.decode)
  /** The fingerprint of the certificate that a new connection is shown. */
  const connect = async () => {
    const socket = connectTls({ host: 'localhost', port, rejectUnauthorized: false, ALPNProtocols: ['h2'] })
    await once(socket, 'secureConnect')
    const { fingerprint256 } = socket.getPeerCertificate()
    socket.destroy()
    return fingerprint256
  }
  return {
    client,
    discoveries,
    observed,
    port,
    close,
    connect,
    postClusterModify,
    postTranslateModify,
    streamEndpoints,
  }
}

const fingerprint = ({ current }: Certificates) => new X509Certificate(current.cert).fingerprint256

const channelCredentials = (certificates: Certificates | undefined) =>
  certificates === undefined
    ? credentials.createInsecure()
    : credentials.createSsl(Buffer.from(certificates.current.cert), null, null, {
        checkServerIdentity: () => undefined,
      })

describe('Envoy Gateway', () => {
  test('gets its cluster back with the pool in it, and what nobody here knows', async () => {
    const { postClusterModify, observed } = await start()
    const { cluster } = await postClusterModify()
    expect(jsonOf(cluster!)).toMatchObject({ name: 'rule/0', eds_cluster_config: { service_name: 'default/qwen' } })
    expect(bytesOf(cluster!).includes('not in protos/')).toBe(true)
    expect(observed).toEqual(['postClusterModify ok'])
  })

  test('waits while the resources are not known', async () => {
    let settle = () => {}
    const { postClusterModify, observed } = await start({ known: new Promise<void>((resolve) => (settle = resolve)) })
    const answer = postClusterModify().then(() => observed.push('answered'))
    observed.push('known')
    settle()
    await answer
    expect(observed).toEqual(['known', 'postClusterModify ok', 'answered'])
  })

  test.each(['Route', 'VirtualHost', 'HTTPListener', 'Endpoints'])(
    'may call Post%sModify, which changes nothing',
    async (hook) => {
      const { client } = await start()
      const bytes = (message: Buffer) => message
      const answer = await new Promise<Buffer | undefined>((resolve, reject) => {
        const path = `/envoygateway.extension.EnvoyGatewayExtension/Post${hook}Modify`
        client.makeUnaryRequest(path, bytes, bytes, Buffer.from([0x0a, 0x00]), (error, response?: Buffer) =>
          error === null ? resolve(response) : reject(error),
        )
      })
      expect(answer).toEqual(Buffer.alloc(0))
    },
  )

  test('keeps its configuration when a hook fails', async () => {
    const fails = () => {
      throw new Error('no way')
    }
    const { postClusterModify, observed } = await start({
      hooks: { postClusterModify: fails, postTranslateModify: fails },
    })
    await expect(postClusterModify()).rejects.toMatchObject({ code: 13, details: 'no way' })
    expect(observed).toEqual(['postClusterModify no way'])
  })

  test('is answered over TLS, with the certificate of the moment', async () => {
    const [first, second] = [await selfSignedCertificates(), await selfSignedCertificates()]
    let renew = (_: CertificatePair) => {}
    const certificates = { ...first, onChange: (listener: typeof renew) => (renew = listener) }
    const { postClusterModify, connect } = await start({ certificates })
    await postClusterModify()
    expect(await connect()).toBe(fingerprint(first))
    renew(second.current)
    expect(await connect()).toBe(fingerprint(second))
  })

  test('may send more than 4 MiB', async () => {
    const { postTranslateModify } = await start()
    const request = messages.translateRequest.from({})
    request.secrets = [messages.translateRequest.from({ secrets: [{ name: 'x'.repeat(5 * 2 ** 20) }] }).secrets[0]]
    const { secrets } = await postTranslateModify(request)
    expect(bytesOf(secrets[0]).equals(bytesOf(request.secrets[0]))).toBe(true)
  })
})

describe('an Envoy', () => {
  test('is told endpoints, and sent away when the server ends', async () => {
    const { discoveries, close, streamEndpoints } = await start()
    const stream = streamEndpoints()
    const told = new Promise<DiscoveryResponse>((resolve) => stream.on('data', resolve))
    const ended = new Promise((resolve) => stream.on('end', resolve))
    stream.write(messages.discoveryRequest.from({ resource_names: ['ns/a'] }))
    const members = new Map([['ns/a', [{ address: '10.0.0.1:8000' }]]])
    discoveries.endpoints.update(
      (name) => loadAssignment(name, members),
      () => true,
    )
    const { resources, typeUrl } = await told
    expect(resources.map((resource) => resource.typeUrl)).toEqual([typeUrl])
    await close()
    await ended
  })

  test('is forgotten when it is gone without a word', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    ends.push(() => vi.useRealTimers())
    const { discoveries, port } = await start()
    const socket = connectTcp(port, '127.0.0.1')
    const session = connectHttp2('http://envoy.test', { createConnection: () => socket }).on('error', () => {})
    ends.push(() => session.destroy())
    session
      .request({ ':method': 'POST', ':path': endpointStreams, 'content-type': 'application/grpc' })
      .on('error', () => {})
    await expect.poll(() => discoveries.endpoints.streams).toBe(1)
    socket.pause() // it reads nothing any more, so it answers no ping
    vi.advanceTimersByTime(60_000)
    await expect.poll(() => discoveries.endpoints.streams).toBe(0)
  })
})
