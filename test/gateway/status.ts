import type { KubeApi, KubeObject } from '../real/kube-api.ts'
import { apiPath } from './manifests.ts'

type Condition = { readonly type: string; readonly status: string; readonly reason: string }
type Holder = { readonly conditions?: readonly Condition[] }
type Status = Holder & { readonly parents?: readonly Holder[]; readonly ancestors?: readonly Holder[] }

/**
 * What Envoy Gateway says of an object, as `Type=Status`, sorted: of a route for all its parents, of a policy for all its
 * targets.
 */
export async function conditionsOf(api: KubeApi, object: KubeObject): Promise<string[]> {
  const { status } = (await api.get(apiPath(object))) as { readonly status?: Status }
  const holders = [status, ...(status?.parents ?? []), ...(status?.ancestors ?? [])]
  const conditions = holders.flatMap((holder) => holder?.conditions ?? [])
  return conditions.map(({ type, status }) => `${type}=${status}`).sort()
}

/** What it says where all is well; undefined for kinds that it says nothing of. */
export function goodConditions({ kind, spec }: KubeObject): string[] | undefined {
  switch (kind) {
    case 'BackendTrafficPolicy':
      return 'mergeType' in (spec as object) ? ['Accepted=True', 'Merged=True'] : ['Accepted=True']
    case 'GatewayClass':
    case 'ClientTrafficPolicy':
    case 'EnvoyExtensionPolicy':
      return ['Accepted=True']
    // Without a Service for Envoy there is no address that it could be programmed with.
    case 'Gateway':
      return ['Accepted=True', 'Programmed=False']
    case 'HTTPRoute':
      return 'parentRefs' in (spec as object) ? ['Accepted=True', 'ResolvedRefs=True'] : []
    default:
      return undefined
  }
}
