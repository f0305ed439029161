import { z } from 'zod'
import { handlerKind, onlyProfile, scheduledBy } from './handler.ts'

const parameters = z.strictObject({
  /** Where the sidecar of each server listens. */
  primaryPort: z.int().min(1).max(65_535).default(8_000),
})

/**
 * The one profile chooses a data-parallel rank, an endpoint of its own; the request goes to the server's primary port,
 * whose sidecar finds the rank by the header.
 */
export const dataParallelProfileHandler = handlerKind(
  'data-parallel-profile-handler',
  parameters,
  ({ primaryPort }) => ({
    over(profiles, keepsScores) {
      const profile = onlyProfile(profiles)
      return (request, candidates, random) => {
        const endpoints = profile.schedule(request, candidates, random)
        const scheduled = scheduledBy(profile, endpoints, keepsScores)
        if (endpoints.length === 0) return scheduled
        const [{ address }] = endpoints
        return {
          ...scheduled,
          destination: `${address.slice(0, address.lastIndexOf(':'))}:${primaryPort}`,
          headers: ['x-data-parallel-host-port', address],
        }
      }
    },
  }),
)
