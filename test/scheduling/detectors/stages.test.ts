import { expect, it } from 'vitest'
import { concurrencyDetector } from '../../../src/scheduling/detectors/concurrency.ts'
import { saturationOfStages } from '../../../src/scheduling/detectors/stages.ts'
import { pluginContext } from '../context.ts'
import { endpoints } from '../endpoints.ts'

const detector = concurrencyDetector.create({ maxConcurrency: 10 }, pluginContext())

/** Each: the role of a server, undefined for none, and its requests in flight of 10. */
type Servers = readonly (readonly [role: string | undefined, inFlight: number])[]

it.each<[Servers, number]>([
  [
    [
      ['prefill', 9],
      ['decode', 1],
      ['decode', 3],
    ],
    0.9,
  ],
  [
    [
      ['prefill', 1],
      ['decode', 6],
      [undefined, 8],
    ],
    0.7,
  ],
  [
    [
      ['prefill', 2],
      ['both', 8],
      ['decode', 0],
    ],
    0.5,
  ],
  [
    [
      ['encode', 10],
      ['decode', 2],
    ],
    0.2,
  ],
  [
    [
      ['encode-prefill', 4],
      ['prefill', 2],
    ],
    0.3,
  ],
  [
    [
      ['encode', 4],
      ['encode', 8],
    ],
    0.6,
  ],
  [
    [
      [undefined, 4],
      [undefined, 8],
    ],
    0.6,
  ],
  [[], 1],
])('%j is as full as its fuller stage: %f', (servers, expected) => {
  const pool = servers.map(([role, inFlight]) => ({
    inFlight,
    labels: role === undefined ? {} : { 'llm-d.ai/role': role },
  }))
  expect(saturationOfStages(detector, endpoints(...pool))).toBeCloseTo(expected, 12)
})
