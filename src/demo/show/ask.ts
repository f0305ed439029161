import { type Agent, type IncomingMessage, request as startRequest } from 'node:http'

export type Ask = {
  readonly agent: Agent
  readonly url: string
  readonly headers: Readonly<Record<string, string>> | undefined
  readonly body: string
  /** Silence after which the client gives up. */
  readonly patienceMs: number
  readonly onFirstToken: () => void
  readonly signal: AbortSignal
}

/** What the last event of a whole stream says. */
const endMark = 'data: [DONE]'

/**
 * Asks for a streamed chat completion and reads it to its end. Resolves with `refused` for a 429, with `failed` for whatever is
 * no whole stream; never rejects.
 */
export function ask(options: Ask): Promise<'answered' | 'refused' | 'failed'> {
  const { agent, url, headers, body, patienceMs, onFirstToken, signal } = options
  return new Promise((resolve) => {
    const request = startRequest(new URL('/v1/chat/completions', url), {
      agent,
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...headers },
      timeout: patienceMs,
      signal,
    })
    request.on('timeout', () => request.destroy())
    request.on('error', () => resolve('failed'))
    request.on('close', () => resolve('failed')) // if nothing else came first
    request.on('response', (response) => {
      if (response.statusCode === 200) return readStream(response, onFirstToken, resolve)
      response.resume().on('end', () => resolve(response.statusCode === 429 ? 'refused' : 'failed'))
      response.on('error', () => resolve('failed'))
    })
    request.end(body)
  })
}

function readStream(
  response: IncomingMessage,
  onFirstToken: () => void,
  resolve: (result: 'answered' | 'failed') => void,
): void {
  let hasToken = false
  let tail = ''
  response.setEncoding('utf8')
  response.on('data', (text: string) => {
    tail = (tail + text).slice(-1024)
    if (hasToken || !/"content":"[^"]/.test(tail)) return
    hasToken = true
    onFirstToken()
  })
  response.on('end', () => resolve(hasToken && tail.trimEnd().endsWith(endMark) ? 'answered' : 'failed'))
  response.on('error', () => resolve('failed'))
}
