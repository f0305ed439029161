import { z } from 'zod'
import type { Endpoint } from '../../pool/endpoint.ts'
import { type PrefixMatches, type Producer, type SchedulingRequest, tokensIn } from '../plugin.ts'
import { kindOf } from '../plugin-kind.ts'

const parameters = z.strictObject({
  /** Counts what the answer may come to, too. */
  addEstimatedOutputTokens: z.boolean().default(false),
  /** Tokens of an answer for each token of its prompt. */
  outputRatio: z.number().min(0).default(1.5),
  /** No answer is taken for longer; without it only the request's own limit holds. */
  maxEstimatedOutputTokens: z.int().min(0).optional(),
  /** For configurations of the reference endpoint picker, where replicas may tell each other; here each counts its own. */
  syncCrossReplicaState: z.boolean().default(true),
  /** Whose matches are taken off: a cached token is no work. Without it those of approx-prefix-cache-producer, if it is there. */
  prefixMatchInfoProducerName: z.string().min(1).optional(),
})

/** Counts the tokens in flight, and says how many more a request would be. */
export type InflightLoad = Producer & {
  /** Tokens that `endpoint` would have to work for the request that is being decided. */
  tokensFor(request: SchedulingRequest, endpoint: Endpoint): number
}

/** Tokens that an endpoint was charged for a request. */
type Charge = { readonly endpoint: Endpoint; readonly cachedBytes: number; tokens: number }

/**
 * The charges of the requests in flight. One table for all instances, so that a request counts once on an endpoint
 * however many instances a configuration has.
 */
const charges = new WeakMap<SchedulingRequest, Charge[]>()

/** Keeps {@link Endpoint.inFlightTokens}; the requests in flight are counted by the pool. */
export const inflightLoadProducer = kindOf<InflightLoad>()('inflight-load-producer', parameters, (options, context) => {
  const { addEstimatedOutputTokens, outputRatio, maxEstimatedOutputTokens, prefixMatchInfoProducerName } = options
  const type = 'approx-prefix-cache-producer'
  const named = prefixMatchInfoProducerName && context.producer<PrefixMatches>(type, prefixMatchInfoProducerName)
  const matches = named ? () => named : context.producerIfAny<PrefixMatches>(type)

  function tokensOf(request: SchedulingRequest, cachedBytes: number): number {
    const uncached = tokensIn(Math.max(request.promptBytes - cachedBytes, 0))
    if (!addEstimatedOutputTokens) return uncached
    const output = Math.round(tokensIn(request.promptBytes) * outputRatio)
    return uncached + Math.min(output, request.maxOutputTokens ?? output, maxEstimatedOutputTokens ?? output)
  }

  return {
    needsEnds: true,
    tokensFor: (request, endpoint) => tokensOf(request, matches()?.matchedBytes(endpoint) ?? 0),
    routed(request, endpoint) {
      const cachedBytes = matches()?.matchedBytes(endpoint) ?? 0
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
    responseStarted(request, endpoint, isHelper) {
      // What is counted of the answer is still to come, but for a server that only helps with the prompt.
      if (isHelper || !addEstimatedOutputTokens) discharge(request, endpoint)
    },
    ended: discharge,
  }
})

function discharge(request: SchedulingRequest, endpoint: Endpoint): void {
  const made = charges.get(request)
  const charge = chargeOf(made, endpoint)
  if (made === undefined || charge === undefined) return
  endpoint.inFlightTokens -= charge.tokens
  made.splice(made.indexOf(charge), 1)
}

function chargeOf(made: readonly Charge[] | undefined, endpoint: Endpoint): Charge | undefined {
  if (made === undefined) return undefined
  for (const charge of made) if (charge.endpoint === endpoint) return charge
  return undefined
}
