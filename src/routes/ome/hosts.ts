import { isDnsName, isIpAddress } from './dns.ts'
import { renderHost } from './domain-template.ts'
import { configInvalid, Failure } from './failure.ts'
import { type Component, componentsOf, type InferenceService } from './inference-service.ts'
import type { Settings } from './settings.ts'

/** Names under which a service is reached from outside: none twice. */
export type Hosts = {
  readonly main: string
  /** The main host under other domains. */
  readonly additional: readonly string[]
  readonly ofComponents: readonly ComponentHost[]
}

/** A host of one component alone. */
export type ComponentHost = { readonly component: Component; readonly host: string }

/**
 * @param maxAdditional as many additional hosts as what is made can have
 * @throws Failure
 */
export function readHosts(isvc: InferenceService, settings: Settings, maxAdditional = Number.POSITIVE_INFINITY): Hosts {
  const main = mainHost(isvc, settings)
  const additional = additionalHosts(main, settings, maxAdditional)
  return { main, additional, ofComponents: componentHosts(isvc, settings, [main, ...additional]) }
}

/** Whether the main host is the name that the service has in the cluster; not when there is no main host. */
export function hasInClusterHost(isvc: InferenceService, settings: Settings): boolean {
  try {
    return mainHost(isvc, settings) === isvc.inClusterHost
  } catch (error) {
    if (error instanceof Failure) return false
    throw error
  }
}

const mainHost = (isvc: InferenceService, settings: Settings): string => hostOf(isvc.cutName, isvc, settings)

function additionalHosts(main: string, settings: Settings, max: number): readonly string[] {
  const { value: domains, field, at } = settings.additionalIngressDomains()
  const suffix = `.${settings.text('ingressDomain').value}`
  const hosts = new Set<string>()
  for (const domain of domains) {
    if (!isDnsName(domain)) throw configInvalid(field, domain, 'lower-case DNS names', at)
    if (!main.endsWith(suffix)) continue
    const host = `${main.slice(0, -suffix.length)}.${domain}`
    if (!isDnsName(host) || isIpAddress(host)) {
      throw configInvalid(field, domain, `a domain with which ${host} is a DNS name of at most 253 characters`, at)
    }
    if (host !== main) hosts.add(host)
  }
  if (hosts.size > max) {
    throw configInvalid(field, domains.join(','), `domains for at most ${max} more hosts, not ${hosts.size}`, at)
  }
  return [...hosts]
}

/** A host for each component where there are several, without those that are taken. */
function componentHosts(
  isvc: InferenceService,
  settings: Settings,
  taken: readonly string[],
): readonly ComponentHost[] {
  const components = componentsOf(isvc)
  if (components.length === 1) return []
  const known = new Set(taken)
  return components
    .map((component) => ({ component, host: hostOf(component.serviceName, isvc, settings) }))
    .filter(({ host }) => !known.has(host) && known.add(host))
}

function hostOf(name: string, { service, namespace }: InferenceService, settings: Settings): string {
  const template = settings.text('domainTemplate')
  const ingressDomain = settings.text('ingressDomain').value
  return renderHost(template, service, { Name: name, Namespace: namespace, IngressDomain: ingressDomain })
}
