import type { Problem } from '../../catalog/problem.ts'
import { resourceName } from '../../kubernetes/object.ts'
import type { Reflector } from '../../kubernetes/reflector.ts'

/** No CRD of them is installed. */
export const noPools: Problem = {
  severity: 'warning',
  place: 'Kubernetes API',
  path: '',
  message:
    'serves no InferencePool: install the CRDs of the Gateway API inference extension; until then nothing is picked',
}

/**
 * What keeps a kind from being known as it is now.
 * @param size objects that were known of it
 */
export function problemOf({ kind, state }: Reflector, size: number): Problem[] {
  const kept = size === 0 ? '' : `; what was known of them stays in use (${size})`
  const resource = resourceName(kind)
  switch (state.name) {
    case 'starting':
    case 'synced':
      return []
    case 'missing':
      if (size === 0) return []
      return [{ severity: 'warning', place: resource, path: '', message: `are no longer served by the API${kept}` }]
    case 'forbidden': {
      const message = `may not be read: ${state.message}; give this service account get, list and watch on them${kept}`
      return [{ severity: 'error', place: resource, path: '', message }]
    }
    case 'failing': {
      const message = `can't be read now: ${state.message}; what is known stays in use`
      return [{ severity: 'warning', place: 'Kubernetes API', path: '', message }]
    }
  }
}
