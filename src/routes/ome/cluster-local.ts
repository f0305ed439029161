import { checkAskable } from './auth.ts'
import { inClusterUrl } from './backend.ts'
import type { Compilation } from './compilation.ts'
import { clusterLocalCondition, ingressClassNotApplied } from './conditions.ts'
import { externalService } from './external-service.ts'
import { entryOf } from './inference-service.ts'
import { notReady, type Outcome, routed } from './outcome.ts'
import { isReady } from './readiness.ts'
import { externalNameService, readLocalGateways, virtualService } from './virtual-service.ts'

/** Nothing leads to it from outside. */
export function clusterLocal({ isvc, mode, settings, auth, backendOf }: Compilation): Outcome {
  if (auth !== undefined) checkAskable(isvc, auth, 'cluster-local', settings)
  const local = mode === 'Serverless' ? readLocalGateways(settings) : undefined
  if (!isReady(isvc)) return notReady
  const url = inClusterUrl(isvc, isvc.cutName)
  if (local === undefined) {
    const service = externalService(isvc, { type: 'ClusterIP' }, { ...backendOf(entryOf(isvc)), port: 80 })
    return routed([service], url, url, clusterLocalCondition)
  }
  const objects = [externalNameService(isvc, local), virtualService(isvc, local, undefined)]
  return routed(objects, url, url, clusterLocalCondition, ...ingressClassNotApplied(settings))
}
