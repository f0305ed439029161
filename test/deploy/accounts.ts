import { AuthorizationV1Api, CoreV1Api, KubeConfig } from '@kubernetes/client-node'
import type { KubeApi, KubeObject } from '../real/kube-api.ts'
import { collectionOf } from './objects.ts'

const kinds = ['ServiceAccount', 'Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding']

/** Creates those of the objects that say who may do what. */
export async function createAccounts(api: KubeApi, objects: readonly KubeObject[]): Promise<void> {
  for (const object of objects) {
    if (kinds.includes(object.kind)) await api.create(await collectionOf(api, object), object)
  }
}

/** A kubeconfig with a token of the ServiceAccount, as its pods get one. */
export async function kubeconfigOf(
  api: KubeApi,
  namespace: string,
  name: string,
  audience = 'https://127.0.0.1',
): Promise<KubeConfig> {
  const administrator = new KubeConfig()
  administrator.loadFromFile(api.kubeconfig)
  const asked = { namespace, name, body: { spec: { audiences: [audience] } } }
  const { status } = await administrator.makeApiClient(CoreV1Api).createNamespacedServiceAccountToken(asked)
  const account = new KubeConfig()
  account.loadFromClusterAndUser(administrator.getCurrentCluster()!, { name, token: status!.token! })
  return account
}

/**
 * Everything that the account may do in a namespace, and in the cluster, as the API itself sees it: `get list pods`, with the
 * API group after the resource (`leases.coordination.k8s.io`) and the object's name where the right is for that one alone.
 * Without what every account may ask: who it is, and what it may do.
 */
export async function rightsOf(account: KubeConfig, namespace: string): Promise<string[]> {
  const authorization = account.makeApiClient(AuthorizationV1Api)
  const { status } = await authorization.createSelfSubjectRulesReview({ body: { spec: { namespace } } })
  if (status!.incomplete) throw new Error('the API could not tell all rights')
  const verbs = new Map<string, Set<string>>()
  for (const rule of status!.resourceRules) {
    for (const group of rule.apiGroups!) {
      for (const resource of rule.resources!) {
        const name = [group === '' ? resource : `${resource}.${group}`, ...(rule.resourceNames ?? [])].join(' ')
        verbs.set(name, new Set([...(verbs.get(name) ?? []), ...rule.verbs]))
      }
    }
  }
  return [...verbs]
    .filter(([name]) => !/^self\w+\.(authorization|authentication)\.k8s\.io$/.test(name))
    .map(([name, granted]) => `${[...granted].sort().join(' ')} ${name}`)
}
