import { createDefaultConfiguration } from './default-configuration.ts'
import type { Profile } from './profile.ts'

/** The one profile of the default configuration. */
export function createDefaultProfile(): Profile {
  const world = { nowMs: () => performance.now(), staleAfterMs: (thresholdMs: number) => thresholdMs }
  return [...createDefaultConfiguration(world).profiles.values()][0]
}
