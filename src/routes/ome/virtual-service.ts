import type { Generated } from '../compiled.ts'
import { configInvalid } from './failure.ts'
import type { Hosts } from './hosts.ts'
import { type Component, type InferenceService, inClusterHost } from './inference-service.ts'
import { metadataOf, routeAnnotations, routeLabels } from './metadata.ts'
import { pathRules } from './path-rule.ts'
import type { SharedPath } from './path-template.ts'
import type { Settings } from './settings.ts'

/** What Knative's gateways are called. */
export type LocalGateways = {
  /** As a VirtualService names it: `namespace/name`. */
  readonly gateway: string
  /** Host that the ExternalName Service stands for. */
  readonly service: string
  /** Host that all requests are handed to, for Knative to bring them to the component that the header Host names. */
  readonly knativeService: string
}

/** What of a service is reached from outside. */
export type Outside = { readonly gateway: string; readonly hosts: Hosts; readonly sharedPath: SharedPath | undefined }

/** @throws Failure when one is empty */
export function readLocalGateways(settings: Settings): LocalGateways {
  return {
    gateway: notEmpty('localGateway', settings),
    service: notEmpty('localGatewayService', settings),
    knativeService: notEmpty('knativeLocalGatewayService', settings),
  }
}

/** @throws Failure when it is empty */
export const readIngressGateway = (settings: Settings): string => notEmpty('ingressGateway', settings)

function notEmpty(name: Parameters<Settings['text']>[0], settings: Settings): string {
  const { value, field, at } = settings.text(name)
  if (value === '') throw configInvalid(field, value, 'a text that is not empty, as a Serverless service needs it', at)
  return value
}

/**
 * networking.istio.io/v1beta1.
 * @param outside undefined for a service that only the cluster reaches
 */
export function virtualService(isvc: InferenceService, local: LocalGateways, outside: Outside | undefined): Generated {
  const inside = match(isvc.inClusterHost, [local.gateway, mesh])
  const wholeService = [inside, ...(outside === undefined ? [] : wholeServiceOutside(outside))]
  const to = (component: Component, matches: readonly Match[], rewrite?: string) =>
    httpRoute(isvc, local, component, matches, rewrite)
  return {
    apiVersion: 'networking.istio.io/v1beta1',
    kind: 'VirtualService',
    metadata: metadataOf(isvc, isvc.cutName, routeLabels(isvc), routeAnnotations(isvc)),
    spec: {
      hosts: [...new Set([isvc.inClusterHost, ...(outside === undefined ? [] : hostsOutside(outside))])],
      gateways: [local.gateway, mesh, ...(outside === undefined ? [] : [outside.gateway])],
      http: [
        ...pathRules(isvc).map(({ prefix, component }) =>
          to(component, prefix === '/' ? wholeService : wholeService.map((each) => ({ uri: { prefix }, ...each }))),
        ),
        ...(outside === undefined ? [] : routesOutside(isvc, outside, to)),
      ],
    },
  }
}

/** Type `ExternalName`: the name of the service in the cluster stands for the local gateway. */
export function externalNameService(isvc: InferenceService, local: LocalGateways): Generated {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadataOf(isvc, isvc.cutName, routeLabels(isvc)),
    spec: { type: 'ExternalName', externalName: local.service, sessionAffinity: 'None' },
  }
}

/** The gateway that stands for all sidecars. */
const mesh = 'mesh'

/** Istio HTTPMatchRequest. */
type Match = {
  readonly uri?: { readonly prefix: string } | { readonly exact: string }
  readonly authority: { readonly regex: string }
  readonly gateways: readonly string[]
}

const match = (host: string, gateways: readonly string[]): Match => ({
  authority: { regex: authority(host) },
  gateways,
})

/** A host with or without a port; one in the cluster also by its shorter names. */
function authority(host: string): string {
  const inCluster = '.svc.cluster.local'
  const escaped = (text: string) => text.replaceAll('.', '\\.')
  const names = host.endsWith(inCluster)
    ? `${escaped(host.slice(0, -inCluster.length))}(\\.svc(\\.cluster\\.local)?)?`
    : escaped(host)
  return `^${names}(?::\\d{1,5})?$`
}

const wholeServiceOutside = ({ gateway, hosts }: Outside): readonly Match[] =>
  [hosts.main, ...hosts.additional].map((host) => match(host, [gateway]))

const hostsOutside = ({ hosts, sharedPath }: Outside): readonly string[] => [
  hosts.main,
  ...(sharedPath === undefined ? [] : [sharedPath.host]),
  ...hosts.additional,
  ...hosts.ofComponents.map(({ host }) => host),
]

function routesOutside(
  isvc: InferenceService,
  { gateway, hosts, sharedPath }: Outside,
  to: (component: Component, matches: readonly Match[], rewrite?: string) => object,
): readonly object[] {
  const ofComponents = hosts.ofComponents.map(({ component, host }) => to(component, [match(host, [gateway])]))
  if (sharedPath === undefined) return ofComponents
  const { host, path } = sharedPath
  const onHost = match(host, [gateway])
  const ofPath = pathRules(isvc).map(({ prefix, component }) => {
    // A prefix is compared as text: without its slash it would match the paths of services whose names begin alike.
    const uris = prefix === '/' ? [{ prefix: `${path}/` }, { exact: path }] : [{ prefix: `${path}${prefix}` }]
    return to(
      component,
      uris.map((uri) => ({ uri, ...onHost })),
      prefix,
    )
  })
  return [...ofComponents, ...ofPath]
}

function httpRoute(
  { service, namespace }: InferenceService,
  { knativeService }: LocalGateways,
  { serviceName }: Component,
  matches: readonly Match[],
  rewrite: string | undefined,
): object {
  return {
    match: matches,
    ...(rewrite === undefined ? {} : { rewrite: { uri: rewrite } }),
    route: [{ destination: { host: knativeService, port: { number: 80 } }, weight: 100 }],
    headers: {
      request: {
        set: {
          Host: inClusterHost(serviceName, namespace),
          'OMe-Isvc-Name': service.metadata.name,
          'OME-Isvc-Namespace': namespace,
        },
      },
    },
  }
}
