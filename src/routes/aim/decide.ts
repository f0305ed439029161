import { show } from '../../catalog/fields.ts'
import type { FieldPath } from '../../catalog/problem.ts'
import type { KubeObject } from '../../kubernetes/object.ts'
import type { Generated, ServiceCondition, ServiceProblem, Setting } from '../compiled.ts'
import type { ParentRef } from '../parent-ref.ts'
import { firstCharacters } from './characters.ts'
import { describeFault, readGatewayRef } from './gateway-ref.ts'
import { makeHttpRoute } from './http-route.ts'
import { readLabelPropagation, routeLabels } from './labels.ts'
import { type DerivedNames, deriveNames, describeLongNamespace } from './names.ts'
import { defaultTemplate, maxTemplateChars, renderPath } from './path-template.ts'
import {
  describeMalformed,
  describePlace,
  findMalformedAnnotation,
  findMalformedRouting,
  findSet,
  type Given,
  listRoutingSettings,
  type Malformed,
  type RoutingSettings,
  readRoutingSettings,
} from './settings.ts'
import { convertTimeout, maxTimeoutChars } from './timeout.ts'

/** What an AIMService and its runtime configuration call for, other services and what is observed aside. */
export type AimDecision = {
  readonly service: KubeObject
  readonly names: DerivedNames
  /** As far as they are decided. */
  readonly conditions: readonly ServiceCondition[]
  readonly outcome: Outcome
  readonly settings: readonly Setting[]
}

export type Outcome =
  /** Routing is off. */
  | { readonly kind: 'off' }
  | { readonly kind: 'problem'; readonly problem: ServiceProblem }
  | { readonly kind: 'route'; readonly route: Generated; readonly gateway: ParentRef; readonly path: string }

const defaultConfigName = 'default'
const configNamePath = ['spec', 'runtimeConfigName'] as const

/** Of the AIMRuntimeConfig and the AIMClusterRuntimeConfig that a service uses. */
export function runtimeConfigName(service: KubeObject): string {
  const value = findSet([service], configNamePath)?.value ?? ''
  if (value === '') return defaultConfigName
  return typeof value === 'string' ? value : show(value)
}

/** @param configName of both configs, from {@link runtimeConfigName} */
export function decideAimRoute(
  service: KubeObject,
  configName: string,
  config: KubeObject | undefined,
  clusterConfig: KubeObject | undefined,
): AimDecision {
  const names = deriveNames(service)
  const configs = [config, clusterConfig].filter((each) => each !== undefined)
  const named = findSet([service], configNamePath)
  const nameSetting: Setting = { name: 'runtimeConfigName', value: configName, from: named?.from ?? 'default' }
  if (configs.length === 0 && configName !== defaultConfigName) {
    const message = `there is no AIMRuntimeConfig ${service.metadata.namespace}/${configName} and no AIMClusterRuntimeConfig ${configName}`
    const problem = problemAt(service, configNamePath, 'ReferenceNotFound', message)
    const conditions = [failure('RuntimeConfigReady', problem)]
    return { service, names, conditions, outcome: { kind: 'problem', problem }, settings: [nameSetting] }
  }
  const routing = readRoutingSettings([service, ...configs])
  const labels = readLabelPropagation(configs)
  const outcome = decideOutcome({ service, names, configs, routing, labels: routeLabels(service, labels) })
  const conditions: ServiceCondition[] = configs.length > 0 ? [resolvedCondition(configs)] : []
  if (outcome.kind === 'problem') conditions.push(failure('HTTPRouteReady', outcome.problem))
  const settings = [nameSetting, ...listRoutingSettings(routing, defaultTemplate), ...labels.settings]
  return { service, names, conditions, outcome, settings }
}

type Inputs = {
  readonly service: KubeObject
  readonly names: DerivedNames
  readonly configs: readonly KubeObject[]
  readonly routing: RoutingSettings
  readonly labels: Readonly<Record<string, string>>
}

