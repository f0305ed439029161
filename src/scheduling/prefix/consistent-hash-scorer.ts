import { z } from 'zod'
import type { Endpoint } from '../../pool/endpoint.ts'
import type { SchedulingRequest, Scorer } from '../plugin.ts'
import { scorerKind } from '../plugin-kind.ts'
import { hashText, mix32 } from './mix.ts'

const parameters = z.strictObject({
  /**
   * Prompts that agree in so many blocks belong together; shorter ones by what they have. 64 blocks are 6 KiB (see blocks.ts):
   * more than most system prompts, so that conversations under one are told apart; and what is less costs little to compute.
   */
  leadingBlocks: z.int().min(1).default(64),
  /**
   * A server takes no more than its part of the load times this. Servers have few requests each, so that a narrow bound turns
   * away much by chance; scorers of load beside this one keep the peace below it.
   */
  boundedLoadFactor: z.number().min(1).default(4),
})

/**
 * Consistent hashing with bounded loads (V. Mirrokni, M. Thorup, M. Zadimoghaddam, 2016), by highest random weight instead of a
 * ring: each prompt has an order of all servers, which follows from its leading blocks and the servers' addresses alone, so
 * that every replica comes to the same one, and a server that joins or leaves moves only its share. The first whose load
 * is within the bound gets 1, the second 0.5, all others 0. Load is the requests that run or wait there, as the server or
 * this process counts them, whichever are more. Without a prompt all get 0.
 */
export const consistentHashScorer = scorerKind(
  'consistent-hash-scorer',
  parameters,
  ({ leadingBlocks, boundedLoadFactor }): Omit<Scorer, 'type'> => ({
    readsPrompt: true,
    score(request, candidates, scores) {
      const blocks = Math.min(request.prompt?.blocks ?? 0, leadingBlocks)
      if (blocks === 0) scores.fill(0, 0, candidates.length)
      else scoreByOrder(orderKey(request, blocks), candidates, boundedLoadFactor, scores)
    },
  }),
)

const orderKey = (request: SchedulingRequest, blocks: number): number =>
  request.prompt!.key(blocks - 1, request.targetModel) | 0

function scoreByOrder(key: number, candidates: readonly Endpoint[], factor: number, scores: Float64Array): void {
  let load = 0
  for (const candidate of candidates) load += loadOf(candidate)
  const bound = Math.ceil((factor * (load + 1)) / candidates.length)
  let first = -1
  let second = -1
  let firstWeight = -1
  let secondWeight = -1
  for (let i = 0; i < candidates.length; i += 1) {
    scores[i] = 0
    if (loadOf(candidates[i]) >= bound) continue
    const weight = mix32(key ^ addressHash(candidates[i])) >>> 0
    if (weight > firstWeight) {
      second = first
      secondWeight = firstWeight
      first = i
      firstWeight = weight
    } else if (weight > secondWeight) {
      second = i
      secondWeight = weight
    }
  }
  if (first >= 0) scores[first] = 1
  if (second >= 0) scores[second] = 0.5
}

/** Requests that run or wait there. */
export function loadOf({ inFlight, metrics }: Endpoint): number {
  return Math.max(inFlight, metrics.queued + metrics.running)
}

const addressHashes = new WeakMap<Endpoint, number>()

/** A hash of the address, the same in every replica. */
function addressHash(endpoint: Endpoint): number {
  let hash = addressHashes.get(endpoint)
  if (hash === undefined) {
    hash = hashText(endpoint.address)
    addressHashes.set(endpoint, hash)
  }
  return hash
}
