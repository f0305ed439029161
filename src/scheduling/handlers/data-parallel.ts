import { z } from 'zod'
import type { Scheduled } from '../plugin.ts'
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
      const [name, profile] = onlyProfile(profiles)
      return (request, candidates, random) => {
        const endpoints = profile.schedule(request, candidates, random)
        return throughPort(primaryPort, scheduledBy(name, profile, endpoints, keepsScores))
      }
    },
  }),
)

/** The same choice, sent to this port of the chosen server. */
export function throughPort(port: number, scheduled: Scheduled): Scheduled {
  if (scheduled.endpoints.length === 0) return scheduled
  const [{ address }] = scheduled.endpoints
  return {
    ...scheduled,
    destination: `${address.slice(0, address.lastIndexOf(':'))}:${port}`,
    headers: [...scheduled.headers, 'x-data-parallel-host-port', address],
  }
}