/** The first thing that is wrong, in the order of the documentation, or the route. */
function decideOutcome({ service, names, configs, routing, labels }: Inputs): Outcome {
  const layers = [service, ...configs]
  const malformed = findMalformedRouting(layers, routing)
  if (malformed !== undefined) return stopped(routingInvalid(malformed))
  if (routing.enabled?.value !== true) return { kind: 'off' }
  const long = describeLongNamespace(service.metadata.namespace!)
  if (long !== undefined) return stopped(problemAt(service, ['metadata', 'namespace'], 'NamespaceTooLong', long))
  const gateway = decideGateway(service, routing.gatewayRef)
  if ('at' in gateway) return stopped(gateway)
  const path = decidePath(service, routing.pathTemplate)
  if (typeof path !== 'string') return stopped(path)
  const timeout = decideTimeout(routing.requestTimeout)
  if (typeof timeout === 'object') return stopped(timeout)
  const malformedAnnotation = findMalformedAnnotation(layers, routing)
  if (malformedAnnotation !== undefined) return stopped(routingInvalid(malformedAnnotation))
  const annotations = Object.fromEntries([...routing.annotations].map(([key, { value }]) => [key, value as string]))
  const auth = findAuth(service)
  if (auth !== undefined) return stopped(auth)
  const route = makeHttpRoute({ service, names, labels, annotations, gateway, path, timeout })
  return { kind: 'route', route, gateway, path }
}

const stopped = (problem: ServiceProblem): Outcome => ({ kind: 'problem', problem })

/** OME's routes can be guarded so. Here it would be passed over, and what was meant to be closed would stand open. */
function findAuth(service: KubeObject): ServiceProblem | undefined {
  const annotation = 'signalbox.dev/auth'
  const value: unknown = service.metadata.annotations?.[annotation]
  if (value === undefined || value === null) return undefined
  const message = `${annotation}: found ${show(value)}, but the route of an AIMService can't ask for it: leave it out, and have a policy of your own ask`
  return problemAt(service, ['metadata', 'annotations', annotation], 'AuthUnsupported', message)
}

function routingInvalid(malformed: Malformed): ServiceProblem {
  return { reason: 'RoutingInvalid', message: describeMalformed(malformed), at: malformed.from }
}

function decideGateway(service: KubeObject, given: Given | undefined): ParentRef | ServiceProblem {
  const reason = 'GatewayNotConfigured'
  const message = 'Routing is enabled but no gatewayRef is configured in service or runtime config'
  if (given === undefined) return problemAt(service, ['spec', 'routing', 'gatewayRef'], reason, message)
  const gateway = readGatewayRef(given)
  if (!('allowed' in gateway)) return gateway
  const at = { object: given.from.object, path: [...given.from.path, ...gateway.path] }
  return { reason, message: `${message}: ${describePlace(at)}: ${describeFault(gateway)}`, at }
}

function decidePath(service: KubeObject, given: Given | undefined): string | ServiceProblem {
  const reason = 'PathTemplateInvalid'
  const at = given?.from ?? { object: service, path: ['spec', 'routing', 'pathTemplate'] }
  const written = given?.value ?? ''
  if (typeof written !== 'string') {
    return { reason, message: `path template: found ${show(written)}, allowed: a string`, at }
  }
  const template = written || defaultTemplate
  const rendered = renderPath(template, service)
  if ('path' in rendered) return rendered.path
  const isDefaultInFile = written === '' && service.metadata.uid === undefined
  const hint = isDefaultInFile ? '; it is the default, and a service in a file has no uid: set a pathTemplate' : ''
  const shown = firstCharacters(template, maxTemplateChars)
  return { reason, message: `path template "${shown}": ${rendered.cause}${hint}`, at }
}

function decideTimeout(given: Given | undefined): string | undefined | ServiceProblem {
  if (given === undefined) return undefined
  const { value, from } = given
  const converted = convertTimeout(value)
  if ('duration' in converted) return converted.duration
  const shown = typeof value === 'string' ? ` "${firstCharacters(value, maxTimeoutChars)}"` : ''
  return { reason: 'RequestTimeoutInvalid', message: `request timeout${shown}: ${converted.cause}`, at: from }
}

function resolvedCondition(configs: readonly KubeObject[]): ServiceCondition {
  const message = `${configs.map(({ kind, metadata }) => `${kind} ${metadata.name}`).join(' and ')} found`
  return { type: 'RuntimeConfigReady', status: 'True', reason: 'RuntimeConfigResolved', message }
}

/** The condition that tells of a problem. */
export function failure(type: string, { reason, message }: ServiceProblem): ServiceCondition {
  return { type, status: 'False', reason, message }
}

function problemAt(object: KubeObject, path: FieldPath, reason: string, message: string): ServiceProblem {
  return { reason, message, at: { object, path } }
}
