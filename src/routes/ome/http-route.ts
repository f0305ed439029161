import { isObject } from '../../catalog/resource.ts'
import type { Generated } from '../compiled.ts'
import { cutName } from '../cut-name.ts'
import type { ParentRef } from '../parent-ref.ts'
import type { Backend } from './backend.ts'
import { configInvalid } from './failure.ts'
import type { Hosts } from './hosts.ts'
import { type Component, componentsOf, type InferenceService } from './inference-service.ts'
import { metadataOf, routeAnnotations, routeLabels } from './metadata.ts'
import { type PathRule, pathRules, rulesOfComponent } from './path-rule.ts'
import type { SharedPath } from './path-template.ts'
import type { Settings } from './settings.ts'

/** An HTTPRoute takes 16 hostnames, and the main host is one. */
export const maxAdditionalHosts = 15

/** By Gateway API duration, in seconds; 0 is no timeout. */
const maxTimeoutSeconds = 99_999
const defaultTimeoutSeconds = 60

/** What every HTTPRoute of a service has in common. */
export type RouteFrame = {
  readonly parent: ParentRef
  readonly backendOf: (component: Component) => Backend
  readonly timeoutSeconds: ReadonlyMap<Component, number>
}

/** @throws Failure */
export function readParent(settings: Settings): ParentRef {
  const { value, field, at } = settings.text('omeIngressGateway')
  const [namespace, name, ...rest] = value.split('/')
  if (!namespace || !name || rest.length > 0) throw configInvalid(field, value, 'namespace/name of a Gateway', at)
  return { group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace, name }
}

/**
 * Of each component.
 * @throws Failure
 */
export function readTimeouts(isvc: InferenceService, settings: Settings): ReadonlyMap<Component, number> {
  return new Map(componentsOf(isvc).map((component) => [component, readTimeout(isvc, component, settings)]))
}

function readTimeout({ service }: InferenceService, { name, spec }: Component, settings: Settings): number {
  const written = isObject(spec) ? (spec.timeoutSeconds ?? undefined) : undefined
  const at = { object: service, path: ['spec', name, 'timeoutSeconds'] }
  settings.note(`${name}.timeoutSeconds`, written ?? defaultTimeoutSeconds, written === undefined ? 'default' : at)
  if (written === undefined) return defaultTimeoutSeconds
  if (isTimeout(written)) return written
  throw configInvalid(`spec.${name}.timeoutSeconds`, written, `a whole number from 0 to ${maxTimeoutSeconds}`, at)
}

const isTimeout = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= maxTimeoutSeconds

/** gateway.networking.k8s.io/v1: the main one, those of components, that of the shared path. */
export function httpRoutes(
  isvc: InferenceService,
  { main, additional, ofComponents }: Hosts,
  sharedPath: SharedPath | undefined,
  frame: RouteFrame,
): readonly Generated[] {
  const route = (name: string, hostnames: readonly string[], rules: readonly object[]): Generated => ({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: metadataOf(isvc, name, routeLabels(isvc), routeAnnotations(isvc)),
    spec: { parentRefs: [frame.parent], hostnames, rules },
  })
  const rules = (each: readonly PathRule[]) => each.map(({ prefix, component }) => rule(isvc, component, prefix, frame))
  const routes = [
    route(isvc.cutName, [main, ...additional], rules(pathRules(isvc))),
    ...ofComponents.map(({ component, host }) =>
      route(component.serviceName, [host], rules(rulesOfComponent(component))),
    ),
  ]
  if (sharedPath === undefined) return routes
  const { host, path } = sharedPath
  const rewritten = pathRules(isvc).map(({ prefix, component }) =>
    rule(isvc, component, prefix === '/' ? path : `${path}${prefix}`, frame, prefix),
  )
  return [...routes, route(cutName(`${isvc.service.metadata.name}-path`), [host], rewritten)]
}

function rule(
  isvc: InferenceService,
  component: Component,
  value: string,
  frame: RouteFrame,
  rewrite?: string,
): object {
  const { namespace, service } = isvc
  const { serviceName, port } = frame.backendOf(component)
  const set = [
    { name: 'OMe-Isvc-Name', value: service.metadata.name },
    { name: 'OME-Isvc-Namespace', value: namespace },
  ]
  const filters: object[] = [{ type: 'RequestHeaderModifier', requestHeaderModifier: { set } }]
  if (rewrite !== undefined) {
    const path = { type: 'ReplacePrefixMatch', replacePrefixMatch: rewrite }
    filters.push({ type: 'URLRewrite', urlRewrite: { path } })
  }
  return {
    matches: [{ path: { type: 'PathPrefix', value } }],
    filters,
    backendRefs: [{ kind: 'Service', name: serviceName, namespace, port }],
    timeouts: { request: `${frame.timeoutSeconds.get(component)}s` },
  }
}
