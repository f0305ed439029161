import { z } from 'zod'
import { nothingScheduled } from '../plugin.ts'
import { handlerKind, profileNamed, scheduledBy } from './handler.ts'

const parameters = z.strictObject({
  /** The request header that names the profile. */
  headerName: z.string().regex(/^\S+$/, 'the name of a header').default('EPP-Profile'),
  /** For requests without the header: `decode`, if that is there. */
  defaultProfile: z.string().optional(),
})

/**
 * The profile that a request header names; nothing when it names none that there is. A single profile takes every
 * request. For callers that go through the stages of a request themselves, with a call for each.
 */
export const headerProfileHandler = handlerKind(
  'header-profile-handler',
  parameters,
  ({ headerName, defaultProfile }) => {
    const name = headerName.toLowerCase()
    return {
      headerNames: [name],
      over(profiles, keepsScores) {
        const isOnly = profiles.size === 1
        if (!isOnly && defaultProfile !== undefined) profileNamed(profiles, defaultProfile)
        const byDefault = isOnly ? [...profiles.keys()][0] : (defaultProfile ?? 'decode')
        return (request, candidates, random) => {
          const asked = (!isOnly && request.header(name)?.trim()) || byDefault
          const profile = profiles.get(asked)
          if (profile === undefined) return nothingScheduled
          return scheduledBy(asked, profile, profile.schedule(request, candidates, random), keepsScores)
        }
      },
    }
  },
)
