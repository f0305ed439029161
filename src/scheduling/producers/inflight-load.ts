import { z } from 'zod'
import type { Endpoint } from '../../pool/endpoint.ts'
import { type PrefixMatches, type Producer, type SchedulingRequest, tokensIn } from '../plugin.ts'
import { producerKind } from '../plugin-kind.ts'

const parameters = z.strictObject({
  /** Counts what the answer may come to, too. */
  addEstimatedOutputTokens: z.boolean().default(false),
  /** Tokens of an answer for each token of its prompt. */
  outputRatio: z.number().min(0).default(1.5),
  /** No answer is taken for longer; without it only the request's own limit holds. */
  maxEstimatedOutputTokens: z.int().min(0).optional(),
  /** For configurations of the reference endpoint picker, where replicas may tell each other; here each counts its own. */
  syncCrossReplicaState: z.boolean().default(true),
  /** Whose matches are taken off: a cached token is no work. Without it the whole prompt counts. */
  prefixMatchInfoProducerName: z.string().min(1).optional(),
})

/** Tokens that an endpoint was charged for a request. */
type Charge = { readonly endpoint: Endpoint; readonly cachedBytes: number; tokens: number }

/**
 * The charges of the requests in flight. One table for all instances, so that a request counts once on an endpoint
 * however many instances a configuration has.
 */
const charges = new WeakMap<SchedulingRequest, Charge[]>()

/** Keeps {@link Endpoint.inFlightTokens}; the requests in flight are counted by the pool. */
export const inflightLoadProducer = producerKind('inflight-load-producer', parameters, (options, context) => {
  const { addEstimatedOutputTokens, outputRatio, maxEstimatedOutputTokens, prefixMatchInfoProducerName } = options
  const matches =
    prefixMatchInfoProducerName === undefined
      ? undefined
      : context.producer<PrefixMatches>('approx-prefix-cache-producer', prefixMatchInfoProducerName)

  function tokensOf(request: SchedulingRequest, cachedBytes: number): number {
    const uncached = tokensIn(Math.max(request.promptBytes - cachedBytes, 0))
    if (!addEstimatedOutputTokens) return uncached
    const output = Math.ceil(tokensIn(request.promptBytes) * outputRatio)
    return uncached + Math.min(output, request.maxOutputTokens ?? output, maxEstimatedOutputTokens ?? output)
  }

  return {
    needsEnds: true,
    routed(request, endpoint) {
      const cachedBytes = matches?.matchedBytes(endpoint) ?? 0
      const charge = { endpoint, cachedBytes, tokens: tokensOf(request, cachedBytes) }
      const others = charges.get(request)
      if (others === undefined) charges.set(request, [charge])
      else if (chargeOf(others, endpoint) === undefined) others.push(charge)
      else return
      endpoint.inFlightTokens += charge.tokens
    },
    promptRead(request, endpoint) {
      const charge = chargeOf(charges.get(request), endpoint)
      if (charge === undefined) return
      const tokens = tokensOf(request, charge.cachedBytes)
      endpoint.inFlightTokens += tokens - charge.tokens
      charge.tokens = tokens
    },
    ended(request, endpoint) {
      const made = charges.get(request)
      const charge = chargeOf(made, endpoint)
      if (made === undefined || charge === undefined) return
      endpoint.inFlightTokens -= charge.tokens
      made.splice(made.indexOf(charge), 1)
    },
  } satisfies Omit<Producer, 'type'>
})

function chargeOf(made: readonly Charge[] | undefined, endpoint: Endpoint): Charge | undefined {
  if (made === undefined) return undefined
  for (const charge of made) if (charge.endpoint === endpoint) return charge
  return undefined
}
