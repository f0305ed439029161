import { z } from 'zod'
import { activeRequests, type Endpoint } from '../../pool/endpoint.ts'
import { narrow } from '../filters/narrow.ts'
import { detectorKind } from '../plugin-kind.ts'

const parameters = z.strictObject({
  /** Requests in flight that make an endpoint full. */
  maxConcurrency: z.int().min(1).default(100),
  /** Tokens in flight that make an endpoint full. */
  maxTokenConcurrency: z.int().min(1).default(1_000_000),
  /** By what share over that an endpoint may be before the filter takes it away. */
  headroom: z.number().min(0).default(0),
  /** What counts; of both, what is fuller. */
  concurrencyMode: z.enum(['requests', 'tokens', 'hybrid']).default('requests'),
  /** Whose tokens count. */
  inFlightLoadProducerName: z.string().min(1).optional(),
})

type Limits = { readonly requests: number; readonly tokens: number }

/**
 * How full a pool is by what this process has in flight there: the mean over the endpoints of in flight / what they take, 1
 * for a pool without endpoints. It needs no scrape. As a filter it keeps the endpoints below their limit, maybe none.
 */
export const concurrencyDetector = detectorKind('concurrency-detector', parameters, (options, context) => {
  const { maxConcurrency, maxTokenConcurrency, headroom, concurrencyMode, inFlightLoadProducerName } = options
  const countsRequests = concurrencyMode !== 'tokens'
  const countsTokens = concurrencyMode !== 'requests'
  // Without this producer no tokens are counted.
  if (countsTokens) context.producer('inflight-load-producer', inFlightLoadProducerName)
  const max: Limits = {
    requests: countsRequests ? maxConcurrency : Number.POSITIVE_INFINITY,
    tokens: countsTokens ? maxTokenConcurrency : Number.POSITIVE_INFINITY,
  }
  // Half a request is none: 1.5 as a limit lets one in, as 1 does.
  const limits: Limits = {
    requests: Math.floor(max.requests * (1 + headroom)),
    tokens: Math.floor(max.tokens * (1 + headroom)),
  }
  return {
    needsEnds: true,
    saturation(candidates) {
      if (candidates.length === 0) return 1
      let sum = 0
      for (const endpoint of candidates) {
        sum += Math.max(activeRequests(endpoint) / max.requests, endpoint.inFlightTokens / max.tokens)
      }
      return sum / candidates.length
    },
    filter: (_request, candidates) => narrow(candidates, isBelow, limits),
  }
})

function isBelow(endpoint: Endpoint, { requests, tokens }: Limits): boolean {
  return activeRequests(endpoint) < requests && endpoint.inFlightTokens < tokens
}
