import { isObject } from '../../catalog/resource.ts'
import type { KubeObject } from '../../kubernetes/object.ts'
import type { Place } from '../compiled.ts'
import { configInvalid, type Failure } from './failure.ts'
import { type Component, type InferenceService, inClusterHost } from './inference-service.ts'
import type { Settings } from './settings.ts'

/** How a component is reached. */
export type Backend = {
  readonly serviceName: string
  /** Of its Service. */
  readonly port: number
  /** Of its Pods; a name where the Service gives one. */
  readonly targetPort: number | string
}

/** Of a component whose Service is not known, or has no port. */
const defaultPort = 8080

/**
 * By the first port of its Service.
 * @throws Failure when that port is none
 */
export function backendOf(
  { name, serviceName }: Component,
  service: KubeObject | undefined,
  settings: Settings,
): Backend {
  const found = service === undefined ? undefined : firstPort(service)
  const port = found?.port ?? defaultPort
  const targetPort = found?.targetPort ?? port
  settings.note(`${name}.port`, port, found?.port === undefined ? 'default' : found.at('port'))
  return { serviceName, port, targetPort }
}

/** URL of a Service in the cluster: `http://name.namespace.svc.cluster.local`, with the port unless that is 80. */
export function inClusterUrl({ namespace }: InferenceService, serviceName: string, port = 80): string {
  return `http://${inClusterHost(serviceName, namespace)}${port === 80 ? '' : `:${port}`}`
}

type Port = {
  readonly port: number | undefined
  readonly targetPort: number | string | undefined
  readonly at: (field: string) => Place
}

function firstPort(service: KubeObject): Port | undefined {
  const ports = isObject(service.spec) ? service.spec.ports : undefined
  const [first] = Array.isArray(ports) ? ports : []
  if (!isObject(first)) return undefined
  const at = (field: string): Place => ({ object: service, path: ['spec', 'ports', 0, field] })
  const invalid = (field: string, allowed: string): Failure => {
    const { namespace, name } = service.metadata
    return configInvalid(`spec.ports[0].${field} of Service ${namespace}/${name}`, first[field], allowed, at(field))
  }
  const port = first.port ?? undefined
  if (port !== undefined && !isPortNumber(port)) throw invalid('port', 'a port number')
  // All are how a Service says that it is the same port.
  const targetPort = first.targetPort === 0 || first.targetPort === '' ? undefined : (first.targetPort ?? undefined)
  if (targetPort !== undefined && typeof targetPort !== 'string' && !isPortNumber(targetPort)) {
    throw invalid('targetPort', 'a port number, or the name of a port')
  }
  return { port, targetPort, at }
}

const isPortNumber = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 65_535
