import { createHash } from 'node:crypto'
import type { KubeObject } from '../real/kube-api.ts'
import type { PlannedService } from './route-servers.ts'
import { gateway, namespace } from './service-cluster.ts'

/** HTTPRoutes at the only Gateway, with hosts in two domains, and a path for each service on a third host. */
export const omeConfig: KubeObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'inferenceservice-config', namespace: 'ome' },
  data: {
    ingress: JSON.stringify({
      enableGatewayAPI: true,
      omeIngressGateway: `${gateway.namespace}/${gateway.name}`,
      ingressDomain: 'models.example.com',
      additionalIngressDomains: ['ai.example.net'],
      pathTemplate: '/serving/{{ .Namespace }}/{{ .Name }}',
    }),
  },
}

const raw = { 'ome.io/deployment-mode': 'RawDeployment' }

export const byModel = { 'signalbox.dev/model-routing': 'true' }
export const asking = (auth: 'apikey' | 'basic', secret: string) => ({
  'signalbox.dev/auth': auth,
  'signalbox.dev/auth-secret': secret,
})
/** Its servers have a second for an answer. */
export const hasty = { engine: { minReplicas: 1, timeoutSeconds: 1 } }

/** RawDeployment; its model has its name. */
export function inferenceService(
  name: string,
  annotations: Readonly<Record<string, string>> = {},
  components: object = {},
): KubeObject {
  const metadata = { name, annotations: { ...raw, ...annotations } }
  const engine = { minReplicas: 1 }
  return {
    apiVersion: 'ome.io/v1beta1',
    kind: 'InferenceService',
    metadata,
    spec: { engine, ...components, model: { name } },
  }
}

export const secret = (name: string, stringData: Readonly<Record<string, string>>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name },
  stringData,
})

/** A line of `.htpasswd`; Envoy knows no other hash. */
export const htpasswd = (user: string, password: string) =>
  `${user}:{SHA}${createHash('sha1').update(password).digest('base64')}`

/** The header `Authorization` of a user. */
export const basic = (user: string, password: string) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

/** Main host of a service, or host of a component. */
export const hostOf = (name: string) => `${name}.${namespace}.models.example.com`
/** Where the path template leads to. */
export const sharedHost = 'models.example.com'

export const server = (name: string, model: string, port: number, host: number): PlannedService => ({
  name,
  namespace,
  port,
  model,
  host,
})
