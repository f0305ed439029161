import type { CompiledService, Generated, ServiceCondition } from '../compiled.ts'
import { notReadyCondition } from './conditions.ts'

/** What becomes of a service that has no fault. */
export type Outcome = Pick<CompiledService, 'objects' | 'others' | 'status'>

/** While a component is not ready what was made before stays. */
export const notReady: Outcome = { objects: [], others: 'keep', status: { conditions: [notReadyCondition] } }

/** @param url undefined where nobody knows it yet */
export function routed(
  objects: readonly Generated[],
  url: string | undefined,
  address: string,
  ...conditions: readonly ServiceCondition[]
): Outcome {
  return {
    objects,
    others: 'delete',
    status: { ...(url === undefined ? {} : { url }), address: { url: address }, conditions },
  }
}
