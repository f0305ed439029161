import { isObject } from '../../catalog/resource.ts'
import type { KubeObject } from '../../kubernetes/object.ts'
import { cutName } from '../cut-name.ts'
import { isServiceLabel } from './dns.ts'
import { configInvalid, Failure, shorten } from './failure.ts'

/** OME's names of what an InferenceService runs. */
export type ComponentName = 'engine' | 'router' | 'decoder'

export type Component = {
  readonly name: ComponentName
  /** Its field, of whatever shape. */
  readonly spec: unknown
  /** Of its Service, cut. */
  readonly serviceName: string
}

/** An InferenceService, as far as every way to route to it needs to know it. */
export type InferenceService = {
  readonly service: KubeObject
  readonly namespace: string
  /** metadata.name, cut: the name of what is generated for it as a whole. */
  readonly cutName: string
  /** Of the Service of that name. */
  readonly inClusterHost: string
  readonly engine: Component
  readonly router: Component | undefined
  readonly decoder: Component | undefined
}

const componentNames: readonly ComponentName[] = ['engine', 'router', 'decoder']

const clusterDomain = 'cluster.local'

/** @throws Failure when no Service can be called so */
export function readInferenceService(service: KubeObject): InferenceService {
  const { name, namespace = '' } = service.metadata
  if (!isServiceLabel(name)) {
    const allowed = 'a DNS-1035 label (a-z, 0-9 and -, a letter first, no - at the end)'
    const message = `metadata.name: found "${shorten(name)}", allowed: ${allowed}, as Services are named after it`
    throw new Failure('NameInvalid', message, { object: service, path: ['metadata', 'name'] })
  }
  const spec = specOf(service)
  const component = (name: ComponentName) => ({
    name,
    spec: spec[name],
    serviceName: componentServiceName(service, name),
  })
  const optional = (name: ComponentName) => (isPresent(spec[name]) ? component(name) : undefined)
  return {
    service,
    namespace,
    cutName: cutName(name),
    inClusterHost: inClusterHost(cutName(name), namespace),
    engine: component('engine'),
    router: optional('router'),
    decoder: optional('decoder'),
  }
}

export const isPresent = (value: unknown): boolean => value !== undefined && value !== null

/** Cut. Those of all components, whether they are there or not. */
export function componentServiceNames(service: KubeObject): readonly string[] {
  return componentNames.map((name) => componentServiceName(service, name))
}

/** In the order in which component hosts and routes stand. */
export function componentsOf({ engine, router, decoder }: InferenceService): readonly Component[] {
  return [engine, router, decoder].filter((component) => component !== undefined)
}

/** Where requests go that no path rule sends elsewhere. */
export const entryOf = ({ engine, router }: InferenceService): Component => router ?? engine

/** `name` under which the cluster knows a Service. */
export const inClusterHost = (serviceName: string, namespace: string): string =>
  `${serviceName}.${namespace}.svc.${clusterDomain}`

const componentServiceName = ({ metadata }: KubeObject, component: ComponentName): string =>
  cutName(`${metadata.name}-${component}`)

function specOf(service: KubeObject): Readonly<Record<string, unknown>> {
  const { spec } = service
  if (!isPresent(spec)) return {}
  if (!isObject(spec)) throw configInvalid('spec', spec, 'an object', { object: service, path: ['spec'] })
  return spec
}
