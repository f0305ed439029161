/** A request as a client sends it, and what the proxy says beside it: plain data. */
export type ClientRequest = {
  /** Upper case. */
  readonly method: string
  /** With its query. */
  readonly path: string
  /** Names in lower case, without `:method` and its like. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer
  /** `namespace/name`: the gRPC metadata x-inference-pool. */
  readonly poolHint?: string | undefined
  /** The endpoints that the proxy allows, `ip` or `ip:port`. */
  readonly subset?: readonly string[] | undefined
}

export const defaultPath = '/v1/chat/completions'

/** The last header of a name counts. */
export function headerOf({ headers }: Pick<ClientRequest, 'headers'>, name: string): string | undefined {
  return headers.findLast(([key]) => key === name)?.[1]
}

/** Fills in what any client would send: a length, and a type where the body looks like JSON. */
export function completed(request: ClientRequest): ClientRequest {
  const { body } = request
  if (body.length === 0) return request
  const headers = [...request.headers]
  if (headerOf(request, 'content-type') === undefined && /^\s*[{[]/.test(body.subarray(0, 64).toString())) {
    headers.push(['content-type', 'application/json'])
  }
  if (headerOf(request, 'content-length') === undefined && headerOf(request, 'transfer-encoding') === undefined) {
    headers.push(['content-length', String(body.length)])
  }
  return { ...request, headers }
}

/** The host name without its port; undefined when the request names none. */
export function hostOf(request: Pick<ClientRequest, 'headers'>): string | undefined {
  const host = headerOf(request, ':authority') ?? headerOf(request, 'host')
  return host?.replace(/:\d+$/, '').toLowerCase()
}
