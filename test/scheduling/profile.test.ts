import { describe, expect, it } from 'vitest'
import type { Endpoint } from '../../src/pool/endpoint.ts'
import { maxScorePicker } from '../../src/scheduling/pickers/max-score.ts'
import type { Filter, Picker, Scorer } from '../../src/scheduling/plugin.ts'
import { createProfile } from '../../src/scheduling/profile.ts'
import { pluginContext } from './context.ts'
import { endpoints, equalEndpoints, schedulingRequest } from './endpoints.ts'

const request = schedulingRequest()

/** Scores candidates by what `score` says of each. */
function scorer(score: (endpoint: Endpoint) => number): Scorer {
  return {
    type: 'test-scorer',
    score(_, candidates, scores) {
      for (const [i, endpoint] of candidates.entries()) scores[i] = score(endpoint)
    },
  }
}

function only(keep: (endpoint: Endpoint) => boolean): Filter {
  return { type: 'test-filter', filter: (_, candidates) => candidates.filter(keep) }
}

/** Picks all, and shows the totals that it was given. */
function showing(shown: number[][]): Picker {
  return {
    type: 'test-picker',
    pick(candidates, scores) {
      shown.push([...scores.subarray(0, candidates.length)])
      return candidates
    },
  }
}

describe('a profile', () => {
  it('sums the scores by weight', () => {
    const shown: number[][] = []
    const scorers = [
      { scorer: scorer((endpoint) => endpoint.inFlight), weight: 2 },
      { scorer: scorer((endpoint) => endpoint.metrics.kvUsage), weight: 0.5 },
    ]
    const candidates = endpoints({ inFlight: 1, kvUsage: 0.5 }, { inFlight: 0, kvUsage: 1 })
    createProfile({ filters: [], scorers, picker: showing(shown) }).schedule(request, candidates, Math.random)
    expect(shown).toEqual([[2.25, 0.5]])
  })

  it('counts a score between 0 and 1, and none that is no number', () => {
    const shown: number[][] = []
    const candidates = endpoints(
      ...[-1, 2, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0.25].map((kvUsage) => ({ kvUsage })),
    )
    const scorers = [{ scorer: scorer((endpoint) => endpoint.metrics.kvUsage), weight: 4 }]
    createProfile({ filters: [], scorers, picker: showing(shown) }).schedule(request, candidates, Math.random)
    expect(shown).toEqual([[0, 4, 0, 4, 0, 1]])
  })

  it('has nothing left over from a request before, larger or smaller', () => {
    const shown: number[][] = []
    const scorers = [{ scorer: scorer((endpoint) => endpoint.inFlight), weight: 1 }]
    const profile = createProfile({ filters: [], scorers, picker: showing(shown) })
    for (const count of [3, 1, 4]) profile.schedule(request, equalEndpoints(count, { inFlight: 1 }), Math.random)
    expect(shown).toEqual([[1, 1, 1], [1], [1, 1, 1, 1]])
  })

  it('scores what the filters leave, in their order', () => {
    const seen: string[][] = []
    const watch: Filter = {
      type: 'test-filter',
      filter(_, candidates) {
        seen.push(candidates.map(({ name }) => name))
        return candidates
      },
    }
    const candidates = endpoints({ name: 'a', queued: 1 }, { name: 'b', running: 1 }, { name: 'c' })
    const profile = createProfile({
      filters: [only((e) => e.metrics.queued === 0), watch, only((e) => e.metrics.running === 0), watch],
      scorers: [],
      picker: showing([]),
    })
    expect(profile.schedule(request, candidates, Math.random)).toEqual([candidates[2]])
    expect(seen).toEqual([['b', 'c'], ['c']])
  })

  it('picks nothing when there are no candidates, or the filters leave none', () => {
    const picker = maxScorePicker.create({}, pluginContext())
    const unused: Scorer = {
      type: 'test-scorer',
      score: () => {
        throw new Error('nothing to score')
      },
    }
    const scorers = [{ scorer: unused, weight: 1 }]
    const none = createProfile({ filters: [only(() => false)], scorers, picker })
    expect(none.schedule(request, equalEndpoints(3), Math.random)).toEqual([])
    expect(createProfile({ filters: [], scorers, picker }).schedule(request, [], Math.random)).toEqual([])
  })

  it('tells scorers which model the server will be asked for', () => {
    let asked: string | undefined
    const listening: Scorer = { type: 'test-scorer', score: ({ targetModel }) => void (asked = targetModel) }
    const profile = createProfile({ filters: [], scorers: [{ scorer: listening, weight: 1 }], picker: showing([]) })
    profile.schedule(schedulingRequest({ targetModel: 'sql' }), equalEndpoints(1), Math.random)
    expect(asked).toBe('sql')
  })

  it('shows its parts', () => {
    const parts = { filters: [], scorers: [], picker: maxScorePicker.create({}, pluginContext()) }
    expect(createProfile(parts)).toMatchObject(parts)
  })
})
