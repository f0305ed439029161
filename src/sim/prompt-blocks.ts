import { charactersPerToken, promptTexts } from './answer.ts'

/**
 * A key for each whole block of a prompt; equal keys mean equal prompts up to the end of that block. Keys are hashes of 53 bits,
 * which a simulation can take for unique.
 * @param owner whose cache entries these are: adapters don't share blocks (vLLM hashes the adapter's id with them)
 * @param maxBlocks later blocks get none
 */
export function promptBlocks(
  prompt: unknown,
  owner: string | undefined,
  blockTokens: number,
  maxBlocks: number,
): number[] {
  const blockCharacters = blockTokens * charactersPerToken
  const keys: number[] = []
  let high = offsetBasis
  let low = offsetBasis ^ prime
  let room = blockCharacters
  const mix = (code: number) => {
    high = Math.imul(high ^ code, prime)
    low = Math.imul(low ^ code ^ (high >>> 15), otherPrime)
  }
  for (let i = 0; owner !== undefined && i < owner.length; i++) mix(owner.charCodeAt(i))
  mix(0)
  for (const text of promptTexts(prompt)) {
    for (let i = 0; i < text.length; i++) {
      mix(text.charCodeAt(i))
      if (--room > 0) continue
      room = blockCharacters
      keys.push((high >>> 0) * 2 ** 21 + (low >>> 11))
      if (keys.length >= maxBlocks) return keys
    }
  }
  return keys
}

/** FNV-1a of 32 bits, and a second multiplier for the other half of the key. */
const offsetBasis = 0x811c9dc5
const prime = 0x01000193
const otherPrime = 0x85ebca6b
