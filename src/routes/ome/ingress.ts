import type { Generated } from '../compiled.ts'
import { type Auth, nginxAnnotations } from './auth.ts'
import type { Backend } from './backend.ts'
import { isDnsSubdomain } from './dns.ts'
import { configInvalid } from './failure.ts'
import type { Hosts } from './hosts.ts'
import type { Component, InferenceService } from './inference-service.ts'
import { metadataOf, routeAnnotations, routeLabels } from './metadata.ts'
import { type PathRule, pathRules, rulesOfComponent } from './path-rule.ts'
import type { Settings } from './settings.ts'

/** @throws Failure */
export function readIngressClass(settings: Settings): string {
  const { value, field, at } = settings.text('ingressClassName')
  if (!isDnsSubdomain(value)) throw configInvalid(field, value, 'a lower-case DNS name', at)
  return value
}

/** networking.k8s.io/v1. Without TLS: certificates belong to the ingress controller. */
export function ingress(
  isvc: InferenceService,
  ingressClassName: string,
  { main, additional, ofComponents }: Hosts,
  backendOf: (component: Component) => Backend,
  auth: Auth | undefined,
): Generated {
  const rule = (host: string, rules: readonly PathRule[]) => ({
    host,
    http: {
      paths: rules.map(({ prefix, component }) => {
        const { serviceName, port } = backendOf(component)
        return { path: prefix, pathType: 'Prefix', backend: { service: { name: serviceName, port: { number: port } } } }
      }),
    },
  })
  const annotations = { ...routeAnnotations(isvc), ...(auth === undefined ? {} : nginxAnnotations(auth)) }
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: metadataOf(isvc, isvc.cutName, routeLabels(isvc), annotations),
    spec: {
      ingressClassName,
      rules: [
        ...[main, ...additional].map((host) => rule(host, pathRules(isvc))),
        ...ofComponents.map(({ host, component }) => rule(host, rulesOfComponent(component))),
      ],
    },
  }
}
