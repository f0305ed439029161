import { securityPolicy } from './auth.ts'
import { inClusterUrl } from './backend.ts'
import { clusterLocal } from './cluster-local.ts'
import type { Compilation } from './compilation.ts'
import { ingressClassNotApplied, pathTemplateNotApplied, readyCondition } from './conditions.ts'
import { configInvalid } from './failure.ts'
import { hasInClusterHost, readHosts } from './hosts.ts'
import { httpRoutes, maxAdditionalHosts, readParent, readTimeouts } from './http-route.ts'
import { entryOf } from './inference-service.ts'
import { ingress, readIngressClass } from './ingress.ts'
import { notReady, type Outcome, routed } from './outcome.ts'
import { readSharedPath } from './path-template.ts'
import { isReady } from './readiness.ts'
import type { Settings } from './settings.ts'
import { externalNameService, readIngressGateway, readLocalGateways, virtualService } from './virtual-service.ts'

export function throughVirtualService(compilation: Compilation): Outcome {
  const { isvc, settings } = compilation
  const scheme = readUrlScheme(settings)
  const local = readLocalGateways(settings)
  // A service that turns out to be for the cluster alone needs no gateway to the outside.
  if (hasInClusterHost(isvc, settings)) return clusterLocal(compilation)
  const gateway = readIngressGateway(settings)
  const hosts = readHosts(isvc, settings)
  const sharedPath = readSharedPath(isvc, settings)
  if (!isReady(isvc)) return notReady
  const objects = [externalNameService(isvc, local), virtualService(isvc, local, { gateway, hosts, sharedPath })]
  const address = inClusterUrl(isvc, isvc.cutName)
  return routed(objects, `${scheme}://${hosts.main}`, address, readyCondition, ...ingressClassNotApplied(settings))
}

export function throughHttpRoutes(compilation: Compilation): Outcome {
  const { isvc, settings, auth, backendOf } = compilation
  const scheme = readUrlScheme(settings)
  if (hasInClusterHost(isvc, settings)) return clusterLocal(compilation)
  const parent = readParent(settings)
  const hosts = readHosts(isvc, settings, maxAdditionalHosts)
  const sharedPath = readSharedPath(isvc, settings)
  const timeoutSeconds = readTimeouts(isvc, settings)
  if (!isReady(isvc)) return notReady
  const routes = httpRoutes(isvc, hosts, sharedPath, { parent, backendOf, timeoutSeconds })
  const objects = auth === undefined ? routes : [securityPolicy(isvc, auth, routes), ...routes]
  const url = `${scheme}://${hosts.main}`
  return routed(objects, url, entryUrl(compilation), readyCondition, ...ingressClassNotApplied(settings))
}

export function throughIngress(compilation: Compilation): Outcome {
  const { isvc, settings, auth, backendOf } = compilation
  const scheme = readUrlScheme(settings)
  if (hasInClusterHost(isvc, settings)) return clusterLocal(compilation)
  const hosts = readHosts(isvc, settings)
  const sharedPath = readSharedPath(isvc, settings)
  const ingressClass = readIngressClass(settings)
  if (!isReady(isvc)) return notReady
  const objects = [ingress(isvc, ingressClass, hosts, backendOf, auth)]
  const notApplied = sharedPath === undefined ? [] : [pathTemplateNotApplied(sharedPath.template)]
  return routed(objects, `${scheme}://${hosts.main}`, entryUrl(compilation), readyCondition, ...notApplied)
}

/** Where the cluster reaches it: nothing stands before its Services. */
function entryUrl({ isvc, backendOf }: Compilation): string {
  const { serviceName, port } = backendOf(entryOf(isvc))
  return inClusterUrl(isvc, serviceName, port)
}

/** Of the URL that clients are told: who ends TLS is not known here. */
function readUrlScheme(settings: Settings): string {
  const { value, field, at } = settings.text('urlScheme')
  if (value !== 'http' && value !== 'https') throw configInvalid(field, value, 'http, https', at)
  return value
}
