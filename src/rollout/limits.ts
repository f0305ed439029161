/** How much worse than the stable targets a target may be, and how many samples it takes to go on. */
export type RolloutLimits = {
  /** Percentage points by which the target's share of failed answers may be larger. */
  readonly errorPoints: number
  /** The target's 90th percentile of the time to the first token, as a multiple of that of the stable targets, at most. */
  readonly ttftP90Ratio: number
  /** The tokens a second that nine in ten of the target's answers reach, as a multiple of the same of the stable ones, at least. */
  readonly tokensPerSecondRatio: number
  /** Answers of the target, and of the stable ones, that must have been seen at a step before the next one is taken. */
  readonly samples: number
}

export const defaultLimits: RolloutLimits = {
  errorPoints: 1,
  ttftP90Ratio: 1.5,
  tokensPerSecondRatio: 0.7,
  samples: 20,
}

type Limit = {
  readonly field: keyof RolloutLimits
  /** Its one group is the number. */
  readonly pattern: RegExp
  readonly least: number
  readonly most: number
  readonly allowed: string
}

const limits: Readonly<Record<string, Limit>> = {
  errors: {
    field: 'errorPoints',
    pattern: /^\+(\d+(?:\.\d+)?)%$/,
    least: 0,
    most: 99,
    allowed: 'errors=+1%, from +0% to +99%',
  },
  'ttft-p90': {
    field: 'ttftP90Ratio',
    pattern: /^(\d+(?:\.\d+)?)x$/,
    least: 1,
    most: 100,
    allowed: 'ttft-p90=1.5x, from 1x to 100x',
  },
  'tokens-per-second': {
    field: 'tokensPerSecondRatio',
    pattern: /^(\d+(?:\.\d+)?)x$/,
    least: 0.01,
    most: 1,
    allowed: 'tokens-per-second=0.7x, from 0.01x to 1x',
  },
  samples: {
    field: 'samples',
    pattern: /^(\d+)$/,
    least: 1,
    most: 1_000_000,
    allowed: 'samples=20, from 1 to 1000000',
  },
}

/** `errors=+1%, ttft-p90=1.5x, tokens-per-second=0.7x, samples=20`; what is left out is as in {@link defaultLimits}. */
export function parseLimits(text: string): RolloutLimits | { readonly error: string } {
  const found: Record<keyof RolloutLimits, number> = { ...defaultLimits }
  const names = new Set<string>()
  for (const part of text.split(',').map((each) => each.trim())) {
    const equals = part.indexOf('=')
    const name = equals < 0 ? part : part.slice(0, equals).trim()
    const limit = Object.hasOwn(limits, name) ? limits[name] : undefined
    if (limit === undefined) {
      return {
        error: `found ${JSON.stringify(part)}, allowed: ${Object.keys(limits).join(', ')}, each with = and a value`,
      }
    }
    if (names.has(name)) return { error: `found ${name} again, allowed: each limit once` }
    names.add(name)
    const value = Number(equals < 0 ? undefined : limit.pattern.exec(part.slice(equals + 1).trim())?.[1])
    if (!(value >= limit.least && value <= limit.most)) {
      return { error: `found ${JSON.stringify(part)}, allowed: a value as in ${limit.allowed}` }
    }
    found[limit.field] = value
  }
  return found
}
