import type { SchedulingRequest } from '../../../src/scheduling/plugin.ts'
import { PromptHasher } from '../../../src/scheduling/prefix/prompt-hasher.ts'
import { schedulingRequest } from '../endpoints.ts'

/** `count` bytes that depend on `seed` and on where they are. */
export function bytesOf(seed: number, count: number): Buffer {
  return Buffer.from(Array.from({ length: count }, (_, i) => 32 + ((i * i * 7 + i * 13 + seed * 101) % 89)))
}

export function hashed(...parts: readonly Buffer[]): PromptHasher {
  const hasher = new PromptHasher()
  for (const part of parts) hasher.push(part, 0, part.length)
  return hasher
}

export function keysOf(hasher: PromptHasher, model = 'base'): number[] {
  return Array.from({ length: hasher.blocks }, (_, block) => hasher.key(block, model))
}

export function promptRequest(prompt: Buffer, parts: Partial<SchedulingRequest> = {}): SchedulingRequest {
  return schedulingRequest({ prompt: hashed(prompt), promptBytes: prompt.length, ...parts })
}
