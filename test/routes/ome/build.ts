import type { KubeObject } from '../../../src/kubernetes/object.ts'
import type { CompiledService, Generated, ServiceCondition } from '../../../src/routes/compiled.ts'
import { compileInferenceService } from '../../../src/routes/ome/compile.ts'
import { readOmeConfig } from '../../../src/routes/ome/config.ts'

/** What a test says of an InferenceService; the rest is that of a service with an engine alone. */
export type Given = {
  readonly name?: string
  readonly namespace?: string
  readonly labels?: unknown
  readonly annotations?: unknown
  readonly spec?: unknown
  readonly status?: unknown
  /** Key `ingress` of the ConfigMap; a text as it stands. */
  readonly ingress?: unknown
  /** Key `deploy` of the ConfigMap; a text as it stands. */
  readonly deploy?: unknown
  /** Services that are observed, by name: their `spec`. */
  readonly services?: Readonly<Record<string, unknown>>
}

export const raw = { 'ome.io/deployment-mode': 'RawDeployment' }
export const gateway = { enableGatewayAPI: true, omeIngressGateway: 'edge/gw' }

export function serviceOf({ name = 'chat', namespace = 'ml', labels, annotations, spec, status }: Given): KubeObject {
  const metadata = { name, namespace, uid: 'uid-1', labels, annotations } as KubeObject['metadata']
  return { apiVersion: 'ome.io/v1beta1', kind: 'InferenceService', metadata, spec, status }
}

export function configMapOf({ ingress, deploy }: Given): KubeObject {
  const text = (value: unknown) => (value === undefined || typeof value === 'string' ? value : JSON.stringify(value))
  const metadata = { name: 'inferenceservice-config', namespace: 'ome' }
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { ingress: text(ingress), deploy: text(deploy) } }
}

/** Without `ingress` and `deploy` there is no ConfigMap. */
export function compile(given: Given): CompiledService {
  const hasConfig = given.ingress !== undefined || given.deploy !== undefined
  const config = readOmeConfig(hasConfig ? configMapOf(given) : undefined)
  return compileInferenceService(serviceOf(given), config, (name) => {
    const spec = given.services?.[name]
    return spec === undefined
      ? undefined
      : { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: given.namespace ?? 'ml' }, spec }
  })
}

/** What a fault looks like from outside: `reason: message`; undefined when there is none. */
export function problemOf(given: Given): string | undefined {
  const { problem } = compile(given)
  return problem && `${problem.reason}: ${problem.message}`
}

export const kindsOf = (given: Given): readonly string[] => compile(given).objects.map(({ kind }) => kind)

export function objectOf(given: Given, kind: Generated['kind'], name?: string): Generated {
  const found = compile(given).objects.find(
    (each) => each.kind === kind && (name ?? each.metadata.name) === each.metadata.name,
  )
  if (found === undefined) throw new Error(`no ${kind} ${name ?? ''}: ${JSON.stringify(compile(given).status)}`)
  return found
}

export const conditionOf = (given: Given, type: string): ServiceCondition | undefined =>
  compile(given).status.conditions.find((condition) => condition.type === type)

/** Hosts of the Ingress, in order. */
export function ingressHosts(given: Given): readonly string[] {
  const { rules } = objectOf({ ...given, annotations: { ...raw, ...(given.annotations as object) } }, 'Ingress').spec
  return (rules as readonly { readonly host: string }[]).map(({ host }) => host)
}

export function settingOf(given: Given, name: string): { value: unknown; from: unknown } | undefined {
  const setting = compile(given).settings.find((each) => each.name === name)
  if (setting === undefined) return undefined
  const { value, from } = setting
  return { value, from: from === 'default' ? from : [from.object.kind, ...from.path] }
}
