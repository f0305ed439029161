import { createHash, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { KubeClient } from '../kubernetes/client.ts'
import { SourceError } from '../sources/source.ts'
import { atMostEvery } from '../telemetry/log.ts'
import { maxTokenChars } from './limits.ts'
import { ClusterReviews } from './reviews.ts'

/** Who may use the metrics port; see {@link createAccess}. */
export type AccessOptions = {
  /** False opens the port to everybody who can reach it. */
  readonly asksForTokens: boolean
  /** A file whose content is a token that is accepted. */
  readonly tokenFile: string | undefined
}

/** Why a request is not let in. */
export type Denial = { readonly status: 401 | 403 | 503; readonly message: string }

/** Decides about one request; undefined lets it in. */
export type Access = (request: IncomingMessage, path: string) => Promise<Denial | undefined>

/** A cluster that can't be asked is logged so often at most, milliseconds. */
const logIntervalMs = 60_000

/**
 * One rule for all paths of the metrics port. Who connects from this machine's loopback, and asks for a loopback name, is let in: the name
 * keeps out pages of other sites that have had their own name lead here (DNS rebinding). All others need a bearer token: that of the
 * file, or one whose bearer may use the path as the cluster says.
 * @param client of the cluster; undefined without one
 * @throws SourceError for a file that can't be read or has no token
 */
export function createAccess(
  { asksForTokens, tokenFile }: AccessOptions,
  client: Pick<KubeClient, 'create'> | undefined,
  clock: Clock,
  log: Logger,
): Access {
  if (tokenFile !== undefined) checkTokenFile(tokenFile)
  if (!asksForTokens) return async () => undefined
  const reviews = client && new ClusterReviews(client, clock)
  const remedy = remedyOf(tokenFile, reviews)
  let cause = ''
  const warn = atMostEvery(logIntervalMs, clock.nowMs.bind(clock), (count) =>
    log.warn(
      { count, cause },
      'a token for the metrics port could not be reviewed; see the right to create tokenreviews and subjectaccessreviews',
    ),
  )
  return async (request, path) => {
    if (isLocal(request)) return undefined
    const token = bearerOf(request)
    if (token === undefined) return { status: 401, message: `this port asks for a bearer token: ${remedy}` }
    if (tokenFile !== undefined && (await isTokenOf(tokenFile, token))) return undefined
    const review = await reviews?.review(token, request.method!.toLowerCase(), path)
    switch (review?.verdict) {
      case 'allowed':
        return undefined
      case undefined:
      case 'unknown':
        return { status: 401, message: `the bearer token is not accepted: ${remedy}` }
      case 'forbidden': {
        const rule = `{nonResourceURLs: [${JSON.stringify(path)}], verbs: [${request.method!.toLowerCase()}]}`
        return { status: 403, message: `${review.user} may not do this: a ClusterRole with the rule ${rule} allows it` }
      }
      case 'unanswered':
        cause = review.cause
        warn()
        // Whoever asks is nobody yet: what the API server said is for the log.
        return {
          status: 503,
          message: 'the cluster could not be asked about the token: the log of this service says why',
        }
    }
  }
}

function remedyOf(tokenFile: string | undefined, reviews: ClusterReviews | undefined): string {
  const ways = ['ask from 127.0.0.1 (kubectl port-forward)']
  if (tokenFile !== undefined) ways.push('send that of --metrics-token-file as Authorization: Bearer TOKEN')
  if (reviews !== undefined) {
    ways.push('send that of a service account that may get this path (nonResourceURLs of a ClusterRole)')
  }
  if (ways.length === 1) ways.push('set --metrics-token-file')
  return `${ways.join(', or ')}. --metrics-endpoint-auth=false opens the port`
}

/** Connections of sidecars come from other loopback addresses (Istio: 127.0.0.6), and are whoever's. */
const localPeers = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1'])

function isLocal({ socket, headers }: IncomingMessage): boolean {
  if (!localPeers.has(socket.remoteAddress ?? '')) return false
  // A proxy on this machine speaks for somebody else.
  if (headers['x-forwarded-for'] !== undefined || headers.forwarded !== undefined) return false
  return headers.host === undefined || isLoopbackName(headers.host)
}

/** @param host `name`, `name:port`, `[ipv6]:port` */
export function isLoopbackName(host: string): boolean {
  return /^(localhost|[a-z0-9.-]+\.localhost|127(\.\d{1,3}){3}|\[::1\])\.?(:\d+)?$/i.test(host)
}

function bearerOf({ headers }: IncomingMessage): string | undefined {
  const [, token] = /^bearer +(\S+) *$/i.exec(headers.authorization ?? '') ?? []
  return token !== undefined && token.length <= maxTokenChars ? token : undefined
}

/** The file is read each time: what rotates it need not tell anybody. */
async function isTokenOf(file: string, token: string): Promise<boolean> {
  const expected = await readFile(file, 'utf8').then(
    (text) => text.trim(),
    () => '',
  )
  return expected !== '' && timingSafeEqual(digest(expected), digest(token))
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

function checkTokenFile(file: string): void {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new SourceError(`--metrics-token-file ${file}: ${(error as Error).message}`)
  }
  if (/^\S+$/.test(text.trim())) return
  throw new SourceError(`--metrics-token-file ${file}: found no token: it is one line without spaces`)
}
