import { z } from 'zod'
import { activeRequests } from '../../pool/endpoint.ts'
import { scorerKind } from '../plugin-kind.ts'

const parameters = z.strictObject({
  /** Up to so many requests in flight a server counts as idle. */
  idleThreshold: z.int().min(0).default(0),
  /** The most that a server that isn't idle can get. */
  maxBusyScore: z.number().min(0).max(1).default(1),
  /** Which instance is all the same: the pool counts the requests. */
  inFlightLoadProducerName: z.string().min(1).optional(),
  /** Of configurations of older releases; requests are counted until they end. */
  requestTimeout: z.string().optional(),
})

/**
 * The fewer requests this process has in flight to the server, the better: 1 for an idle one, else
 * (max - active) / max * maxBusyScore, max being the most of any candidate. Needs no scrape, so it sees the picks that
 * were made since the last one and keeps them from all going to the server that looked best then.
 */
export const activeRequestScorer = scorerKind(
  'active-request-scorer',
  parameters,
  ({ idleThreshold, maxBusyScore }) => ({
    score(_request, candidates, scores) {
      let max = 0
      for (let i = 0; i < candidates.length; i += 1) {
        scores[i] = activeRequests(candidates[i])
        if (scores[i] > max) max = scores[i]
      }
      for (let i = 0; i < candidates.length; i += 1) {
        scores[i] = scores[i] <= idleThreshold ? 1 : ((max - scores[i]) / max) * maxBusyScore
      }
    },
  }),
)
