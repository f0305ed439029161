import { selectMembers } from '../../pool/membership.ts'
import { listenersOf } from '../attachment.ts'
import { findEntry, hasLabels } from '../entry.ts'
import { isEnvoyGateway, knowsPools } from '../envoy-gateway.ts'
import type { PoolEntry, RouteEntry } from '../inventory.ts'
import { defaultPickerPort, type Survey } from '../picker.ts'
import type { Found, Rule } from '../rule.ts'
import { isSignalbox, workloadsBehind } from '../workload.ts'

const poolWithoutEndpoints: Rule = {
  id: 'pool-without-endpoints',
  severity: 'warning',
  *find(survey) {
    const { endpoints, compiled, pools, pods, isCluster } = survey
    if (endpoints === undefined) return
    const members = selectMembers([...compiled.catalog.pools.values()], endpoints)
    for (const pool of pools) {
      const found = members.get(pool.key)
      if (found === undefined || found.length > 0 || survey.isUnread('Pod', pool.namespace)) continue
      const { selector } = compiled.catalog.pools.get(pool.key)!
      const labels = Object.fromEntries(selector)
      const unready = pods.filter((pod) => pod.namespace === pool.namespace && hasLabels(labels, pod.labels)).length
      const noun = isCluster ? 'Pod' : 'endpoint'
      const text = selector.map(([label, value]) => `${label}=${value}`).join(', ')
      yield {
        entry: pool,
        path: ['spec', 'selector'],
        message:
          unready > 0
            ? `none of ${unready} ${noun}${unready === 1 ? '' : 's'} with the labels ${text} is ready: its requests are 503`
            : `no ${noun} in ${pool.namespace} has the labels ${text}: its requests are 503`,
        remedy: unready > 0 ? 'see why they are not ready' : 'select the labels of the model servers',
      }
    }
  },
}

const pickerReference: Rule = {
  id: 'picker-reference',
  severity: 'warning',
  *find(survey) {
    for (const pool of survey.pools) {
      const found = checkReference(survey, pool)
      if (found !== undefined) yield found
    }
  },
}

/** The reference of a pool, followed to the Pods behind it as far as they are known. */
function checkReference(survey: Survey, pool: PoolEntry): Found | undefined {
  const { endpointPickerRef, extensionRef } = pool.value.spec
  const reference = endpointPickerRef ?? extensionRef
  if (reference === undefined || survey.isUnread('Service', pool.namespace)) return undefined
  const isV1 = endpointPickerRef !== undefined
  const field = isV1 ? 'endpointPickerRef' : 'extensionRef'
  const found = (path: readonly string[], message: string, remedy: string): Found => ({
    entry: pool,
    path: ['spec', field, ...path],
    message,
    remedy,
  })
  const { group, kind, name } = reference
  if (group !== '' || kind !== 'Service') {
    return found(['kind'], `names a ${kind}, and gateways look for a Service`, 'name the Service of Signalbox')
  }
  const service = findEntry(survey.services, pool.namespace, name)
  if (service === undefined) {
    if (!survey.isCluster) return undefined
    const message = `there is no Service ${pool.namespace}/${name}: a gateway that follows this reference can ask nobody`
    return found(['name'], message, "name the Service of Signalbox, which has to be in the pool's namespace")
  }
  const port = endpointPickerRef?.port?.number ?? extensionRef?.portNumber ?? defaultPickerPort
  const portPath = isV1 ? ['port', 'number'] : ['portNumber']
  const servicePort = service.value.spec.ports.find((each) => each.port === port)
  if (servicePort === undefined) {
    const ports = service.value.spec.ports.map((each) => each.port).join(', ')
    const message = `Service ${service.key} has no port ${port}, but ${ports === '' ? 'none' : ports}`
    return found(portPath, message, `name the port that leads to --grpc-port of Signalbox (${defaultPickerPort})`)
  }
  if (survey.isUnread('Pod', pool.namespace)) return undefined
  const workloads = workloadsBehind(survey, service)
  if (workloads.length === 0) {
    if (!survey.isCluster) return undefined
    const remedy = 'see whether Signalbox runs, and whether the selector is that of its Pods'
    return found(['name'], `Service ${service.key} selects no Pod`, remedy)
  }
  const stranger = workloads.find((each) => !isSignalbox(each))
  if (stranger !== undefined) {
    const image = stranger.value.spec.containers[0]?.image ?? ''
    const message = `Service ${service.key} leads to ${stranger.resource.kind} ${stranger.key}, which does not look like Signalbox (${image})`
    return found(['name'], message, 'name the Service of Signalbox')
  }
  return undefined
}

