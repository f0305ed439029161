import { createHash } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { KubeClient } from '../kubernetes/client.ts'
import { maxRememberedReviews, maxReviewsAtOnce, reviewTtlMs } from './limits.ts'

/** What the cluster says of the bearer of a token who wants to read a path. */
export type Review =
  | { readonly verdict: 'allowed' }
  /** The cluster does not know the token. */
  | { readonly verdict: 'unknown' }
  /** It knows whose it is, and that they may not. */
  | { readonly verdict: 'forbidden'; readonly user: string }
  /** It could not be asked. */
  | { readonly verdict: 'unanswered'; readonly cause: string }

type User = {
  readonly username?: string
  readonly uid?: string
  readonly groups?: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

/**
 * Of this audience, a token opens metrics ports and nothing else: whoever is shown it by mistake can't be its bearer before the
 * API server (`audience` of a projected serviceAccountToken).
 */
export const metricsAudience = 'signalbox-metrics'

type Remembered = { readonly review: Review; readonly untilMs: number }

/**
 * Asks a cluster, by TokenReview and SubjectAccessReview, whether the bearer of a token may use a path that is no resource: what
 * the reference endpoint picker asks before it shows its metrics.
 */
export class ClusterReviews {
  readonly #client: Pick<KubeClient, 'create'>
  readonly #clock: Clock
  /** By a hash of token, verb and path: no token is kept. In the order in which they were asked. */
  readonly #remembered = new Map<string, Remembered>()
  readonly #asking = new Map<string, Promise<Review>>()

  constructor(client: Pick<KubeClient, 'create'>, clock: Clock) {
    this.#client = client
    this.#clock = clock
  }

  /** @param verb of RBAC rules for paths: an HTTP method in lower case */
  async review(token: string, verb: string, path: string): Promise<Review> {
    const key = createHash('sha256').update(`${verb} ${path} ${token}`).digest('base64')
    const known = this.#remembered.get(key)
    if (known !== undefined && known.untilMs > this.#clock.nowMs()) return known.review
    const asking = this.#asking.get(key)
    if (asking !== undefined) return asking
    if (this.#asking.size >= maxReviewsAtOnce) {
      return { verdict: 'unanswered', cause: `${maxReviewsAtOnce} other tokens are being reviewed` }
    }
    const review = this.#ask(token, verb, path)
    this.#asking.set(key, review)
    const answer = await review
    this.#asking.delete(key)
    if (answer.verdict !== 'unanswered') this.#remember(key, answer)
    return answer
  }

  async #ask(token: string, verb: string, path: string): Promise<Review> {
    try {
      const authentication = 'authentication.k8s.io/v1'
      const audiences = audiencesOf(token).includes(metricsAudience) ? [metricsAudience] : undefined
      const { status: told = {} } = (await this.#client.create(`/apis/${authentication}/tokenreviews`, {
        apiVersion: authentication,
        kind: 'TokenReview',
        spec: { token, ...(audiences && { audiences }) },
      })) as { status?: { authenticated?: boolean; user?: User; audiences?: readonly string[] } }
      const { user } = told
      // Who reviews for the API server may not know of audiences, and has then not looked at them.
      const isOurs = audiences === undefined || told.audiences?.includes(metricsAudience)
      if (told.authenticated !== true || user === undefined || !isOurs) return { verdict: 'unknown' }
      const authorization = 'authorization.k8s.io/v1'
      const { username: name, uid, groups, extra } = user
      const { status = {} } = (await this.#client.create(`/apis/${authorization}/subjectaccessreviews`, {
        apiVersion: authorization,
        kind: 'SubjectAccessReview',
        spec: { user: name, uid, groups, extra, nonResourceAttributes: { verb, path } },
      })) as { status?: { allowed?: boolean } }
      return status.allowed === true ? { verdict: 'allowed' } : { verdict: 'forbidden', user: name ?? '' }
    } catch (error) {
      return { verdict: 'unanswered', cause: (error as Error).message }
    }
  }

  #remember(key: string, review: Review): void {
    const ttlMs = review.verdict === 'allowed' ? reviewTtlMs.allowed : reviewTtlMs.refused
    this.#remembered.delete(key)
    this.#remembered.set(key, { review, untilMs: this.#clock.nowMs() + ttlMs })
    if (this.#remembered.size <= maxRememberedReviews) return
    const [oldest] = this.#remembered.keys()
    this.#remembered.delete(oldest)
  }
}

/** For whom a token says that it is (the claim `aud` of RFC 7519), unchecked: it decides about what the cluster is asked. */
function audiencesOf(token: string): readonly unknown[] {
  try {
    const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString()) as { aud?: unknown } | null
    return [claims?.aud].flat()
  } catch {
    return []
  }
}
