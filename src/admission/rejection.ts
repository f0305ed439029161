/** Why a request was not let through: the values of the response header `x-llm-d-request-dropped-reason`. */
export type DropReason =
  | 'rejected-saturated'
  | 'rejected-no-endpoints'
  | 'rejected-ttl-expired'
  | 'rejected-shutting-down'

/** How a wait ended without the request being let through; nobody is answered when the client has gone away. */
export type WaitFailure = DropReason | 'rejected-context-cancelled'

export type Rejection = {
  readonly reason: DropReason
  readonly status: 429 | 503
  /** For the Retry-After header. */
  readonly retryAfterSeconds: number
  /** For people. */
  readonly message: string
}

export function rejection(reason: DropReason, retryAfterSeconds: number, message: string): Rejection {
  return { reason, status: statusOf(reason), retryAfterSeconds, message }
}

/** 429 where the pool has endpoints that are busy, 503 where there is nothing to wait for. */
function statusOf(reason: DropReason): 429 | 503 {
  switch (reason) {
    case 'rejected-saturated':
    case 'rejected-ttl-expired':
      return 429
    case 'rejected-no-endpoints':
    case 'rejected-shutting-down':
      return 503
  }
}
