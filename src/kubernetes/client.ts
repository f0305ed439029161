import { type IncomingMessage, request as requestPlain } from 'node:http'
import { Agent, type RequestOptions, request as requestTls } from 'node:https'
import type { KubeConfig } from '@kubernetes/client-node'
import type { KubeObject } from './object.ts'

/** The API server's refusal, or an answer that it should not give. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  /** HTTP status. */
  readonly status: number
  /** Status.reason, e.g. `Conflict`, `AlreadyExists`, `Expired`; '' when the answer is no Status. */
  readonly reason: string

  constructor(status: number, reason: string, message: string) {
    super(message)
    this.status = status
    this.reason = reason
  }
}

/** No credentials for a cluster, or none that can be read. */
export class KubeconfigError extends Error {
  override readonly name = 'KubeconfigError'
}

export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; readonly object: KubeObject }
  | {
      readonly type: 'ERROR'
      readonly object: { readonly code?: number; readonly reason?: string; readonly message?: string }
    }

export type WatchListener = {
  /** The API server has agreed: what changes from here on will be told. */
  onOpen(): void
  onEvent(event: WatchEvent): void
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>

export type PatchType = 'merge-patch' | 'apply-patch'

/** An answer must have ended after so many milliseconds; a watch has no end. */
const answerTimeoutMs = 30_000
/** A connection that has been silent so long is probed, which finds out about a peer that is gone. */
const keepAliveMs = 30_000
const userAgent = 'signalbox'

/**
 * Credentials of a cluster.
 * @param file a kubeconfig; undefined takes `KUBECONFIG`, `~/.kube/config` or the pod's service account, in this order
 * @throws KubeconfigError
 */
export async function loadKubeconfig(file: string | undefined): Promise<KubeConfig> {
  // Half a second and 60 MB, for those who need it.
  const { KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  const named = file ?? process.env.KUBECONFIG
  try {
    if (file === undefined) config.loadFromDefault()
    else config.loadFromFile(file)
  } catch (error) {
    throw new KubeconfigError(`kubeconfig ${named ?? '~/.kube/config'}: ${(error as Error).message}`)
  }
  const cluster = config.getCurrentCluster()
  if (cluster === null) throw new KubeconfigError(`kubeconfig ${named ?? ''}: its current context names no cluster`)
  // What the library falls back to when it finds nothing.
  if (named === undefined && cluster.name === 'cluster' && cluster.server === 'http://localhost:8080') {
    throw new KubeconfigError(
      'no cluster to read from: there is no service account of a pod, no ~/.kube/config, and neither KUBECONFIG nor --kubeconfig names one',
    )
  }
  return config
}

/**
 * Talks JSON with a Kubernetes API server, by paths. The typed clients of @kubernetes/client-node drop fields that they do not
 * know, and open a connection for each call; credentials, certificates and proxies are that library's.
 */
export class KubeClient {
  readonly #config: KubeConfig
  readonly #agent = new Agent({ keepAlive: true })

  constructor(config: KubeConfig) {
    this.#config = config
  }

  /** The namespace of the current context, or of the pod. */
  get namespace(): string | undefined {
    return this.#config.getContextObject(this.#config.getCurrentContext())?.namespace
  }

  /** @throws ApiError, or the error of the connection */
  get(path: string, query?: Query, signal?: AbortSignal): Promise<unknown> {
    return this.#call('GET', path, query, undefined, undefined, signal)
  }

  /** POSTs to a collection; gives the object as it is stored. */
  create(path: string, object: object): Promise<KubeObject> {
    return this.#call('POST', path, undefined, object) as Promise<KubeObject>
  }

  /** Replaces an object; with its resourceVersion only if that is still the stored one ({@link ApiError} 409). */
  update(path: string, object: object, query?: Query): Promise<KubeObject> {
    return this.#call('PUT', path, query, object) as Promise<KubeObject>
  }

  patch(path: string, type: PatchType, change: object, query?: Query): Promise<KubeObject> {
    const contentType = type === 'apply-patch' ? 'application/apply-patch+yaml' : 'application/merge-patch+json'
    return this.#call('PATCH', path, query, change, contentType) as Promise<KubeObject>
  }

  /** Server-side apply. `force` takes fields over that another manager has set; without it that is an {@link ApiError} 409. */
  apply(path: string, object: object, fieldManager: string, force: boolean): Promise<KubeObject> {
    return this.patch(path, 'apply-patch', object, { fieldManager, force })
  }

  async delete(
    path: string,
    preconditions?: { readonly uid?: string; readonly resourceVersion?: string },
  ): Promise<void> {
    await this.#call('DELETE', path, undefined, preconditions && { preconditions })
  }

  /**
   * Watches a collection. Resolves when the API server ends the watch, which it does by itself after a while, or when
   * `signal` aborts.
   * @throws ApiError, the error of the connection, or that of a listener
   */
  async watch(path: string, query: Query, listener: WatchListener, signal: AbortSignal): Promise<void> {
    try {
      const response = await this.#send('GET', path, { ...query, watch: true }, undefined, undefined, signal)
      if (response.statusCode !== 200) throw refusal(response, await textOf(response))
      listener.onOpen()
      response.setEncoding('utf8')
      let rest = ''
      for await (const chunk of response) {
        const lines = `${rest}${chunk}`.split('\n')
        rest = lines.pop()!
        for (const line of lines) {
          if (line !== '') listener.onEvent(JSON.parse(line) as WatchEvent)
        }
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  async #call(
    method: string,
    path: string,
    query?: Query,
    body?: object,
    contentType = 'application/json',
    stop?: AbortSignal,
  ): Promise<unknown> {
    const timeout = AbortSignal.timeout(answerTimeoutMs)
    const signal = stop === undefined ? timeout : AbortSignal.any([timeout, stop])
    const response = await this.#send(method, path, query, body && JSON.stringify(body), contentType, signal)
    const text = await textOf(response)
    if (response.statusCode! >= 300) throw refusal(response, text)
    return isJson(response) ? JSON.parse(text) : text
  }

  async #send(
    method: string,
    path: string,
    query: Query = {},
    body: string | undefined,
    contentType: string | undefined,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const cluster = this.#config.getCurrentCluster()!
    const url = new URL(cluster.server.replace(/\/$/, '') + path)
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value))
    }
    const options: RequestOptions = { method, signal, headers: {} }
    // Reads token and certificates anew when they are due.
    await this.#config.applyToHTTPSOptions(options)
    const isTls = url.protocol === 'https:'
    if (isTls && cluster.proxyUrl === undefined) options.agent = this.#agent
    options.headers = {
      ...options.headers,
      accept: 'application/json',
      'user-agent': userAgent,
      ...(body !== undefined && { 'content-type': contentType }),
    }
    return new Promise((resolve, reject) => {
      const call = (isTls ? requestTls : requestPlain)(url, options, resolve)
      call.on('error', reject)
      call.on('socket', (socket) => socket.setKeepAlive(true, keepAliveMs))
      call.end(body)
    })
  }
}

const isJson = (response: IncomingMessage): boolean => response.headers['content-type']?.includes('json') === true

async function textOf(response: IncomingMessage): Promise<string> {
  response.setEncoding('utf8')
  let text = ''
  for await (const chunk of response) text += chunk
  return text
}

function refusal(response: IncomingMessage, text: string): ApiError {
  const status = response.statusCode!
  if (isJson(response)) {
    const { reason = '', message = text } = JSON.parse(text) as { reason?: string; message?: string }
    return new ApiError(status, reason, message)
  }
  return new ApiError(status, '', `${status} ${text.trim().slice(0, 200)}`)
}
