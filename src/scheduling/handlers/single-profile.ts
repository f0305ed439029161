import { noParameters } from '../plugin-kind.ts'
import { handlerKind, onlyProfile, scheduledBy } from './handler.ts'

/** The one profile that there is, for every request. */
export const singleProfileHandler = handlerKind('single-profile-handler', noParameters, () => ({
  over(profiles, keepsScores) {
    const [name, profile] = onlyProfile(profiles)
    return (request, candidates, random) =>
      scheduledBy(name, profile, profile.schedule(request, candidates, random), keepsScores)
  },
}))
