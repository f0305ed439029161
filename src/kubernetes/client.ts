import { type IncomingMessage, request as requestPlain } from 'node:http'
import { Agent, type RequestOptions, request as requestTls } from 'node:https'
import type { KubeConfig } from '@kubernetes/client-node'
import type { KubeObject } from './object.ts'

/** metav1.StatusCause. */
export type ApiErrorCause = { readonly reason?: string; readonly message?: string; readonly field?: string }

/** The API server's refusal, or an answer that it should not give. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  /** HTTP status. */
  readonly status: number
  /** Status.reason, e.g. `Conflict`, `AlreadyExists`, `Expired`; '' when the answer is no Status. */
  readonly reason: string
  /** How long it asks to be left alone (Retry-After), milliseconds; 0 when it does not. */
  readonly retryAfterMs: number
  /** Status.details.causes: e.g. the fields of a server-side apply that another manager owns. */
  readonly causes: readonly ApiErrorCause[]

  constructor(
    status: number,
    reason: string,
    message: string,
    retryAfterMs = 0,
    causes: readonly ApiErrorCause[] = [],
  ) {
    super(message)
    this.status = status
    this.reason = reason
    this.retryAfterMs = retryAfterMs
    this.causes = causes
  }
}

/** Fields of a server-side apply belong to another manager; false for any other conflict, e.g. one of versions. */
export const isManagerConflict = (error: unknown): boolean =>
  error instanceof ApiError &&
  error.status === 409 &&
  error.causes.some(({ reason }) => reason === 'FieldManagerConflict')

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

  /** Gives the object when it has finalizers, which have to be gone before it is. */
  async delete(
    path: string,
    preconditions?: { readonly uid?: string | undefined; readonly resourceVersion?: string | undefined },
  ): Promise<KubeObject | undefined> {
    const answer = (await this.#call('DELETE', path, undefined, preconditions && { preconditions })) as KubeObject
    return answer.metadata?.deletionTimestamp === undefined ? undefined : answer
  }

  /**
   * Watches a collection until the API server ends the watch, which it does by itself after a while, until `stop` aborts, or
   * until it has been silent for `silenceMs`: a server that hangs keeps its connections, and a proxy may hold back what it says.
   * @throws ApiError, the error of the connection, or that of a listener
   */
  async watch(
    path: string,
    query: Query,
    listener: WatchListener,
    stop: AbortSignal,
    silenceMs: number,
  ): Promise<'ended' | 'silent'> {
    const silence = new AbortController()
    const expireIn = (ms: number) => setTimeout(() => silence.abort(noAnswerWithin(ms)), ms)
    let timer = expireIn(Math.min(answerTimeoutMs, silenceMs))
    let isOpen = false
    try {
      const signal = AbortSignal.any([silence.signal, stop])
      const response = await this.#send('GET', path, { ...query, watch: true }, undefined, undefined, signal)
      if (response.statusCode !== 200) throw refusal(response, await textOf(response))
      clearTimeout(timer)
      timer = expireIn(silenceMs)
      isOpen = true
      listener.onOpen()
      response.setEncoding('utf8')
      let rest = ''
      for await (const chunk of response) {
        timer.refresh()
        const lines = `${rest}${chunk}`.split('\n')
        rest = lines.pop()!
        for (const line of lines) {
          if (line !== '') listener.onEvent(JSON.parse(line) as WatchEvent)
        }
      }
      return 'ended'
    } catch (error) {
      if (stop.aborted) return 'ended'
      if (!silence.signal.aborted) throw error
      if (isOpen) return 'silent'
      throw silence.signal.reason
    } finally {
      clearTimeout(timer)
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
    try {
      const response = await this.#send(method, path, query, body && JSON.stringify(body), contentType, signal)
      const text = await textOf(response)
      if (response.statusCode! >= 300) throw refusal(response, text)
      const answer = parsed(response, text)
      if (answer === undefined) throw new ApiError(response.statusCode!, '', `the answer is no JSON: ${excerpt(text)}`)
      return answer
    } catch (error) {
      throw timeout.aborted ? noAnswerWithin(answerTimeoutMs) : error
    }
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
      // Node tells no length with DELETE: the body would be taken for the next request.
      ...(body !== undefined && { 'content-type': contentType, 'content-length': Buffer.byteLength(body) }),
    }
    return new Promise((resolve, reject) => {
      const call = (isTls ? requestTls : requestPlain)(url, options, resolve)
      call.on('error', (error) => reject(inWords(error)))
      call.on('socket', (socket) => socket.setKeepAlive(true, keepAliveMs))
      call.end(body)
    })
  }
}

/** A name with several addresses of which none answers makes an error without a message. */
function inWords(error: NodeJS.ErrnoException): Error {
  const { code } = error
  if (!(error instanceof AggregateError) || error.message !== '') return error
  const message = error.errors.map((each: Error) => each.message).join('; ')
  return Object.assign(new Error(message), { code })
}

/** Like an error of a connection. */
const noAnswerWithin = (ms: number): Error =>
  Object.assign(new Error(`the API server has not answered within ${ms / 1000} s`), { code: 'ETIMEDOUT' })

async function textOf(response: IncomingMessage): Promise<string> {
  response.setEncoding('utf8')
  let text = ''
  for await (const chunk of response) text += chunk
  return text
}

/** The object of an answer; undefined where it is none: what stands between may answer, too. */
function parsed(response: IncomingMessage, text: string): object | undefined {
  if (!response.headers['content-type']?.includes('json')) return undefined
  try {
    return (JSON.parse(text) as object | null) ?? undefined
  } catch {
    return undefined
  }
}

const excerpt = (text: string): string => text.trim().slice(0, 200)

function refusal(response: IncomingMessage, text: string): ApiError {
  const status = response.statusCode!
  const {
    reason = '',
    message = `${status} ${excerpt(text)}`,
    details,
  } = (parsed(response, text) ?? {}) as {
    reason?: string
    message?: string
    details?: { causes?: readonly ApiErrorCause[] }
  }
  // A date, which it may be as well, the API server does not send.
  const retryAfterMs = 1000 * (Number(response.headers['retry-after']) || 0)
  return new ApiError(status, reason, message, retryAfterMs, details?.causes)
}
