import { type Component, entryOf, type InferenceService } from './inference-service.ts'

/** Which component gets the requests below a path. */
export type PathRule = {
  /** `/` matches all. */
  readonly prefix: '/v1/router' | '/v1/decoder' | '/'
  readonly component: Component
}

/** Of the hosts that lead to the service as a whole. */
export function pathRules(isvc: InferenceService): readonly PathRule[] {
  const { router, decoder } = isvc
  const rules: PathRule[] = []
  if (router !== undefined) rules.push({ prefix: '/v1/router', component: router })
  if (decoder !== undefined) rules.push({ prefix: '/v1/decoder', component: decoder })
  return [...rules, { prefix: '/', component: entryOf(isvc) }]
}

/** Of the host of a component. */
export const rulesOfComponent = (component: Component): readonly PathRule[] => [{ prefix: '/', component }]
