import type { Problem } from '../catalog/problem.ts'
import type { Clock } from '../clock.ts'
import { kinds } from '../kubernetes/kinds.ts'
import type { Selection } from '../kubernetes/list.ts'
import type { KubeObject, ResourceKind } from '../kubernetes/object.ts'
import { findAttachments, groupOf } from './attachment.ts'
import type { Cluster } from './cluster.ts'
import { type Finding, readConditions } from './condition.ts'
import { type ParentFinding, type ParentFormat, parentFormatV1, parentFormatV1alpha2, withParents } from './parents.ts'
import { readPickerReference, resolvePicker } from './picker-reference.ts'
import { replaceStatus } from './replace-status.ts'
import type { Write, Writer } from './writer.ts'

const pools: readonly { readonly kind: ResourceKind; readonly format: ParentFormat }[] = [
  { kind: kinds.poolV1, format: parentFormatV1 },
  { kind: kinds.poolV1alpha2, format: parentFormatV1alpha2 },
]
const { httpRoute, gateway, gatewayClass, service } = kinds
const gatewayKinds = [httpRoute, gateway, gatewayClass, service]

/** `status.parents` of InferencePools, for Gateways whose controllers do not know pools. */
export class PoolWriter implements Writer {
  readonly watched: readonly Selection[]
  readonly problems: readonly Problem[] = []
  readonly #clock: Clock
  readonly #controllerNames: readonly string[]

  /**
   * @param controllerNames of those controllers, as GatewayClasses name them
   * @param namespace to look after; undefined for all. Gateways live where the platform's owners keep them.
   */
  constructor(controllerNames: readonly string[], clock: Clock, namespace: string | undefined) {
    this.#controllerNames = controllerNames
    this.#clock = clock
    const ofTeams = [...pools.map(({ kind }) => kind), httpRoute, service]
    this.watched = [...ofTeams.map((kind) => ({ kind, namespace })), { kind: gateway }, { kind: gatewayClass }]
  }

  *plan(cluster: Cluster): Generator<Write> {
    if (!cluster.knows(gatewayKinds)) return
    const attachments = findAttachments({
      routes: cluster.objects(httpRoute).values(),
      gateways: cluster.objects(gateway),
      gatewayClasses: cluster.objects(gatewayClass),
      controllerNames: this.#controllerNames,
    })
    for (const { kind, format } of pools) {
      if (!cluster.knows([kind])) continue
      for (const [key, pool] of cluster.objects(kind)) {
        const attached = attachments.get(`${groupOf(kind.apiVersion)} ${key}`) ?? []
        const { generation: observedGeneration } = pool.metadata
        const resolved = resolvePicker(readPickerReference(pool), pool.metadata.namespace!, cluster.objects(service))
        const wanted = attached.map(({ gatewayKey, accepted }): ParentFinding => {
          const [namespace, name] = gatewayKey.split('/')
          const findings: Finding[] = [
            { type: 'Accepted', ...accepted, observedGeneration },
            { type: 'ResolvedRefs', ...resolved, observedGeneration },
          ]
          return { namespace, name, findings }
        })
        const write = this.#planWrite(kind, format, pool, wanted)
        if (write !== undefined) yield write
      }
    }
  }

  #planWrite(
    kind: ResourceKind,
    format: ParentFormat,
    pool: KubeObject,
    wanted: readonly ParentFinding[],
  ): Write | undefined {
    const namespace = pool.metadata.namespace!
    const next = ({ status }: KubeObject) => withParents(status, wanted, format, namespace, this.#clock.epochMs())
    if (next(pool) === undefined) return undefined
    return {
      kind,
      object: pool,
      events: warningsOf(pool, wanted, format),
      send: (client) => replaceStatus(client, kind, pool, next),
    }
  }
}

/** Each condition that is False now and has not been so, for the same reason, at any Gateway. */
function warningsOf(pool: KubeObject, wanted: readonly ParentFinding[], { field }: ParentFormat): readonly Finding[] {
  const entries = (pool.status as Record<string, unknown> | undefined)?.[field]
  const before = (Array.isArray(entries) ? entries : []).flatMap(readConditions)
  const isNew = ({ type, reason }: Finding) => !before.some((each) => each.type === type && each.reason === reason)
  const failed = wanted.flatMap(({ findings }) => findings).filter(({ status }) => status === 'False')
  const byReason = new Map(failed.filter(isNew).map((finding) => [finding.reason, finding]))
  return [...byReason.values()]
}
