import { findEntry } from '../entry.ts'
import type { PodEntry, PoolEntry } from '../inventory.ts'
import type { Survey } from '../picker.ts'
import type { Rule } from '../rule.ts'
import { servesOnePool, servesTls, workloadsBehind } from '../workload.ts'

const poolGroup = 'inference.networking.k8s.io'

/** Envoy AI Gateway takes the header as one address: two with a comma between them are none. */
const oneEndpoint: Rule = {
  id: 'one-endpoint-only',
  severity: 'warning',
  *find(survey) {
    for (const pool of poolsOfAiGateway(survey)) {
      if (!mayNameSeveral(survey, pool)) continue
      yield {
        entry: pool,
        path: ['spec', 'endpointPickerRef'],
        message: 'is served by Envoy AI Gateway, which answers 503 when more than one endpoint is named for a request',
        remedy: 'serve this pool alone, with --pool-name, and with maxNumOfEndpoints 1 in an EndpointPickerConfig',
      }
    }
  },
}

/** By default a second endpoint is named for a proxy to fall back to, but not with one pool alone. */
function mayNameSeveral(survey: Survey, pool: PoolEntry): boolean {
  const pickers = survey.pickerConfigurations.flatMap(({ plugins }) => plugins)
  if (pickers.length > 0) return pickers.some(({ parameters }) => (parameters.maxNumOfEndpoints ?? 1) > 1)
  return workloadsOf(survey, pool).some((workload) => servesOnePool(workload) === false)
}

function workloadsOf(survey: Survey, { namespace, value }: PoolEntry): readonly PodEntry[] {
  const service = findEntry(survey.services, namespace, value.spec.endpointPickerRef?.name ?? '')
  return service === undefined ? [] : workloadsBehind(survey, service)
}

const pickerNeedsTls: Rule = {
  id: 'picker-needs-tls',
  severity: 'error',
  *find(survey) {
    for (const pool of poolsOfAiGateway(survey)) {
      const workload = workloadsOf(survey, pool).find((each) => servesTls(each) === false)
      if (workload === undefined) continue
      yield {
        entry: pool,
        path: ['spec', 'endpointPickerRef', 'name'],
        message: `leads to ${workload.resource.kind} ${workload.key}, which serves clear text, and Envoy AI Gateway speaks TLS: every request is 500`,
        remedy: 'serve without --secure-serving=false',
      }
    }
  },
}

/** The pools that its routes name, and those of all routes where it is the extension of Envoy Gateway. */
function poolsOfAiGateway({ pools, aiGatewayRoutes, routes, extensionManagers }: Survey): readonly PoolEntry[] {
  const isExtension = extensionManagers.some(({ service }) => service.fqdn?.hostname.includes('ai-gateway') === true)
  const keys = [...aiGatewayRoutes, ...(isExtension ? routes : [])].flatMap((route) =>
    route.value.spec.rules.flatMap(({ backendRefs }) =>
      backendRefs
        .filter(({ group, kind }) => group === poolGroup && kind === 'InferencePool')
        .map(({ namespace = route.namespace, name }) => `${namespace}/${name}`),
    ),
  )
  return pools.filter(({ key, resource }) => keys.includes(key) && resource.apiVersion.startsWith(`${poolGroup}/`))
}

export const aiGatewayRules = [oneEndpoint, pickerNeedsTls]
