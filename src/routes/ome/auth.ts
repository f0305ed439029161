import type { KubeObject } from '../../kubernetes/object.ts'
import type { Generated } from '../compiled.ts'
import { isDnsSubdomain } from './dns.ts'
import type { Exposure } from './exposure.ts'
import { configInvalid, Failure, showFound } from './failure.ts'
import type { InferenceService } from './inference-service.ts'
import { metadataOf, routeLabels } from './metadata.ts'
import type { Settings } from './settings.ts'
import { annotationsOf, placeOf, textOf } from './text-map.ts'

/** What clients have to show. */
export type Auth = {
  readonly kind: 'apikey' | 'basic'
  /** A Secret in the namespace of the service. */
  readonly secret: string
}

const authAnnotation = 'signalbox.dev/auth'
const authSecretAnnotation = 'signalbox.dev/auth-secret'
export const authAnnotations: readonly string[] = [authAnnotation, authSecretAnnotation]

/**
 * Undefined when anybody may come in.
 * @throws Failure on anything that could be meant to close the service, so that a slip of the pen leaves nothing open
 */
export function readAuth(service: KubeObject, settings: Settings): Auth | undefined {
  const annotations = annotationsOf(service)
  const kind = textOf(annotations, authAnnotation)
  if (kind === undefined) return undefined
  const at = placeOf(annotations, authAnnotation)
  if (kind !== 'apikey' && kind !== 'basic') throw configInvalid(authAnnotation, kind, 'apikey, basic', at)
  settings.note('auth', kind, at)
  const secret = textOf(annotations, authSecretAnnotation)
  const secretAt = placeOf(annotations, authSecretAnnotation)
  // A name alone: an ingress controller would read `namespace/name` as a Secret of somebody else.
  if (secret === undefined || !isDnsSubdomain(secret)) {
    throw configInvalid(authSecretAnnotation, secret, `the name of a Secret, as ${authAnnotation} is ${kind}`, secretAt)
  }
  settings.note('authSecret', secret, secretAt)
  return { kind, secret }
}

/**
 * @param exposure by what the service is reached
 * @throws Failure when clients could come in unasked that way
 */
export function checkAskable(
  { service }: InferenceService,
  { kind }: Auth,
  exposure: Exposure,
  settings: Settings,
): void {
  if (exposure === 'http-routes') return
  const ingressClass = exposure === 'ingress' ? settings.text('ingressClassName').value : undefined
  if (kind === 'basic' && ingressClass === nginxClass) return
  const what = ingressClass === undefined ? ways[exposure] : `an Ingress of class ${showFound(ingressClass)}`
  const message = `${authAnnotation}: found "${kind}", which ${what} can't ask for, so nothing is generated`
  throw new Failure('AuthUnsupported', message, placeOf(annotationsOf(service), authAnnotation))
}

const ways: Readonly<Record<Exposure, string>> = {
  'external-service': 'a Service (creation of routes is disabled)',
  'knative-routes': 'a Serverless service',
  'cluster-local': 'a service for the cluster alone',
  'virtual-service': 'a Serverless service',
  'http-routes': 'an HTTPRoute',
  ingress: 'an Ingress',
}

/** The class of the one ingress controller whose annotations are known here. */
const nginxClass = 'nginx'

/** By which ingress-nginx asks for a password. */
export const nginxAnnotations = ({ secret }: Auth): Readonly<Record<string, string>> => ({
  'nginx.ingress.kubernetes.io/auth-type': 'basic',
  'nginx.ingress.kubernetes.io/auth-secret': secret,
})

/** gateway.envoyproxy.io/v1alpha1, for all of these routes. */
export function securityPolicy(isvc: InferenceService, auth: Auth, routes: readonly Generated[]): Generated {
  const targetRefs = routes.map(({ kind, metadata }) => ({
    group: 'gateway.networking.k8s.io',
    kind,
    name: metadata.name,
  }))
  return {
    apiVersion: 'gateway.envoyproxy.io/v1alpha1',
    kind: 'SecurityPolicy',
    metadata: metadataOf(isvc, isvc.cutName, routeLabels(isvc)),
    spec: { targetRefs, ...authentication(auth) },
  }
}

function authentication({ kind, secret }: Auth): Readonly<Record<string, unknown>> {
  switch (kind) {
    case 'apikey':
      return {
        apiKeyAuth: { credentialRefs: [{ name: secret }], extractFrom: [{ headers: ['Authorization'] }] },
      }
    case 'basic':
      return { basicAuth: { users: { name: secret } } }
  }
}
