import type { Endpoint } from '../../pool/endpoint.ts'
import { nothingScheduled, type Plugin, type Scheduled, type SchedulingRequest } from '../plugin.ts'
import { kindOf } from '../plugin-kind.ts'
import type { Profile } from '../profile.ts'

/** Chooses what a request needs, by the profiles that a handler knows. `random` gives [0, 1). */
export type Schedule = (request: SchedulingRequest, candidates: readonly Endpoint[], random: () => number) => Scheduled

/** Decides which profiles a request goes through, and what comes of their choices. */
export type ProfileHandler = Plugin & {
  /**
   * Takes the profiles that there are, by name.
   * @param keepsScores the result tells the scores that the endpoints were picked by
   * @throws when a profile that it needs is missing, with a message for people
   */
  over(profiles: ReadonlyMap<string, Profile>, keepsScores: boolean): Schedule
}

export const handlerKind = kindOf<ProfileHandler>()

const noNames: readonly never[] = []

/** The choice of one profile, without helpers; nothing when it chose no endpoint. */
export function scheduledBy(
  profileName: string,
  profile: Profile,
  endpoints: readonly Endpoint[],
  keepsScores: boolean,
): Scheduled {
  if (endpoints.length === 0) return nothingScheduled
  return {
    endpoints,
    profileName,
    helpers: noNames,
    headers: noNames,
    scores: keepsScores ? profile.lastScores() : noNames,
  }
}

/** @throws when there is none of this name */
export function profileNamed(profiles: ReadonlyMap<string, Profile>, name: string): Profile {
  const profile = profiles.get(name)
  if (profile === undefined) {
    throw new Error(`needs a profile named ${JSON.stringify(name)}, found ${[...profiles.keys()].join(', ')}`)
  }
  return profile
}

/** The one profile that there is, and its name. @throws when there are others */
export function onlyProfile(profiles: ReadonlyMap<string, Profile>): readonly [name: string, profile: Profile] {
  const [only] = profiles
  if (profiles.size !== 1) throw new Error(`takes one profile, found ${[...profiles.keys()].join(', ')}`)
  return only
}