const poolNeedsExtension: Rule = {
  id: 'pool-needs-extension',
  severity: 'warning',
  *find(survey) {
    for (const route of survey.routes) {
      const gateway = listenersOf(survey, route).find((listener) => isEnvoyGateway(survey, listener.gateway))?.gateway
      if (gateway === undefined) continue
      const references = route.value.spec.rules.flatMap(({ backendRefs }, rule) =>
        backendRefs.map((backend, at) => ({ ...backend, path: ['spec', 'rules', rule, 'backendRefs', at, 'kind'] })),
      )
      const refused = references.find(({ kind, group }) => kind === 'InferencePool' && isRefused(survey, route, group))
      if (refused === undefined) continue
      yield {
        entry: route,
        path: refused.path,
        message: `Gateway ${gateway.key} is of Envoy Gateway, which knows InferencePools by an extension only: without one the requests are 500`,
        remedy: 'install `signalbox extension`, or name Services that select the same Pods',
      }
    }
  },
}

/**
 * In a cluster the route says whether it was. Files can't, unless the configuration of Envoy Gateway is among them, or the
 * extension itself.
 */
function isRefused(survey: Survey, { value }: RouteEntry, group: string): boolean {
  const knows = knowsPools(survey, group)
  if (knows !== undefined) return !knows
  if (!survey.isCluster) return !survey.services.some(({ name }) => name.includes('signalbox-extension'))
  const conditions = value.status.parents.flatMap((parent) => parent.conditions)
  return conditions.some(({ type, status, reason }) => {
    return type === 'ResolvedRefs' && status === 'False' && reason === 'InvalidKind'
  })
}

const appProtocol: Rule = {
  id: 'app-protocol',
  severity: 'warning',
  *find(survey) {
    const { routes, services, compiled } = survey
    const targets = routes.flatMap((route) =>
      route.value.spec.rules.flatMap(({ backendRefs }) =>
        backendRefs
          .filter(({ kind }) => kind === 'Service')
          .map(({ namespace = route.namespace, name, port }) => `${namespace}/${name}:${port}`),
      ),
    )
    for (const service of services) {
      for (const [index, { port, targetPort = port, appProtocol: given }] of service.value.spec.ports.entries()) {
        if (!targets.includes(`${service.key}:${port}`)) continue
        const pool = [...compiled.catalog.pools.values()].find(
          ({ namespace, selector, targetPorts }) =>
            namespace === service.namespace &&
            sameLabels(service.value.spec.selector, Object.fromEntries(selector)) &&
            targetPorts.includes(Number(targetPort)),
        )
        if (pool === undefined || (pool.appProtocol === h2c) === (given === h2c)) continue
        const [own, other] = pool.appProtocol === h2c ? ['HTTP/1.1', h2c] : ['HTTP/2', 'http']
        yield {
          entry: service,
          path: ['spec', 'ports', index, 'appProtocol'],
          message: `is ${given ?? 'not set'}, so Envoy speaks ${own} to these Pods, and InferencePool ${pool.key} says ${other} of them`,
          remedy: pool.appProtocol === h2c ? `set it to ${h2c}` : `remove it, or set appProtocol of the pool to ${h2c}`,
        }
      }
    }
  },
}

const h2c = 'kubernetes.io/h2c'

type Labels = Readonly<Record<string, string>>

const sameLabels = (a: Labels, b: Labels): boolean => hasLabels(a, b) && hasLabels(b, a)

export const poolRules = [poolWithoutEndpoints, pickerReference, poolNeedsExtension, appProtocol]
