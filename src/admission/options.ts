import { z } from 'zod'

const none = z.strictObject({})

/** Which flow of a band is served next. */
export const fairnessKinds = {
  /** The best request of the band, whatever its flow. */
  'global-strict-fairness-policy': none,
  /** One request of each flow in turn. */
  'round-robin-fairness-policy': none,
  /** The flow that has got the least service, in tokens, counted down over time. */
  'program-aware-fairness': z.strictObject({
    strategy: z.literal('las').default('las'),
    lasWeightService: z.number().min(0).default(0.8),
    lasWeightHeadWait: z.number().min(0).default(0.2),
    /** Half of the service is forgotten in so long a time; 0 forgets nothing. */
    lasHalfLifeSeconds: z.number().min(0).default(60),
    /** A flow that was given nothing for so long is forgotten; 0 is never. */
    evictionTtlSeconds: z.number().min(0).default(3_600),
    /** Accepted, but there is no sweep to time: each report of service forgets what is too old. */
    evictionSweepSeconds: z.number().gt(0).default(300),
  }),
} as const

/** Which request of a flow goes first. */
export const orderingKinds = {
  'fcfs-ordering-policy': none,
  /** The one whose time in the queue ends first. */
  'edf-ordering-policy': none,
  /** The one whose time to first token, as the client asks for it, ends first; those that ask for none come last. */
  'slo-deadline-ordering-policy': none,
} as const

const ceiling = z.number().min(0).max(1)

/** How saturated the pool may be for a band to be served. */
export const usageLimitKinds = {
  'static-usage-limit-policy': z.strictObject({ threshold: z.number().gt(0).default(1) }),
  'priority-holdback-policy': z.discriminatedUnion('domain', [
    z
      .strictObject({
        domain: z.enum(['rank', 'value']).default('rank'),
        shape: z.literal('linear').default('linear'),
        minCeiling: ceiling.lt(1),
        maxCeiling: ceiling.gt(0).default(1),
      })
      .refine(({ minCeiling, maxCeiling }) => minCeiling < maxCeiling, {
        path: ['minCeiling'],
        message: 'must be less than maxCeiling',
      }),
    z.strictObject({
      domain: z.literal('explicit'),
      /** By priority; a priority that is not named is never served. */
      ceilings: z
        .record(z.string().regex(/^-?\d+$/, 'must be an integer priority'), ceiling)
        .refine((ceilings) => Object.keys(ceilings).length > 0, 'must name at least one priority')
        .refine(neverRises, 'a lower priority must not have a higher ceiling'),
    }),
  ]),
  'soft-reflective-ceiling-policy': none,
} as const

function neverRises(ceilings: Readonly<Record<string, number>>): boolean {
  const highestFirst = Object.keys(ceilings).sort((a, b) => Number(b) - Number(a))
  return highestFirst.every((priority, i) => i === 0 || ceilings[priority] <= ceilings[highestFirst[i - 1]])
}

/** Every policy of flow control: its type and the schema of its parameters. */
export const flowPolicyKinds = { ...fairnessKinds, ...orderingKinds, ...usageLimitKinds } as const

/** A policy that is chosen: one of `Kinds`, with its parameters as the schema leaves them. */
type Choice<Kinds extends Readonly<Record<string, z.ZodType>>> = {
  [Type in keyof Kinds]: { readonly type: Type; readonly parameters: z.output<Kinds[Type]> }
}[keyof Kinds]

export type FairnessOptions = Choice<typeof fairnessKinds>
export type OrderingOptions = Choice<typeof orderingKinds>
export type UsageLimitOptions = Choice<typeof usageLimitKinds>

/** What holds for the requests of one priority. */
export type BandOptions = {
  /** Bytes of the bodies that may wait; undefined is no limit. */
  readonly maxBytes: number | undefined
  /** Requests that may wait; undefined is no limit. */
  readonly maxRequests: number | undefined
  readonly fairness: FairnessOptions
  readonly ordering: OrderingOptions
}

/** What a configuration says of the flow control of a pool. */
export type FlowControlOptions = {
  /** Bytes of all bodies that may wait; undefined is no limit. */
  readonly maxBytes: number | undefined
  /** Requests that may wait in all; undefined is no limit. */
  readonly maxRequests: number | undefined
  /** How long a request may wait for capacity; 0 is no limit. */
  readonly defaultRequestTtlMs: number
  /** How long a request may wait for the pool's first endpoint; 0 is no limit. */
  readonly noEndpointTtlMs: number
  readonly bands: readonly (BandOptions & { readonly priority: number })[]
  /** For every priority that `bands` does not name. */
  readonly defaultBand: BandOptions
  /** The same below 0; undefined is as above. */
  readonly defaultNegativeBand: BandOptions | undefined
  readonly usageLimit: UsageLimitOptions
}

/** The reference's defaults, but for the time in the queue, which it does not limit before it is llm-d. */
export const defaultBandOptions: BandOptions = {
  maxBytes: 1e9,
  maxRequests: 5_000,
  fairness: { type: 'global-strict-fairness-policy', parameters: {} },
  ordering: { type: 'fcfs-ordering-policy', parameters: {} },
}

export const defaultFlowControlOptions: FlowControlOptions = {
  maxBytes: undefined,
  maxRequests: undefined,
  defaultRequestTtlMs: 60_000,
  noEndpointTtlMs: 60_000,
  bands: [],
  defaultBand: defaultBandOptions,
  defaultNegativeBand: undefined,
  usageLimit: { type: 'static-usage-limit-policy', parameters: { threshold: 1 } },
}
