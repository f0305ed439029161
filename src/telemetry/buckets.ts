/**
 * Upper bounds of histogram buckets, as the reference endpoint picker and llm-d have them. Theirs have 32778 in three places
 * where every neighbour is a power of two; here it is 32768.
 */

/** `first`, `first * 2` … up to `last`. */
function doubling(first: number, last: number): number[] {
  const bounds: number[] = []
  for (let bound = first; bound <= last; bound *= 2) bounds.push(bound)
  return bounds
}

const ttftSeconds = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60, 120,
]

/** Finer than those of the reference, for quantiles of short times: each 1.25 times the one before, 5 ms to about 120 s. */
const fineTtftSeconds = Array.from({ length: 47 }, (_, i) => Number((0.005 * 1.25 ** i).toPrecision(3)))

/** From `first` to `last`, each 1.1 times the one before in four digits: for what is compared by its quantiles. */
function fine(first: number, last: number): number[] {
  const bounds: number[] = []
  for (let i = 0; first * 1.1 ** i < last; i += 1) bounds.push(Number((first * 1.1 ** i).toPrecision(4)))
  return [...bounds, last]
}

const promptTokens = [1, ...doubling(8, 1_048_576)]

export const buckets = {
  durationSeconds: [...ttftSeconds, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600],
  ttftSeconds,
  fineTtftSeconds,
  target: { ttftSeconds: fine(0.005, 120), tokenSeconds: fine(0.0005, 5) },
  requestBytes: doubling(64, 2 ** 30),
  responseBytes: [1, ...doubling(8, 65_536)],
  promptTokens,
  outputTokens: [1, ...doubling(8, 8_192)],
  secondsPerToken: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
  tpotSeconds: [
    0.0005, 0.00205, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.125, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1, 2,
  ],
  itlSeconds: [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2],
  predictionSeconds: [0.0001, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1],
  schedulingSeconds: [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1],
  queueSeconds: [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  phaseSeconds: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
  ratio: [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1],
  prefixBytes: [0, ...doubling(16, 65_536)],
  /** https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/ gives the bounds of the four. */
  genAi: {
    durationSeconds: [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92],
    ttftSeconds: [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
    tpotSeconds: [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5],
    tokens: [1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864],
  },
} as const satisfies Record<string, readonly number[] | Record<string, readonly number[]>>
