import type { Endpoint } from '../pool/endpoint.ts'
import type { SchedulingConfiguration } from '../scheduling/configuration.ts'
import type { Filter, Picker, Scorer } from '../scheduling/plugin.ts'
import { clamp, createProfile, type Profile } from '../scheduling/profile.ts'
import type { ExplainedProfile } from './explanation.ts'

type Run = { -readonly [Field in keyof ExplainedProfile]: ExplainedProfile[Field] } & {
  filters: ExplainedProfile['filters'][number][]
  scorers: ExplainedProfile['scorers'][number][]
}

/**
 * Writes down what the profiles of a configuration do: what each filter takes away, what each scorer gives, what is picked. The
 * same plugins do it in any case; while nothing is recorded they are not even called another way.
 */
export class ProfileRecorder {
  #runs: Run[] | undefined

  /** The same configuration, whose profiles can be recorded. Its plugins stay as they are. */
  recorded(configuration: SchedulingConfiguration): SchedulingConfiguration {
    const profiles = [...configuration.profiles].map(
      ([name, profile]) => [name, this.#recorded(name, profile)] as const,
    )
    return { ...configuration, profiles: new Map(profiles) }
  }

  /** What is scheduled from now on is recorded. */
  begin(): void {
    this.#runs = []
  }

  /** Ends what {@link begin} has begun, and returns the profiles that were run since, in order. */
  end(): readonly ExplainedProfile[] {
    const runs = this.#runs ?? []
    this.#runs = undefined
    return runs
  }

  #recorded(name: string, plain: Profile): Profile {
    const { filters, scorers, picker } = plain
    const telling = createProfile({
      filters: filters.map((filter) => this.#filter(filter)),
      scorers: scorers.map(({ scorer, weight }) => ({ scorer: this.#scorer(scorer, weight), weight })),
      picker: this.#picker(picker),
    })
    let last = plain
    return {
      ...plain,
      schedule: (request, candidates, random) => {
        last = this.#runs === undefined ? plain : telling
        this.#runs?.push(newRun(name, candidates, picker))
        return last.schedule(request, candidates, random)
      },
      lastScores: () => last.lastScores(),
    }
  }

  /** Profiles do not call each other: the last one is the one that runs. */
  get #run(): Run {
    return this.#runs!.at(-1)!
  }

  #filter(filter: Filter): Filter {
    return {
      type: filter.type,
      filter: (request, candidates, random) => {
        const fit = filter.filter(request, candidates, random)
        const kept = new Set(fit)
        const removed = addressesOf(candidates.filter((endpoint) => !kept.has(endpoint)))
        this.#run.filters.push({ plugin: filter.type, removed })
        return fit
      },
    }
  }

  #scorer(scorer: Scorer, weight: number): Scorer {
    return {
      type: scorer.type,
      score: (request, candidates, scores) => {
        scorer.score(request, candidates, scores)
        const counted = Array.from(scores.subarray(0, candidates.length), clamp)
        this.#run.scorers.push({ plugin: scorer.type, weight, scores: counted })
      },
    }
  }

  #picker(picker: Picker): Picker {
    return {
      type: picker.type,
      pick: (candidates, scores, random) => {
        const run = this.#run
        run.scored = addressesOf(candidates)
        run.totals = Array.from(scores.subarray(0, candidates.length))
        const picked = picker.pick(candidates, scores, random)
        run.picked = addressesOf(picked)
        return picked
      },
    }
  }
}

const newRun = (name: string, candidates: readonly Endpoint[], picker: Picker): Run => {
  const nothing = { filters: [], scored: [], scorers: [], totals: [], picked: [] }
  return { name, candidates: addressesOf(candidates), picker: picker.type, ...nothing }
}

const addressesOf = (endpoints: readonly Endpoint[]): string[] => endpoints.map(({ address }) => address)
