import type { CompiledService, Generated } from '../compiled.ts'
import { compareText } from '../precedence.ts'

/** What others refer to goes first; a policy goes before the routes that it guards. */
const kinds: readonly Generated['kind'][] = ['Service', 'SecurityPolicy', 'Ingress', 'VirtualService', 'HTTPRoute']

/** The objects of all services by kind, then by namespace and name. */
export function inPrintOrder(services: readonly CompiledService[]): readonly Generated[] {
  const objects = services.flatMap((compiled) => compiled.objects)
  return objects.sort(
    (a, b) =>
      kinds.indexOf(a.kind) - kinds.indexOf(b.kind) ||
      compareText(a.metadata.namespace, b.metadata.namespace) ||
      compareText(a.metadata.name, b.metadata.name),
  )
}
