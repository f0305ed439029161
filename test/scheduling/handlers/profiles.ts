import type { Endpoint } from '../../../src/pool/endpoint.ts'
import { maxScorePicker } from '../../../src/scheduling/pickers/max-score.ts'
import { createProfile, type Profile } from '../../../src/scheduling/profile.ts'
import { queueScorer } from '../../../src/scheduling/scorers/queue.ts'
import { pluginContext } from '../context.ts'

/** A profile that takes the shortest queue of the endpoints with this role, up to `count` of them. */
export function roleProfile(role: string, count = 1): Profile {
  return createProfile({
    filters: [{ type: 'role', filter: (_, candidates) => candidates.filter(({ labels }) => labels.role === role) }],
    scorers: [{ scorer: queueScorer.create({}, pluginContext()), weight: 2 }],
    picker: maxScorePicker.create({ maxNumOfEndpoints: count }, pluginContext()),
  })
}

export function profilesOf(...profiles: [name: string, profile: Profile][]): ReadonlyMap<string, Profile> {
  return new Map(profiles)
}

export const names = (endpoints: readonly Endpoint[]): string[] => endpoints.map(({ name }) => name)
